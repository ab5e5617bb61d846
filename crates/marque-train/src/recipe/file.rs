//! Files of recipes.

use super::{flat, settings};
use crate::{Error, Recipe};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

impl Recipe {
    /// Reads a recipe from a file: TOML where its name ends in `.toml`, JSON otherwise, such as the `recipe.json` of an earlier
    /// run, those of version 0.1 included. What the file does not say is at its default.
    ///
    /// # Errors
    /// [`Error::RecipeFile`] if it cannot be read or a setting is of another kind, [`Error::UnknownSetting`] with the nearest name, or
    /// [`Error::Setting`] for one out of its range; the last two with the file in [`Error::InRecipe`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::RecipeFile {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        // Editors put a byte-order mark there.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let recipe = if is_toml(path) {
            from_toml(text)
        } else {
            from_json(text)
        };
        recipe.map_err(|error| match error {
            Wrong::Form(source) => unreadable(source),
            Wrong::Setting(source) => Error::InRecipe {
                path: path.to_owned(),
                source: Box::new(source),
            },
        })
    }

    /// Writes the recipe with all its settings as a file, whole or not at all: TOML where its name ends in `.toml`, JSON
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::RecipeFile`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = if is_toml(path) {
            toml::to_string_pretty(self).map_err(std::io::Error::other)
        } else {
            serde_json::to_string_pretty(self).map_err(std::io::Error::from)
        };
        let written = text
            .and_then(|text| marque_fs::write_atomically(path, |file| writeln!(file, "{}", text.trim_end())));
        written.map_err(|source| Error::RecipeFile {
            path: path.to_owned(),
            source,
        })
    }
}

/// What can be wrong with a text.
enum Wrong {
    Form(std::io::Error),
    Setting(Error),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Wrong::Setting(error)
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}

// Both are read twice: names of settings are looked at in the form of a tree, and what is wrong with a value is told with its
// line.

fn from_json(text: &str) -> Result<Recipe, Wrong> {
    let form = |error: serde_json::Error| Wrong::Form(error.into());
    let tree: Value = serde_json::from_str(text).map_err(form)?;
    if !tree.is_object() {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no object with settings");
        return Err(Wrong::Form(error));
    }
    if let Some(grouped) = flat::grouped(&tree) {
        settings::check_names(&grouped)?;
        return checked(serde_json::from_value(grouped).map_err(form)?);
    }
    settings::check_names(&tree)?;
    checked(serde_json::from_str(text).map_err(form)?)
}

fn from_toml(text: &str) -> Result<Recipe, Wrong> {
    let form =
        |error: toml::de::Error| Wrong::Form(std::io::Error::new(std::io::ErrorKind::InvalidData, error));
    let tree: toml::Table = toml::from_str(text).map_err(form)?;
    let tree = serde_json::to_value(tree).map_err(|error| Wrong::Form(error.into()))?;
    settings::check_names(&tree)?;
    checked(toml::from_str(text).map_err(form)?)
}

fn checked(recipe: Recipe) -> Result<Recipe, Wrong> {
    recipe.validate()?;
    Ok(recipe)
}
