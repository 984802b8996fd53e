//! Reading and writing entries of the form `name:key=value,key=value`.

use super::SpecError;

/// The value of one option.
pub trait OptionValue {
    /// Takes the value from `text`; on failure says what was expected.
    ///
    /// # Errors
    /// What was expected, as the end of a sentence.
    fn read(&mut self, text: &str) -> Result<(), String>;

    /// The value as [`read`](Self::read) takes it.
    fn written(&self) -> String;
}

impl OptionValue for usize {
    fn read(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse().map_err(|_| "expected a whole number".to_owned())?;
        Ok(())
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

/// Something that has a name and options, such as an attack. The list of its options stands in one place,
/// [`fields`](Self::fields); reading, printing and the messages about unknown options all follow from it.
pub trait Options: Clone + PartialEq {
    /// What these things are called in messages: `attack`, `defence`.
    const KIND: &'static str;

    /// One of every name, with its published defaults, in the order in which messages list them.
    fn known() -> Vec<Self>;

    /// The name that a user types.
    fn name(&self) -> &'static str;

    /// Every option with its place, in the order in which they are printed.
    fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)>;

    /// The published defaults, given the choices made here on which other defaults depend (the norm, say).
    fn published(&self) -> Self;

    /// Whether options that could be read can also be run.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence.
    fn check(&self) -> Result<(), String>;
}

/// One entry of a list, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What stands before the colon.
    pub name: &'a str,
    /// The options after it.
    pub options: Vec<(&'a str, &'a str)>,
}

/// Takes a list apart by the rule of [this module's parent](crate::spec).
///
/// # Errors
/// Where an item is empty, or an option stands before any entry that could own it.
pub fn entries<'a, T: Options>(text: &'a str) -> Result<Vec<Entry<'a>>, SpecError> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    let mut takes_options = false;
    for item in text.split(',').map(str::trim) {
        let (name, option) = match (item.find(':'), item.find('=')) {
            (Some(colon), equals) if equals.is_none_or(|equals| colon < equals) => {
                (Some(&item[..colon]), Some(&item[colon + 1..]))
            }
            (_, Some(_)) => (None, Some(item)),
            (_, None) => (Some(item), None),
        };
        if let Some(name) = name {
            let name = name.trim();
            if name.is_empty() {
                return Err(SpecError::Empty { kind: T::KIND, text: text.to_owned(), known: names::<T>() });
            }
            entries.push(Entry { name, options: Vec::new() });
            takes_options = option.is_some();
        }
        // `name:` alone says "the defaults".
        let Some(option) = option.map(str::trim).filter(|option| !option.is_empty()) else { continue };
        match entries.last_mut() {
            Some(entry) if takes_options => {
                let (key, value) = option.split_once('=').unwrap_or((option, ""));
                entry.options.push((key.trim(), value.trim()));
            }
            _ => return Err(SpecError::StrayOption { kind: T::KIND, option: option.to_owned() }),
        }
    }
    Ok(entries)
}

/// Reads a list of at least one entry; no entry may stand twice.
///
/// # Errors
/// A [`SpecError`] that says which part was not understood and what would have been.
pub fn parse_list<T: Options>(text: &str) -> Result<Vec<T>, SpecError> {
    let mut list: Vec<T> = Vec::new();
    for entry in entries::<T>(text)? {
        let value = read(&entry)?;
        if list.contains(&value) {
            return Err(SpecError::RepeatedEntry { kind: T::KIND, entry: short(&value) });
        }
        list.push(value);
    }
    Ok(list)
}

/// Reads exactly one entry.
///
/// # Errors
/// As [`parse_list`], and where there is more than one.
pub fn parse_one<T: Options>(text: &str) -> Result<T, SpecError> {
    match entries::<T>(text)?.as_slice() {
        [entry] => read(entry),
        several => Err(SpecError::NotOne { kind: T::KIND, text: text.to_owned(), count: several.len() }),
    }
}

/// The entry with every option, so that it stays reproducible should a default ever change.
pub fn full<T: Options>(value: &T) -> String {
    written(value.name(), &pairs(value))
}

/// The shortest text that reads back as this entry: options that follow from the others are left out.
pub fn short<T: Options>(value: &T) -> String {
    let mut pairs = pairs(value);
    let mut index = 0;
    while index < pairs.len() {
        let dropped = pairs.remove(index);
        let options = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        if read(&Entry { name: value.name(), options }).as_ref() != Ok(value) {
            pairs.insert(index, dropped);
            index += 1;
        }
    }
    written(value.name(), &pairs)
}

fn read<T: Options>(entry: &Entry<'_>) -> Result<T, SpecError> {
    let name = entry.name;
    let start = T::known().into_iter().find(|known| known.name() == name).ok_or_else(|| {
        SpecError::UnknownName { kind: T::KIND, name: name.to_owned(), known: names::<T>() }
    })?;
    for (index, (key, _)) in entry.options.iter().enumerate() {
        if entry.options[..index].iter().any(|(earlier, _)| earlier == key) {
            return Err(SpecError::RepeatedOption { name: name.to_owned(), key: (*key).to_owned() });
        }
    }
    // Twice: first to learn the choices on which defaults depend, then upon those defaults.
    let choices = fill(start, entry)?;
    let value = fill(choices.published(), entry)?;
    value.check().map_err(|reason| SpecError::Invalid { name: name.to_owned(), reason })?;
    Ok(value)
}

fn fill<T: Options>(mut value: T, entry: &Entry<'_>) -> Result<T, SpecError> {
    let name = entry.name;
    let mut fields = value.fields();
    for (key, text) in &entry.options {
        let Some((_, field)) = fields.iter_mut().find(|(known, _)| known == key) else {
            let keys: Vec<_> = fields.iter().map(|(known, _)| *known).collect();
            let known = if keys.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has {}", keys.join(", "))
            };
            return Err(SpecError::UnknownOption { name: name.to_owned(), key: (*key).to_owned(), known });
        };
        field.read(text).map_err(|reason| SpecError::Value {
            name: name.to_owned(),
            key: (*key).to_owned(),
            value: (*text).to_owned(),
            reason,
        })?;
    }
    drop(fields);
    Ok(value)
}

fn pairs<T: Options>(value: &T) -> Vec<(&'static str, String)> {
    value.clone().fields().into_iter().map(|(key, field)| (key, field.written())).collect()
}

fn written(name: &str, pairs: &[(&str, String)]) -> String {
    let options: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if options.is_empty() { name.to_owned() } else { format!("{name}:{}", options.join(",")) }
}

fn names<T: Options>() -> String {
    T::known().iter().map(T::name).collect::<Vec<_>>().join(", ")
}
