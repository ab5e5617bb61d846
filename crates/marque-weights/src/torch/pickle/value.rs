/// Which of a pickle's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(pub(super) u32);

/// A value of a pickle. Values hold each other by number, so that shared ones are shared, cycles do no harm and a deep
/// nest is dropped without recursion.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number of more than 64 bits: two's complement, little-endian.
    Long(&'a [u8]),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// Keys and values in the order of insertion; a key may come twice.
    Dict(Vec<(Id, Id)>),
    Set(Vec<Id>),
    /// The name of a class or a function, and no more than the name.
    Global(Global<'a>),
    /// What lies outside of the pickle, by the key that the file gives it.
    Persistent(Id),
    Object(Box<Object>),
}

/// A name in a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Global<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
}

impl Global<'_> {
    pub(crate) fn is(self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }
}

impl std::fmt::Display for Global<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.module, self.name)
    }
}

/// What Python would make by calling a function or a class; here it stays the account of that.
#[derive(Debug)]
pub(crate) struct Object {
    /// What would be called.
    pub(crate) callable: Id,
    /// With what, a tuple.
    pub(crate) arguments: Id,
    /// What would be put into it: its attributes.
    pub(crate) state: Option<Id>,
    /// Its entries, if it is a dictionary of some kind.
    pub(crate) entries: Vec<(Id, Id)>,
}
