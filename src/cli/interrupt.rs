//! Ctrl-C: ends long loops where they can be resumed.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Error;

/// Whether the user wants us to stop. Cheap to clone and to ask, from any thread.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C (and, on Unix, SIGTERM and SIGHUP). The first asks long loops to stop at the next
    /// place from which they can go on; the second ends the program at once.
    ///
    /// # Errors
    /// Where the system does not let us listen, or somebody in this process already does.
    pub fn install() -> Result<Self, Error> {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        ctrlc::set_handler(move || {
            if heard.request() {
                process::exit(1);
            }
        })
        .map_err(Error::failed("cannot listen for Ctrl-C"))?;
        Ok(interrupt)
    }

    /// Whether to stop now.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks to stop, as Ctrl-C does; says whether that had been asked before.
    pub fn request(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Ends a loop that has nothing to resume, by `?`.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once a stop is requested.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_requested() { Err(Error::Interrupted(None)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_request() {
        let interrupt = Interrupt::default();
        let clone = interrupt.clone();
        assert!(clone.check().is_ok());
        assert!(!interrupt.request());
        assert!(clone.is_requested());
        assert!(matches!(clone.check(), Err(Error::Interrupted(None))));
        assert!(clone.request());
    }
}
