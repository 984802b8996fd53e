//! unperturb.
