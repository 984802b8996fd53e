//! The little language of `--attack` and `--defence`: `name:key=value,key=value`, comma-separated in lists.
//!
//! A comma separates entries as well as the options of one entry. The rule that tells them apart: after a
//! colon, an item with `=` belongs to the entry before it, and an item without `=` (or with a colon before it)
//! starts the next. So `multi-task:eps=16/255,steps=40,contrastive` is two defences.

mod magnitude;
mod options;
mod words;

pub use magnitude::{Magnitude, MagnitudeError};
pub use options::{Entry, OptionValue, Options, entries, full, parse_list, parse_one, short};
pub(crate) use words::words;

/// Why a text of this language was refused. Every message is one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Nothing, or nothing between two commas.
    #[error("an empty {kind} in `{text}`: {kind}s are {known}")]
    Empty {
        /// `attack` or `defence`.
        kind: &'static str,
        /// The whole text.
        text: String,
        /// The names there are.
        known: String,
    },
    /// A name that nothing bears.
    #[error("there is no {kind} `{name}`: {kind}s are {known}")]
    UnknownName {
        /// `attack` or `defence`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An option that this entry does not have.
    #[error("`{name}` has no option `{key}`: {known}")]
    UnknownOption {
        /// The entry.
        name: String,
        /// The option.
        key: String,
        /// The options it has, as part of a sentence.
        known: String,
    },
    /// An option that cannot be read.
    #[error("`{key}={value}` of `{name}` cannot be read: {reason}")]
    Value {
        /// The entry.
        name: String,
        /// The option.
        key: String,
        /// What was given.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// One option given twice.
    #[error("`{name}` is given the option `{key}` twice")]
    RepeatedOption {
        /// The entry.
        name: String,
        /// The option.
        key: String,
    },
    /// An option where an entry should begin.
    #[error("`{option}` stands before the {kind} it belongs to: write `name:{option}`")]
    StrayOption {
        /// `attack` or `defence`.
        kind: &'static str,
        /// The option.
        option: String,
    },
    /// Options that can be read but not run.
    #[error("`{name}` cannot run like this: {reason}")]
    Invalid {
        /// The entry.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The same entry twice in one list.
    #[error("the {kind} `{entry}` is listed twice")]
    RepeatedEntry {
        /// `attack` or `defence`.
        kind: &'static str,
        /// The entry, in short form.
        entry: String,
    },
    /// A list where one entry was expected.
    #[error("`{text}` names {count} {kind}s where one is expected")]
    NotOne {
        /// `attack` or `defence`.
        kind: &'static str,
        /// The whole text.
        text: String,
        /// How many were found.
        count: usize,
    },
}
