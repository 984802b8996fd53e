//! The command line of unperturb.
fn main() {}
