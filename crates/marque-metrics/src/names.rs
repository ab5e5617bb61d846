//! Names of classes, and lists of one name a line.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use crate::confusion::MAX_CLASSES;
use crate::error::Error;
use crate::table::{Start, text_error};

/// Checks that there are classes, at most [`MAX_CLASSES`], and that each has a name of its own.
///
/// # Errors
/// [`Error::NoClasses`], [`Error::TooManyClasses`], [`Error::EmptyClassName`] and [`Error::DuplicateClass`].
pub fn check_class_names(class_names: &[String]) -> Result<(), Error> {
    class_indices(class_names).map(drop)
}

/// The index of each class name, which are checked.
pub(crate) fn class_indices(class_names: &[String]) -> Result<HashMap<&str, usize>, Error> {
    match class_names.len() {
        0 => return Err(Error::NoClasses),
        1..=MAX_CLASSES => {}
        found => {
            return Err(Error::TooManyClasses {
                found,
                limit: MAX_CLASSES,
            });
        }
    }
    let mut indices = HashMap::with_capacity(class_names.len());
    for (class, name) in class_names.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(Error::EmptyClassName { class });
        }
        if indices.insert(name.as_str(), class).is_some() {
            return Err(Error::DuplicateClass { name: name.clone() });
        }
    }
    Ok(indices)
}

/// Reads the names of classes, one a line, as [`read_lines`] does and without the spaces around them.
///
/// # Errors
/// Those of [`read_lines`] and of [`check_class_names`].
///
/// # Example
/// ```
/// let names = marque_metrics::read_class_names("\u{feff}Audi\r\nSwift \r\n\r\n".as_bytes())?;
/// assert_eq!(names, ["Audi", "Swift"]);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
pub fn read_class_names(source: impl Read) -> Result<Vec<String>, Error> {
    let names: Vec<String> = read_lines(source)?
        .iter()
        .map(|name| name.trim().to_owned())
        .collect();
    check_class_names(&names)?;
    Ok(names)
}

/// Reads a list of one entry a line, such as the paths of photos. A byte-order mark and empty lines at the end are no entries;
/// lines end in any way.
///
/// # Errors
/// [`Error::EmptyLine`] for an empty line before another, [`Error::LongLine`] and [`Error::Utf8`] with the line,
/// [`Error::Encoding`], [`Error::Io`].
pub fn read_lines(source: impl Read) -> Result<Vec<String>, Error> {
    let text = Start::of(source)?.into_text(None);
    let lines = BufReader::new(text).split(b'\n');
    (1..)
        .zip(lines)
        .map(|(number, line)| {
            String::from_utf8(line.map_err(text_error)?).map_err(|_| Error::Utf8 {
                line: number,
                field: 1,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_the_same_however_its_lines_end() {
        for text in [
            "b c.jpg \na,\"x.jpg\n",
            "b c.jpg \r\na,\"x.jpg",
            "\u{feff}b c.jpg \ra,\"x.jpg\r\r",
        ] {
            assert_eq!(
                read_lines(text.as_bytes()).unwrap(),
                ["b c.jpg ", "a,\"x.jpg"],
                "{text:?}"
            );
        }
        assert_eq!(read_lines(&b""[..]).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_no_list_of_names_is_said() {
        let fault = |text: &[u8]| read_class_names(text).unwrap_err().to_string();
        assert!(fault(b"Audi\n\nVan\n").starts_with("line 2 is empty"));
        assert_eq!(fault(b"Audi\nA\xe9\n"), "line 2, field 1: the text is not UTF-8");
        assert_eq!(
            fault(b"Audi\nVan\nAudi "),
            r#"the class name "Audi" occurs more than once"#
        );
        assert!(fault(b"\xff\xfeA\0").contains("UTF-16"));
        assert!(fault(b"\n \n").contains("at least one class"));
    }

    #[test]
    fn every_class_has_a_name_of_its_own() {
        let check = |names: &[&str]| {
            check_class_names(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        };
        check(&["a", "A", "a b"]).unwrap();
        assert!(matches!(
            check(&["a", " \t"]),
            Err(Error::EmptyClassName { class: 1 })
        ));
        assert!(matches!(check(&["a", "b", "a"]), Err(Error::DuplicateClass { name }) if name == "a"));
        assert!(matches!(check(&[]), Err(Error::NoClasses)));
        let many: Vec<String> = (0..=MAX_CLASSES).map(|class| class.to_string()).collect();
        assert!(matches!(
            check_class_names(&many),
            Err(Error::TooManyClasses { .. })
        ));
        check_class_names(&many[1..]).unwrap();
    }
}
