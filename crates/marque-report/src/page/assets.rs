//! What both pages carry along: style, fonts and script.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::chart::font;
use crate::chart::theme::Role;

const STYLE: &str = include_str!("../../templates/report.css");

/// The script: sorting of tables.
pub(crate) const SCRIPT: &str = include_str!("../../templates/report.js");

/// The style sheet with its colours and its font.
pub(crate) fn style() -> String {
    let face = |file: &[u8], weight| {
        let address = data_address("font/ttf", file);
        format!(
            "@font-face{{font-family:{};font-weight:{weight};src:url({address})}}",
            font::FAMILY
        )
    };
    STYLE
        .replace(
            "/*fonts*/",
            &(face(font::REGULAR, 400) + &face(font::SEMI_BOLD, 600)),
        )
        .replace("/*light*/", &Role::light_declarations())
        .replace("/*dark*/", &Role::dark_declarations())
}

/// Content as an address that loads nothing.
pub(crate) fn data_address(media_type: &str, content: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64.encode(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_has_its_fonts_and_both_themes() {
        let style = style();
        assert_eq!(style.matches("@font-face").count(), 2);
        assert!(!style.contains("/*"), "a place was not filled");
        assert!(style.matches("--on-heat:").count() >= 2);
    }
}
