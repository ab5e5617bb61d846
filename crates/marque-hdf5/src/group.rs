use super::header::{Header, kind};
use super::links::{self, Link, Target};
use super::source::Source;
use super::{Attribute, Dataset, Error, attribute};

const DEEPEST: usize = 64;

/// A named set of groups and datasets, with attributes beside them.
#[derive(Clone)]
pub struct Group<'a> {
    source: Source<'a>,
    path: String,
    /// Addresses of this group and those above it.
    lineage: Vec<u64>,
    links: Vec<Link>,
    attributes: Vec<Attribute<'a>>,
}

/// A member of a group.
pub enum Object<'a> {
    /// A set of more of them.
    Group(Group<'a>),
    /// An array of numbers.
    Dataset(Dataset<'a>),
}

/// A member of a group before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'g> {
    /// Its name in the group.
    pub name: &'g str,
    /// When it was made, as the group counts, if it does.
    pub order: Option<u64>,
}

impl<'a> Group<'a> {
    pub(super) fn root(source: &Source<'a>, address: u64) -> Result<Self, Error> {
        let read = Header::read(source, address).and_then(|header| {
            Self::read(source, &header, String::new(), vec![address])?
                .ok_or(Error::WrongKind { expected: "group" })
        });
        read.map_err(|error| error.within("group", "/"))
    }

    /// `None` if the header is not that of a group.
    fn read(
        source: &Source<'a>,
        header: &Header<'a>,
        path: String,
        lineage: Vec<u64>,
    ) -> Result<Option<Self>, Error> {
        let Some(links) = links::read(source, header)? else {
            return Ok(None);
        };
        let attributes = attribute::read_all(source, header, if path.is_empty() { "/" } else { &path })?;
        Ok(Some(Self {
            source: source.clone(),
            path,
            lineage,
            links,
            attributes,
        }))
    }

    /// Its path from the root, with a leading slash; `/` for the root itself.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// Its members, sorted by name.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        self.links.iter().map(|link| Member {
            name: &link.name,
            order: link.order,
        })
    }

    /// Its attributes, sorted by name.
    #[cfg(test)]
    pub(super) fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// Its attribute of this name, if it has one.
    pub fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Whether it has a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Link> {
        let place = self.links.binary_search_by(|link| link.name.as_str().cmp(name));
        place.ok().and_then(|place| self.links.get(place))
    }

    /// Opens a member by name.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none, [`Error::Unsupported`] when it is a soft or external link or an object of
    /// another kind, [`Error::Cycle`] when it is a group that this one is in; others when it is damaged. All of them within
    /// [`Error::In`].
    pub fn member(&self, name: &str) -> Result<Object<'a>, Error> {
        let path = format!("{}/{name}", self.path);
        let missing = || Error::Missing {
            name: name.to_owned(),
        };
        let link = self.find(name).ok_or_else(missing);
        let link = link.map_err(|error| error.within("group", self.path()))?;
        self.open(link, path.clone())
            .map_err(|error| error.within("object", &path))
    }

    fn open(&self, link: &Link, path: String) -> Result<Object<'a>, Error> {
        let Target::Object(address) = link.target else {
            return Err(Error::unsupported(0, "a soft or external link"));
        };
        if self.lineage.contains(&address) {
            return Err(Error::Cycle);
        }
        if self.lineage.len() >= DEEPEST {
            return Err(Error::TooDeep { limit: DEEPEST });
        }
        self.source.spend_metadata(path.len() as u64)?;
        let header = Header::read(&self.source, address)?;
        if header.find(kind::LAYOUT)?.is_some() {
            return Ok(Object::Dataset(Dataset::read(&self.source, &header, &path)?));
        }
        let lineage = self.lineage.iter().copied().chain([address]).collect();
        let group = Self::read(&self.source, &header, path, lineage)?;
        let neither = Error::unsupported(header.at, "an object that is neither group nor dataset");
        group.map(Object::Group).ok_or(neither)
    }

    /// Opens a group by its path from here.
    ///
    /// # Errors
    /// Those of [`member`](Self::member), and [`Error::WrongKind`] when a dataset is there.
    pub fn group(&self, path: &str) -> Result<Group<'a>, Error> {
        match self.object(path)? {
            Object::Group(group) => Ok(group),
            Object::Dataset(dataset) => {
                Err(Error::WrongKind { expected: "group" }.within("dataset", dataset.path()))
            }
        }
    }

    /// Opens a dataset by its path from here.
    ///
    /// # Errors
    /// Those of [`member`](Self::member), and [`Error::WrongKind`] when a group is there.
    pub fn dataset(&self, path: &str) -> Result<Dataset<'a>, Error> {
        match self.object(path)? {
            Object::Dataset(dataset) => Ok(dataset),
            Object::Group(group) => {
                Err(Error::WrongKind { expected: "dataset" }.within("group", group.path()))
            }
        }
    }

    fn object(&self, path: &str) -> Result<Object<'a>, Error> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        let mut object = self.member(names.next().unwrap_or_default())?;
        for name in names {
            object = match object {
                Object::Group(group) => group.member(name)?,
                Object::Dataset(dataset) => {
                    let error = Error::WrongKind { expected: "group" };
                    return Err(error.within("dataset", dataset.path()));
                }
            };
        }
        Ok(object)
    }
}
