//! What a pickle asks for by name, and the few calls that mean data.

use super::{Dialect, Machine, Place, Value};
use crate::quoted;

impl<'a> Machine<'a> {
    /// Lets in the classes of the dialect, and nothing else.
    pub(super) fn global(&mut self, module: &'a [u8], name: &'a [u8]) -> Result<(), String> {
        let (Ok(module), Ok(name)) = (std::str::from_utf8(module), std::str::from_utf8(name)) else {
            return Err("a class whose name is not text".into());
        };
        let Dialect { what, globals, dictionaries, .. } = self.dialect;
        if !globals.contains(&(module, name)) && !dictionaries.contains(&(module, name)) {
            let (module, name) = (quoted(module), quoted(name));
            return Err(format!("it asks for {module} {name}, which {what} do not use"));
        }
        self.push(Value::Global(module, name));
        Ok(())
    }

    /// The call of a class as data; dictionaries are made.
    pub(super) fn call(&mut self, callable: Place, arguments: Place) -> Result<(), String> {
        let dictionaries = self.dialect.dictionaries;
        match self.values[callable] {
            Value::Global(module, name) if dictionaries.contains(&(module, name)) => {
                // The same list can be given to many.
                self.spend(self.pairs_given(arguments))?;
                let entries = self.pairs(arguments).ok_or_else(|| format!("{name} is not made of pairs"))?;
                self.push(Value::Dict(entries));
            }
            Value::Global(..) => self.push(Value::Call { callable, arguments, state: None }),
            _ => return Err("a call of something that is no class".into()),
        }
        Ok(())
    }

    /// How many pairs the arguments of a dictionary's class give, or more than that.
    fn pairs_given(&self, arguments: Place) -> usize {
        let length = |place: Place| match &self.values[place] {
            Value::Sequence(items) => items.len(),
            _ => 0,
        };
        match &self.values[arguments] {
            Value::Sequence(items) => items.first().map_or(0, |&first| length(first)),
            _ => 0,
        }
    }

    /// The entries that the arguments of a dictionary's class give: none, or a list of pairs.
    fn pairs(&self, arguments: Place) -> Option<Vec<(Place, Place)>> {
        let sequence = |place: Place| match &self.values[place] {
            Value::Sequence(items) => Some(items.as_slice()),
            _ => None,
        };
        match sequence(arguments)? {
            [] => Some(Vec::new()),
            // The values that `defaultdict` makes for keys that are not there.
            &[default] if matches!(self.values[default], Value::Global(..)) => Some(Vec::new()),
            &[list] => {
                let pair = |&place: &Place| match sequence(place)? {
                    &[key, value] => Some((key, value)),
                    _ => None,
                };
                sequence(list)?.iter().map(pair).collect()
            }
            _ => None,
        }
    }
}
