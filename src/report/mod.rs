//! What comes out: numbers with their uncertainty, tables and pictures.

pub mod adaptive;
pub mod columns;
pub mod evaluation;
pub mod grid;
pub mod statistics;
pub mod table;
