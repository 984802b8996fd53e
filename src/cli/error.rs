//! The application's error: one sentence on standard error, and an exit status.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use unperturb_files::WriteError;

use crate::report::evaluation::OutcomeError;
use crate::report::grid::GridError;
use crate::spec::SpecError;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Arguments that cannot be read, or do not go together. Exit status 2.
    #[error("{0}")]
    Usage(String),
    /// An attack or a defence that cannot be read. Exit status 2.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A result that could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Standard output that could not be written.
    #[error("cannot write to standard output")]
    Output(#[source] std::io::Error),
    /// Results that do not fit together.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// A picture that cannot be made.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The user's Ctrl-C. `0` says how to go on, if that is possible.
    #[error("stopped by an interrupt{}", .0.as_deref().map(|way| format!("; {way}")).unwrap_or_default())]
    Interrupted(Option<String>),
    /// Anything that another crate reports, in the words of what was being done.
    #[error("{doing}")]
    Failed {
        /// What failed, as the beginning of a sentence: `cannot read the classifier`.
        doing: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Wraps another crate's error in the words of what was being done: `cannot read the classifier`.
    pub fn failed<E: Into<Box<dyn StdError + Send + Sync>>>(
        doing: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |source| Error::Failed { doing, source: source.into() }
    }

    /// 2 for wrong use, else 1.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Usage(_) | Error::Spec(_) => 2,
            Error::Write(_)
            | Error::Output(_)
            | Error::Outcome(_)
            | Error::Grid(_)
            | Error::Interrupted(_)
            | Error::Failed { .. } => 1,
        }
    }

    /// Whether whoever read our output has had enough (`unperturb devices | head -1`), which is no failure.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Error::Output(source) if source.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// Says the one sentence on standard error and gives the exit status.
    pub fn report(&self) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        // A standard error that is closed or full is no reason to panic.
        let _ = writeln!(io::stderr(), "unperturb: {}", Sentence(self));
        ExitCode::from(self.exit_status())
    }
}

/// An error and its causes on one line, with one full stop.
struct Sentence<'a>(&'a dyn StdError);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sentence = one_line(&self.0.to_string());
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = one_line(&error.to_string());
            // Many errors already quote their cause.
            if !text.is_empty() && !sentence.contains(&text) {
                sentence = format!("{sentence}: {text}");
            }
            cause = error.source();
        }
        write!(f, "{sentence}.")
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches(['.', ':']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(error: &Error) -> String {
        Sentence(error).to_string()
    }

    #[test]
    fn causes_follow_on_the_same_line_unless_already_quoted() {
        #[derive(Debug, thiserror::Error)]
        #[error("the file ends early.\n  at byte 12")]
        struct Inner;
        #[derive(Debug, thiserror::Error)]
        #[error("bad header")]
        struct Middle(#[source] Inner);

        let error = Error::failed("cannot read the classifier `a.pt`")(Middle(Inner));
        assert_eq!(
            sentence(&error),
            "cannot read the classifier `a.pt`: bad header: the file ends early. at byte 12."
        );
        let quoted = Error::failed("cannot read `a.pt`: the file ends early. at byte 12")(Inner);
        assert_eq!(sentence(&quoted), "cannot read `a.pt`: the file ends early. at byte 12.");
    }

    #[test]
    fn a_missing_folder_is_named_once() {
        let error = unperturb_files::write("/missing/result.json".as_ref(), b"").unwrap_err();
        assert_eq!(
            sentence(&error.into()),
            "cannot write `/missing/result.json`: its folder does not exist."
        );
    }

    #[test]
    fn wrong_use_is_two_and_failure_is_one() {
        let spec = "pdg".parse::<crate::attack::Attack>().unwrap_err();
        assert_eq!(Error::from(spec).exit_status(), 2);
        assert_eq!(Error::Usage(String::new()).exit_status(), 2);
        assert_eq!(Error::failed("x")("y").exit_status(), 1);
        assert_eq!(Error::Interrupted(None).exit_status(), 1);
    }

    #[test]
    fn an_interrupt_says_how_to_go_on() {
        assert_eq!(sentence(&Error::Interrupted(None)), "stopped by an interrupt.");
        let way = "go on with `--resume run.ckpt`".to_owned();
        assert_eq!(
            sentence(&Error::Interrupted(Some(way))),
            "stopped by an interrupt; go on with `--resume run.ckpt`."
        );
    }
}
