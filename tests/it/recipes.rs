//! The book's table of all settings is what the code says.

use marque::train::settings;
use std::fmt::Write;
use std::path::Path;

/// The table ends the page.
const HEAD: &str = "| setting | default | what it says |\n";

fn table() -> String {
    let mut table = format!("{HEAD}| --- | --- | --- |\n");
    for setting in settings() {
        let default = match setting.default.as_deref() {
            None => "–".to_owned(),
            Some("null") => "none".to_owned(),
            Some(value) => format!("`{}`", value.trim_matches('"')),
        };
        writeln!(table, "| `{}` | {default} | {} |", setting.path, setting.meaning).unwrap();
    }
    table
}

#[test]
fn the_book_lists_the_recipes_settings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let begin = page.find(HEAD).unwrap();
    let table = table();
    if std::env::var_os("MARQUE_REMAKE").is_some() {
        std::fs::write(&path, [&page[..begin], &table].concat()).unwrap();
    } else {
        assert_eq!(
            &page[begin..],
            table,
            "MARQUE_REMAKE=1 writes docs/recipes.md anew"
        );
    }
}
