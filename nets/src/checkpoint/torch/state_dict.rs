//! Finds the tensors of a net among what a checkpoint holds beside them.

use std::borrow::Cow;
use std::collections::HashSet;

use unperturb_files::pickle::{Pickle, Place, Value};
use unperturb_files::quoted;

use super::container::Storages;
use super::tensor::View;
use crate::checkpoint::{Checkpoint, Entry};
use crate::weights::Tensor;

/// Under these keys trainings keep their nets, most telling first.
const KEYS: [&str; 6] = ["state_dict", "model_state_dict", "net", "ssl_model", "model", "params"];
/// What wrappers for several devices put before every name.
const WRAPPER: &str = "module.";
/// Dictionaries within dictionaries, at the most.
const DEPTH: usize = 16;
/// Bytes of a tensor's name with the dictionaries it lies in, at the most.
const NAME: usize = 512;
/// Opcodes that a tensor takes in a pickle, at the least: a class, a storage of five parts, and three numbers.
const STEPS_OF_TENSOR: usize = 9;

/// A tensor and the names of the dictionaries that it lies in, outermost first, and its own.
type Found<'a> = (Vec<Cow<'a, str>>, View<'a>);

/// Reads the state dictionary of a file of `file_length` bytes.
pub(super) fn read<'a>(
    pickle: &Pickle<'a>,
    storages: &Storages<'a>,
    file_length: usize,
) -> Result<Checkpoint, String> {
    let mut search = Search { pickle, storages, visits: pickle.steps(), found: Vec::new() };
    search.visit(pickle.root(), &mut Vec::new(), 0)?;
    let mut found = chosen(search.found, 0);
    if found.is_empty() {
        return Err("there is no tensor in it".into());
    }
    while found.iter().all(|(name, _)| name.starts_with(WRAPPER)) {
        found.iter_mut().for_each(|(name, _)| drop(name.drain(..WRAPPER.len())));
    }
    // Tensors may share their storage, and few do; all of them together must not take much more than the file.
    let elements = found.iter().try_fold(0usize, |sum, (_, view)| sum.checked_add(view.elements()?));
    if elements.is_none_or(|elements| elements > file_length) {
        return Err("its tensors overlap too much".into());
    }
    let mut checkpoint = Checkpoint::default();
    let mut names = HashSet::new();
    for (name, view) in found {
        if !names.insert(name.clone()) {
            return Err(format!("it holds two tensors called {}", quoted(&name)));
        }
        let (shape, dtype) = (view.shape.clone(), view.element.name().to_string());
        if let Some(data) = view.floats() {
            checkpoint.weights.tensors.insert(name.clone(), Tensor { shape: shape.clone(), data });
        }
        checkpoint.entries.push(Entry { name, shape, dtype });
    }
    Ok(checkpoint)
}

/// Of all tensors those of the net, by their names within it: those under the most telling key, else all if the
/// outermost dictionary has some of its own, else those of the only dictionary that has any, else all. The first
/// `depth` names of each path have been left behind.
fn chosen(found: Vec<Found<'_>>, depth: usize) -> Vec<(String, View<'_>)> {
    let is_inner = |(path, _): &Found, key: &str| path.len() > depth + 1 && path[depth] == key;
    let telling = KEYS.iter().find(|key| found.iter().any(|tensor| is_inner(tensor, key)));
    let only = || {
        let first = found.first()?.0[depth].clone();
        found.iter().all(|tensor| is_inner(tensor, &first)).then_some(first)
    };
    match telling.map(|&key| Cow::Borrowed(key)).or_else(only) {
        Some(key) => {
            let inner =
                found.into_iter().filter(|tensor| tensor.0.len() > depth + 1 && tensor.0[depth] == key);
            chosen(inner.collect(), depth + 1)
        }
        None => found.into_iter().map(|(path, view)| (path[depth..].join("."), view)).collect(),
    }
}

/// A walk through dictionaries.
struct Search<'s, 'a> {
    pickle: &'s Pickle<'a>,
    storages: &'s Storages<'a>,
    /// How many values may still be looked at: dictionaries can hold each other many times over.
    visits: usize,
    found: Vec<Found<'a>>,
}

impl<'a> Search<'_, 'a> {
    /// Adds the tensors below `value`, which lies at the end of `path`, whose names have `length` bytes.
    fn visit(
        &mut self,
        value: &Value<'a>,
        path: &mut Vec<Cow<'a, str>>,
        length: usize,
    ) -> Result<(), String> {
        let Value::Dict(entries) = value else {
            if let Some(view) = View::of(self.pickle, self.storages, value)?
                && !path.is_empty()
            {
                if self.found.len() >= self.pickle.steps().div_ceil(STEPS_OF_TENSOR) {
                    return Err("its dictionaries hold the same tensors too often".into());
                }
                self.found.push((path.clone(), view));
            }
            return Ok(());
        };
        if path.len() >= DEPTH {
            return Err("its dictionaries hold each other too deeply".into());
        }
        for &(key, value) in entries {
            self.visits = self.visits.checked_sub(1).ok_or("its dictionaries hold each other too often")?;
            let Some(key) = self.key(key) else { continue };
            let length = length + key.len() + 1;
            if length > NAME {
                return Err(format!("the name {} in it is too long", quoted(&key)));
            }
            path.push(key);
            self.visit(self.pickle.get(value), path, length)?;
            path.pop();
        }
        Ok(())
    }

    /// Names are text; optimizers also number.
    fn key(&self, place: Place) -> Option<Cow<'a, str>> {
        match self.pickle.get(place) {
            Value::Int(number) => Some(Cow::Owned(number.to_string())),
            _ => self.pickle.text(place).map(Cow::Borrowed),
        }
    }
}
