//! One page of a browser.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::connection::{Connection, file_error};
use super::{Error, file_address};

/// Below this width the page is on a phone: its `viewport` element counts, as there.
const PHONE_WIDTH: u32 = 600;

/// What the reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourScheme {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

/// A key that a reader without a mouse uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// To the next place that takes keys.
    Tab,
    /// Presses what has the focus.
    Enter,
    /// Presses what has the focus.
    Space,
}

/// An open page. It is closed when this is dropped.
pub struct Page<'a> {
    connection: &'a mut Connection,
    session: String,
    target: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(connection: &'a mut Connection) -> Result<Self, Error> {
        let target = text(
            connection,
            "Target.createTarget",
            json!({ "url": "about:blank" }),
            "targetId",
        )?;
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(connection, "Target.attachToTarget", attach, "sessionId")?;
        let mut page = Self {
            connection,
            session,
            target,
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(page)
    }

    /// Sets the size of the window's inside, in CSS pixels, at one device pixel each; a width below 600 is a phone's.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn set_viewport(&mut self, width: u32, height: u32) -> Result<(), Error> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < PHONE_WIDTH,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        Ok(())
    }

    /// Sets what `prefers-color-scheme` asks for.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn set_colour_scheme(&mut self, scheme: ColourScheme) -> Result<(), Error> {
        let value = match scheme {
            ColourScheme::Light => "light",
            ColourScheme::Dark => "dark",
        };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", features)?;
        Ok(())
    }

    /// Opens a file and waits until it, its pictures and its fonts are there.
    ///
    /// # Errors
    /// [`Error::Open`] if there is no such file, [`Error::Timeout`] if it is not loaded in two minutes.
    pub fn open(&mut self, path: &Path) -> Result<(), Error> {
        let open_error = |message: String| Error::Open {
            path: path.to_owned(),
            message,
        };
        let absolute = std::path::absolute(path).map_err(|error| open_error(error.to_string()))?;
        self.open_address(&file_address(&absolute))
    }

    /// As [`open`](Self::open), of any address.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_address(&mut self, address: &str) -> Result<(), Error> {
        let first = self.connection.events().len();
        let answer = self.call("Page.navigate", json!({ "url": address }))?;
        if let Some(message) = answer["errorText"].as_str() {
            return Err(Error::Open {
                path: address.into(),
                message: message.to_owned(),
            });
        }
        self.connection
            .wait_for(&self.session, "Page.loadEventFired", first)?;
        self.evaluate("document.fonts.ready.then(() => null)")?;
        Ok(())
    }

    /// The value of a script's last expression; a promise is waited for. The page's content security policy does
    /// not hold for the script.
    ///
    /// # Errors
    /// [`Error::Script`] if it throws.
    pub fn evaluate(&mut self, script: &str) -> Result<Value, Error> {
        let parameters = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", parameters)?;
        if let Some(details) = answer.get("exceptionDetails") {
            let message = exception_text(details);
            return Err(Error::Script { message });
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// [`Error::Script`] if it throws, [`Error::Timeout`] if it is not in two minutes.
    pub fn wait_until(&mut self, condition: &str) -> Result<(), Error> {
        self.evaluate(&format!(
            "new Promise((done, failed) => {{
                const look = () => {{
                    try {{
                        if ({condition}) done(null);
                        else setTimeout(look, 20);
                    }} catch (error) {{
                        failed(error);
                    }}
                }};
                look();
            }})"
        ))?;
        Ok(())
    }

    /// Clicks into the middle of the first element that a CSS selector finds.
    ///
    /// # Errors
    /// [`Error::Script`] if it finds none.
    pub fn click(&mut self, selector: &str) -> Result<(), Error> {
        let middle = self.evaluate(&format!(
            "(() => {{
                const element = document.querySelector({});
                element.scrollIntoView({{ block: 'center', inline: 'center', behavior: 'instant' }});
                const box = element.getBoundingClientRect();
                return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
            }})()",
            Value::from(selector)
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": middle["x"], "y": middle["y"], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// Chooses files for the first input of files that a CSS selector finds, as its reader would in the dialogue.
    ///
    /// # Errors
    /// [`Error::Refused`] if it finds none, or no input of files.
    pub fn choose_files(&mut self, selector: &str, files: &[impl AsRef<Path>]) -> Result<(), Error> {
        let document = self.call("DOM.getDocument", json!({ "depth": 0 }))?["root"]["nodeId"].take();
        let query = json!({ "nodeId": document, "selector": selector });
        let input = self.call("DOM.querySelector", query)?["nodeId"].take();
        let files: Vec<String> = files
            .iter()
            .map(|path| path.as_ref().display().to_string())
            .collect();
        self.call(
            "DOM.setFileInputFiles",
            json!({ "files": files, "nodeId": input }),
        )?;
        Ok(())
    }

    /// Presses a key and lets it go.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn press(&mut self, key: Key) -> Result<(), Error> {
        let (key, code, number, text) = match key {
            Key::Tab => ("Tab", "Tab", 9, ""),
            Key::Enter => ("Enter", "Enter", 13, "\r"),
            Key::Space => (" ", "Space", 32, " "),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Writes a picture of the whole page, also of what one would have to scroll to, as a PNG file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn screenshot(&mut self, path: &Path) -> Result<(), Error> {
        const METHOD: &str = "Page.captureScreenshot";
        let size = self.call("Page.getLayoutMetrics", json!({}))?["cssContentSize"].take();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.call(METHOD, parameters)?;
        let png = answer["data"].as_str().and_then(|data| BASE64.decode(data).ok());
        let png = png.ok_or_else(|| Error::Answer {
            method: METHOD.to_owned(),
            expected: "a picture in base64",
            found: answer["data"].to_string().chars().take(80).collect(),
        })?;
        std::fs::write(path, png).map_err(file_error(path.to_owned()))
    }

    /// What the page has written to the console, and what the browser has complained of: exceptions, requests that
    /// failed, breaches of the page's own security policy.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn messages(&mut self) -> Result<Vec<String>, Error> {
        let events = self.events()?;
        Ok(events.filter_map(message).collect())
    }

    /// The addresses that were asked for, that of the page itself first.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn requests(&mut self) -> Result<Vec<String>, Error> {
        let requests = self
            .events()?
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        let addresses = requests.filter_map(|event| event["params"]["request"]["url"].as_str());
        Ok(addresses.map(str::to_owned).collect())
    }

    fn events(&mut self) -> Result<impl Iterator<Item = &Value>, Error> {
        // Events come in order: after this answer all earlier ones are here.
        self.evaluate("null")?;
        let session = &self.session;
        let events = self.connection.events().iter();
        Ok(events.filter(move |event| event["sessionId"] == **session))
    }

    fn call(&mut self, method: &str, parameters: Value) -> Result<Value, Error> {
        self.connection.call(Some(&self.session), method, parameters)
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let target = json!({ "targetId": self.target });
        // If the browser has ended, the page has too.
        let _closed = self.connection.call(None, "Target.closeTarget", target);
    }
}

fn text(
    connection: &mut Connection,
    method: &str,
    parameters: Value,
    key: &'static str,
) -> Result<String, Error> {
    let answer = connection.call(None, method, parameters)?;
    let found = answer[key].as_str().map(str::to_owned);
    found.ok_or_else(|| Error::Answer {
        method: method.to_owned(),
        expected: key,
        found: answer.to_string(),
    })
}

fn message(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            let arguments = parameters["args"].as_array()?.iter().map(|argument| {
                let value = &argument["value"];
                let described = || argument["description"].as_str().unwrap_or_default().to_owned();
                match value {
                    Value::Null => described(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                }
            });
            let kind = parameters["type"].as_str().unwrap_or("log");
            Some(format!(
                "console.{kind}: {}",
                arguments.collect::<Vec<_>>().join(" ")
            ))
        }
        "Runtime.exceptionThrown" => Some(exception_text(&parameters["exceptionDetails"])),
        "Log.entryAdded" => {
            let entry = &parameters["entry"];
            let field = |name: &str| entry[name].as_str().unwrap_or_default();
            Some(format!(
                "{} {}: {}",
                field("source"),
                field("level"),
                field("text")
            ))
        }
        _ => None,
    }
}

fn exception_text(details: &Value) -> String {
    let thrown = &details["exception"];
    match (thrown["description"].as_str(), details["text"].as_str()) {
        (Some(description), _) => description.to_owned(),
        (None, text) => format!("{}: {}", text.unwrap_or("exception"), thrown["value"]),
    }
}
