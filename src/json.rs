//! JSON (RFC 8259): [`read`] turns a text into a value, and [`Table`] and the functions beside it turn values into
//! types; [`JsonError`] says what does not fit, and where.
//!
//! A member that occurs twice is refused, however deep: two readers that choose differently are how a text gets
//! misread. With [`read`], the whole text is refused; with [`read_sparing`], the list entry that it is in. One reader
//! serves every text, since derived code is made anew for each type, and came to a tenth of the module.

use core::{cell::Cell, fmt};
use std::collections::BTreeMap;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Where it is, as in `rules[0].path`; empty for the whole.
    pub(crate) place: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

/// The members of an object, from which they are taken by name.
pub(crate) struct Table {
    members: Map<String, Value>,
    /// All the names there may be, separated by spaces; empty for any.
    names: &'static str,
}

/// An object to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(Map<String, Value>);

/// These members as a map. Collecting into one would sort them first, in code that takes a kilobyte of the module for
/// each type.
pub(crate) fn by_name<K: Ord, V>(members: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(members);
    map
}

/// How many lists and objects a text may have. What providers publish and send has a few hundred. Each takes up to
/// 400 bytes, for two to seven of the text, and what others write must not use up the memory of an isolate.
const MOST_NESTED: usize = 8_192;

/// The value that `text` stands for. Nothing may follow it; it is at most 128 deep, and has at most [`MOST_NESTED`]
/// lists and objects.
pub(crate) fn read(text: impl AsRef<[u8]>) -> Result<Value, JsonError> {
    read_whole(text.as_ref(), &Watch::new(false, MOST_NESTED))
}

/// The same, of any size: for the settings, which nobody else writes.
pub(crate) fn read_settings(text: &str) -> Result<Value, JsonError> {
    read_whole(text.as_bytes(), &Watch::new(false, usize::MAX))
}

/// The same, but a list entry may be as broken as it likes: the innermost entry in which a member occurs twice
/// becomes `null`.
pub(crate) fn read_sparing(text: &str) -> Result<Value, JsonError> {
    let watch = Watch::new(true, MOST_NESTED);
    let value = read_whole(text.as_bytes(), &watch)?;
    if watch.found.get() { Err(JsonError::new("duplicate field")) } else { Ok(value) }
}

fn read_whole(text: &[u8], watch: &Watch) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Reader(watch).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| JsonError::new(error.to_string()))
}

/// The value that `reader` holds, as strictly as [`read`]: for what a library reads.
pub(crate) fn strictly<'de, D: Deserializer<'de>>(reader: D) -> Result<Value, D::Error> {
    Reader(&Watch::new(false, MOST_NESTED)).deserialize(reader)
}

/// Refuses a `null` and an empty list, however deep: where people write them, they look like a value but are none.
pub(crate) fn refuse_void(value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Array(values) if values.is_empty() => {
            Err(JsonError::new("is empty: name what it is to have, or leave it out"))
        }
        Value::Null => Err(JsonError::new("is null: write a value, or leave it out")),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(rank, value)| refuse_void(value).map_err(|error| error.at(&format!("[{rank}]")))),
        Value::Object(members) => {
            members.iter().try_for_each(|(name, value)| refuse_void(value).map_err(|error| error.at(name)))
        }
        _ => Ok(()),
    }
}

/// The text of `value`.
pub(crate) fn write(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A text.
pub(crate) fn text(value: Value) -> Result<String, JsonError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(JsonError::kind(other, "a text")),
    }
}

/// A truth value.
pub(crate) fn flag(value: Value) -> Result<bool, JsonError> {
    value.as_bool().ok_or_else(|| JsonError::kind(value, "true or false"))
}

/// A whole number that is not negative.
pub(crate) fn whole(value: Value) -> Result<u64, JsonError> {
    value.as_u64().ok_or_else(|| JsonError::kind(value, "a whole number"))
}

/// A list.
pub(crate) fn list(value: Value) -> Result<Vec<Value>, JsonError> {
    match value {
        Value::Array(values) => Ok(values),
        other => Err(JsonError::kind(other, "a list")),
    }
}

/// A list of texts.
pub(crate) fn texts(value: Value) -> Result<Vec<String>, JsonError> {
    list_of(value, text)
}

/// A list of what `one` reads.
pub(crate) fn list_of<T>(value: Value, one: impl Fn(Value) -> Result<T, JsonError>) -> Result<Vec<T>, JsonError> {
    let mut all = Vec::new();
    for (rank, value) in list(value)?.into_iter().enumerate() {
        all.push(one(value).map_err(|error| error.at(&format!("[{rank}]")))?);
    }
    Ok(all)
}

/// A text that `parse` accepts.
pub(crate) fn parsed<T>(value: Value, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, JsonError> {
    parse(&text(value)?).map_err(JsonError::new)
}

/// Which of `names` it is.
pub(crate) fn variant<T: Copy>(value: Value, names: &[(&'static str, T)]) -> Result<T, JsonError> {
    let text = text(value)?;
    names.iter().find(|(name, _)| *name == text).map(|(_, variant)| *variant).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        JsonError::new(format!("unknown variant {}", expected(&text, &names)))
    })
}

impl Table {
    /// The members of `value`, whatever they are.
    pub(crate) fn of(value: Value) -> Result<Self, JsonError> {
        match value {
            Value::Object(members) => Ok(Self { members, names: "" }),
            other => Err(JsonError::kind(other, "a table")),
        }
    }

    /// The members of `value`, all of which must have one of these names.
    pub(crate) fn with_only(names: &'static str, value: Value) -> Result<Self, JsonError> {
        let table = Self { names, ..Self::of(value)? };
        match table.members.keys().find(|name| !table.takes(name)) {
            Some(name) => {
                let names: Vec<&str> = names.split(' ').collect();
                Err(JsonError::new(format!("unknown field {}", expected(name, &names))).at(name))
            }
            None => Ok(table),
        }
    }

    fn takes(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.split(' ').any(|taken| taken == name)
    }

    /// All the members.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (String, Value)> {
        self.members.into_iter()
    }

    /// The member of this name, which must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        self.given(name, read)?.ok_or_else(|| JsonError::new(format!("missing field `{name}`")))
    }

    /// The member of this name, if it is there and not `null`.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        if self.members.get(name).is_some_and(Value::is_null) { Ok(None) } else { self.given(name, read) }
    }

    /// The member of this name, if it is there; `null` is a value like any other.
    pub(crate) fn given<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        debug_assert!(self.takes(name), "{name} is not among the names");
        self.members.remove(name).map(|value| read(value).map_err(|error| error.at(name))).transpose()
    }
}

impl Object {
    /// With this member.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value.into());
        self
    }

    /// With this member, if it has a value.
    #[must_use]
    pub(crate) fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

impl JsonError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { place: String::new(), problem: problem.into() }
    }

    /// A value is of another kind than expected.
    pub(crate) fn kind(value: Value, expected: &str) -> Self {
        let found = match value {
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a table".to_owned(),
            plain => write(&plain),
        };
        Self::new(format!("invalid type: {found}, expected {expected}"))
    }

    /// The same error, placed within the member `name`.
    pub(crate) fn at(mut self, name: &str) -> Self {
        if !self.place.is_empty() && !self.place.starts_with('[') {
            self.place.insert(0, '.');
        }
        self.place.insert_str(0, name);
        self
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.place.is_empty() { "" } else { ": " };
        write!(formatter, "{}{between}{}", self.place, self.problem)
    }
}

fn expected(found: &str, names: &[&str]) -> String {
    let among = if names.len() > 1 { "one of " } else { "" };
    format!("`{found}`, expected {among}`{}`", names.join("`, `"))
}

/// What to watch for while a text is read.
struct Watch {
    /// Whether a member that occurs twice is noted, or else an error.
    noted: bool,
    /// Whether there was one in the list entry that is being read, or else in the whole.
    found: Cell<bool>,
    /// How many lists and objects there may still be.
    left: Cell<usize>,
}

impl Watch {
    const fn new(noted: bool, most: usize) -> Self {
        Self { noted, found: Cell::new(false), left: Cell::new(most) }
    }

    /// Counts a list or an object that begins.
    fn enter<E: Error>(&self) -> Result<(), E> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many lists and tables"))?);
        Ok(())
    }
}

/// Reads a value, watching for members that occur twice.
#[derive(Clone, Copy)]
struct Reader<'w>(&'w Watch);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        self.0.enter()?;
        let mut values = Vec::new();
        // What was found so far belongs to what the list is in.
        let around = self.0.found.take();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(if self.0.found.take() { Value::Null } else { value });
        }
        self.0.found.set(around);
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.0.enter()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                if !self.0.noted {
                    return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                }
                self.0.found.set(true);
            }
            members.insert(name, map.next_value_seed(self)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests;
