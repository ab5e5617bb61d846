//! Python's pickles as data.
//!
//! A pickle is a program for a stack machine that names classes and functions and has them called. This machine has the
//! stack and nothing to call: what a call would give stays written down as an [`Object`], the name of what would be called
//! beside its arguments. Where the line is between a file that is read and one that is refused, [`globals`] says.

mod cursor;
mod error;
mod globals;
mod machine;
mod value;

pub(crate) use error::PickleError;
pub(crate) use value::{Global, Id, Object, Value};

/// A pickle's values and which of them is the whole.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// The pickle that begins at `offset` of `bytes`, and where it ends.
    pub(crate) fn parse(bytes: &'a [u8], offset: usize) -> Result<(Self, usize), PickleError> {
        machine::run(bytes, offset)
    }

    pub(crate) fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn value(&self, id: Id) -> &Value<'a> {
        // Numbers are made by the machine alone, one for each value.
        &self.values[id.0 as usize]
    }

    /// All values that stand for what lies outside of the pickle.
    pub(crate) fn persistent(&self) -> impl Iterator<Item = Id> {
        let numbered = (0..).map(Id).zip(&self.values);
        numbered.filter_map(|(id, value)| matches!(value, Value::Persistent(_)).then_some(id))
    }

    pub(crate) fn text(&self, id: Id) -> Option<&'a str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&self, id: Id) -> Option<i64> {
        match self.value(id) {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn global(&self, id: Id) -> Option<Global<'a>> {
        match self.value(id) {
            Value::Global(global) => Some(*global),
            _ => None,
        }
    }

    pub(crate) fn object(&self, id: Id) -> Option<&Object> {
        match self.value(id) {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The members of a tuple or a list.
    pub(crate) fn members(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(members) | Value::List(members) => Some(members),
            _ => None,
        }
    }

    /// The class of an object, whatever would be called to make it.
    pub(crate) fn class_of(&self, object: &Object) -> Option<Global<'a>> {
        match self.value(object.callable) {
            Value::Global(global) => Some(*global),
            // Before 1.6, a module's class came with its source code: ("module", class, file, source).
            Value::Persistent(key) => match self.members(*key)? {
                [kind, class, ..] if self.text(*kind) == Some("module") => self.global(*class),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an object is called after, for an error: its class or the function that makes it; `Outer.Inner` for a class
    /// within a class.
    pub(crate) fn class_name(&self, object: &Object) -> String {
        if let Some(class) = self.class_of(object) {
            return class.to_string();
        }
        let within = || {
            let lookup = self.object(object.callable)?;
            let &[outer, inner] = self.members(lookup.arguments)? else {
                return None;
            };
            let outer = self.global(outer)?;
            Some(format!("{outer}.{}", self.text(inner)?))
        };
        within().unwrap_or_else(|| "that another call gives".to_owned())
    }

    /// Keys and values of a dictionary of any kind, in the order of insertion; a key may come twice. Whatever a pickle
    /// puts items into is a dictionary.
    pub(crate) fn entries(&self, id: Id) -> Option<impl Iterator<Item = (Id, Id)>> {
        let (given, own): (&[Id], &[(Id, Id)]) = match self.value(id) {
            Value::Dict(entries) => (&[], entries),
            Value::Object(object) if self.class_of(object).is_some_and(globals::is_dictionary) => {
                (self.given_entries(object), &object.entries)
            }
            Value::Object(object) if !object.entries.is_empty() => (&[], &object.entries),
            _ => return None,
        };
        let given = given.iter().filter_map(|&pair| match self.members(pair) {
            Some(&[key, value]) => Some((key, value)),
            _ => None,
        });
        Some(given.chain(own.iter().copied()))
    }

    /// How many entries [`entries`](Self::entries) goes through.
    pub(crate) fn entry_count(&self, id: Id) -> usize {
        match self.value(id) {
            Value::Dict(entries) => entries.len(),
            Value::Object(object) => self.given_entries(object).len() + object.entries.len(),
            _ => 0,
        }
    }

    /// The members of a set, made by an instruction of its own or, up to protocol 3, by a call with a list.
    pub(crate) fn set_members(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Set(members) => Some(members),
            Value::Object(object) => match self.members(object.arguments)? {
                &[members] => self.members(members),
                _ => None,
            },
            _ => None,
        }
    }

    /// The pairs that Python 2 hands to `OrderedDict`.
    fn given_entries(&self, object: &Object) -> &[Id] {
        let arguments = self.members(object.arguments).unwrap_or_default();
        arguments
            .iter()
            .find_map(|&argument| match self.value(argument) {
                Value::List(pairs) => Some(pairs.as_slice()),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The value under a key that is a text; the last one, as in Python, if it comes more than once.
    pub(crate) fn get(&self, id: Id, name: &str) -> Option<Id> {
        let entries = self.entries(id)?;
        let found = entries.filter(|&(key, _)| self.text(key) == Some(name));
        found.last().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests;
