//! What comes out: numbers with their uncertainty, tables, pictures, and files that are whole or not there.

pub mod atomic;
pub mod evaluation;
pub mod grid;
pub mod statistics;
pub mod table;
