//! The page in a browser.

use crate::client::multipart;
use crate::photos;
use crate::process::Server;
use marque_testkit::browser::{Browser, ColourScheme, Page};
use std::path::PathBuf;

/// Chooses files, and waits until all that were chosen so far are answered.
fn ask(page: &mut Page<'_>, paths: &[PathBuf], total: usize) {
    page.choose_files("#files", paths).unwrap();
    page.wait_until(&format!("entries.length === {total} && entries.every(isDone)"))
        .unwrap();
}

#[test]
fn the_page_shows_what_the_server_answers_and_can_be_read_by_all() {
    let Some(mut browser) = Browser::launch_to_look().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // More than are sent at a time, and one that is no photo.
    let mut contents: Vec<Vec<u8>> = (0..9).map(photos::png).collect();
    contents.push(b"dear diary".to_vec());
    let paths: Vec<PathBuf> = (0..contents.len())
        .map(|number| folder.path().join(format!("photo {number}.png")))
        .collect();
    for (path, content) in paths.iter().zip(&contents) {
        std::fs::write(path, content).unwrap();
    }
    let server = Server::start(&[]);
    let address = format!("http://{}/", server.address);
    let mut problems = Vec::new();
    for (width, height) in [(1280, 800), (390, 844)] {
        for (scheme, scheme_name) in [(ColourScheme::Light, "light"), (ColourScheme::Dark, "dark")] {
            let name = format!("serve-{width}-{scheme_name}");
            let mut page = browser.new_page().unwrap();
            page.set_viewport(width, height).unwrap();
            page.set_colour_scheme(scheme).unwrap();
            page.open_address(&address).unwrap();
            ask(&mut page, &paths, paths.len());
            page.keep_screenshot(&name).unwrap();
            let wide = page.evaluate("document.documentElement.scrollWidth").unwrap();
            if wide.as_u64() > Some(u64::from(width)) {
                problems.push(format!("{name}: {wide} px wide"));
            }
            let mut found = page.violations().unwrap();
            let requests = page.requests().unwrap().into_iter();
            found.extend(requests.filter(|to| {
                !to.starts_with(&address) && !to.starts_with("blob:") && !to.starts_with("data:")
            }));
            // A browser tells of each answer that is an error: that to what is no photo.
            let messages = page.messages().unwrap().into_iter();
            found.extend(messages.filter(|message| !message.contains("status of 415")));
            problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));

            let answers = page
                .evaluate("entries.map(({ answer, error }) => answer ?? error)")
                .unwrap();
            for (number, (content, answer)) in contents.iter().zip(answers.as_array().unwrap()).enumerate() {
                let name = format!("photo {number}.png");
                let (headers, body) = multipart(&[(name.as_str(), content)]);
                let expected = server
                    .client()
                    .post("/classify?top=7", headers, &body)
                    .unwrap()
                    .json();
                let Some(top) = expected["answers"][0]["top"].as_array() else {
                    assert_eq!(*answer, expected["error"]["message"], "photo {number}");
                    continue;
                };
                assert_eq!(answer.as_array().unwrap().len(), 7);
                for (found, expected) in answer.as_array().unwrap().iter().zip(top) {
                    assert_eq!(found["name"], expected["label"]);
                    // A batch of another size rounds otherwise.
                    let [found, expected] =
                        [found, expected].map(|class| class["probability"].as_f64().unwrap());
                    assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
