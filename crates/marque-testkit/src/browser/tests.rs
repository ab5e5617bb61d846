use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;

fn written(folder: &tempfile::TempDir, name: &str, html: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(
        &path,
        format!("<!DOCTYPE html><html lang=en><title>Test</title>{html}"),
    )
    .unwrap();
    path
}

#[test]
fn addresses_of_files_are_escaped() {
    assert_eq!(
        file_address(Path::new("/a b/50%#ü?.html")),
        "file:///a%20b/50%25%23%C3%BC%3F.html"
    );
}

/// Whatever a test of a page asserts to be absent must be noticed when it is there.
#[test]
fn what_goes_wrong_in_a_page_is_noticed() {
    let Some(mut browser) = Browser::launch().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let bad = written(
        &folder,
        "bad page #1.html",
        "<img src='http://marque.invalid/a.png' alt=''><script>console.warn('told', 3); null.field</script>",
    );
    let mut page = browser.new_page().unwrap();
    page.open(&bad).unwrap();
    let messages = page.messages().unwrap();
    let has = |part: &str| messages.iter().any(|message| message.contains(part));
    assert!(has("console.warning: told 3"), "{messages:?}");
    assert!(has("TypeError: Cannot read properties of null"), "{messages:?}");
    assert!(has("network error: Failed to load resource"), "{messages:?}");
    assert_eq!(
        page.requests().unwrap(),
        [file_address(&bad), "http://marque.invalid/a.png".to_owned()]
    );
    let error = page
        .evaluate("(() => { throw new Error('no such thing') })()")
        .unwrap_err();
    assert!(
        matches!(&error, Error::Script { message } if message.contains("no such thing")),
        "{error}"
    );
    page.evaluate("setTimeout(() => { window.late = true }, 30); null")
        .unwrap();
    page.wait_until("window.late").unwrap();
    assert_eq!(page.evaluate("late").unwrap(), true);
    let error = page.wait_until("nobody.knows").unwrap_err();
    assert!(
        matches!(&error, Error::Script { message } if message.contains("nobody is not defined")),
        "{error}"
    );
    let error = page.open(&folder.path().join("absent.html")).unwrap_err();
    assert!(
        matches!(&error, Error::Open { message, .. } if message == "net::ERR_FILE_NOT_FOUND"),
        "{error}"
    );
    drop(page);

    // A page sees nothing of another one.
    let good = written(&folder, "good.html", "<p>Nothing.");
    let mut page = browser.new_page().unwrap();
    page.open(&good).unwrap();
    assert_eq!(page.messages().unwrap(), [""; 0]);
    assert_eq!(page.requests().unwrap(), [file_address(&good)]);
}

#[test]
fn a_page_is_seen_and_used_as_by_its_reader() {
    let Some(mut browser) = Browser::launch().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let html = "<meta name=viewport content='width=device-width'><style>body { margin: 0 }</style>
        <button id=first onclick='log(this)'>First</button> <button id=second onclick='log(this)'>Second</button>
        <div style='height: 3000px'></div><button id=last onclick='log(this)'>Last</button>
        <script>const pressed = []; const log = (button) => pressed.push(button.id)</script>";
    let path = written(&folder, "page.html", html);
    let mut page = browser.new_page().unwrap();
    page.set_viewport(390, 844).unwrap();
    page.set_colour_scheme(ColourScheme::Dark).unwrap();
    page.open(&path).unwrap();
    let seen = "[innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches]";
    assert_eq!(page.evaluate(seen).unwrap(), json!([390, 844, true]));
    page.set_viewport(1280, 800).unwrap();
    page.set_colour_scheme(ColourScheme::Light).unwrap();
    assert_eq!(page.evaluate(seen).unwrap(), json!([1280, 800, false]));

    page.press(Key::Tab).unwrap();
    page.press(Key::Space).unwrap();
    page.press(Key::Tab).unwrap();
    page.press(Key::Enter).unwrap();
    page.click("#last").unwrap();
    assert_eq!(
        page.evaluate("pressed").unwrap(),
        json!(["first", "second", "last"])
    );
    assert!(page.click("#absent").is_err());

    let picture = folder.path().join("page.png");
    page.screenshot(&picture).unwrap();
    let png = std::fs::read(picture).unwrap();
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!(&png[1..4], b"PNG");
    assert!(side(16) == 1280 && side(20) > 3000, "{} × {}", side(16), side(20));
}

#[test]
fn a_program_that_is_no_browser_is_an_error_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("there-is-no-such-browser");
    let mut connection = Connection::start(&program).unwrap();
    let error = Page::new(&mut connection).map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, Error::Ended { last_words, .. } if last_words.contains("there-is-no-such-browser")),
        "{error}"
    );
}
