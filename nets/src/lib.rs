//! Part of unperturb.
