//! Which variant each operation takes: what was measured, kept from one process to the next.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use super::device::lock;
use super::variants::Variant;

/// Names an operation on operands of certain types together with all its variants, so that kernels which have
/// changed since are measured anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject(String);

impl Subject {
    /// The operation called `name`, which runs as one of `variants`.
    pub fn new(name: &str, variants: &[Variant]) -> Self {
        let mut hasher = DefaultHasher::new();
        for Variant { name, lowered, .. } in variants {
            name.hash(&mut hasher);
            lowered.scratch.hash(&mut hasher);
            for launch in &lowered.launches {
                (&launch.source, &launch.bindings, &launch.params, launch.workgroups).hash(&mut hasher);
            }
        }
        Subject(format!("{}-{:016x}", name.replace(char::is_whitespace, "-"), hasher.finish()))
    }
}

/// The chosen variant of each subject.
#[derive(Debug, Default)]
pub(super) struct Choices {
    known: Mutex<BTreeMap<Subject, String>>,
}

impl Choices {
    pub fn get(&self, subject: &Subject) -> Option<String> {
        lock(&self.known).get(subject).cloned()
    }

    pub fn set(&self, subject: Subject, variant: &str) {
        lock(&self.known).insert(subject, variant.to_owned());
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        lock(&self.known).len()
    }

    /// Adds those of a text made by [`to_text`](Choices::to_text). What is known already stays, and lines that are no
    /// choice are left out: the worst that a broken file does is another measurement.
    pub fn add(&self, text: &str) {
        let mut known = lock(&self.known);
        for line in text.lines() {
            if let [subject, variant] = line.split(' ').collect::<Vec<_>>()[..] {
                known.entry(Subject(subject.to_owned())).or_insert(variant.to_owned());
            }
        }
    }

    /// A line for each choice: subject, space, variant.
    pub fn to_text(&self) -> String {
        lock(&self.known).iter().map(|(Subject(subject), variant)| format!("{subject} {variant}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::launch::{Launch, Lowered};
    use super::*;

    fn subject(source: &'static str) -> Subject {
        let launch =
            Launch { label: "", source: source.into(), bindings: vec![], params: vec![], workgroups: 1 };
        Subject::new("batch norm", &[Variant::portable(Lowered::single(launch))])
    }

    #[test]
    fn choices_travel_as_text() {
        let choices = Choices::default();
        choices.set(subject("a"), "blocks");
        choices.set(subject("b"), "portable");
        let text = choices.to_text();
        let read = Choices::default();
        read.set(subject("b"), "lanes");
        read.add(&format!("no choice at all\n{text}\n\u{0} "));
        assert_eq!(read.get(&subject("a")).as_deref(), Some("blocks"));
        assert_eq!(read.get(&subject("b")).as_deref(), Some("lanes"), "what is known stays");
        assert_eq!(read.get(&subject("c")), None, "another kernel is another subject");
    }
}
