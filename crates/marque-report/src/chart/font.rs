//! The font of charts and pages, carried along so that a picture is the same on every machine.
//!
//! Inter (The Inter Project Authors, SIL Open Font License 1.1, text in `fonts/OFL.txt`) in two weights, cut down to
//! Latin, Greek and Cyrillic with digits of equal width. A character outside it is drawn as a box in a PNG; in an
//! SVG or a page the reader's browser takes another font for it.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use skrifa::prelude::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The font family, as SVG and CSS name it.
pub(crate) const FAMILY: &str = "Inter";

/// The file of the regular weight.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../fonts/Inter-Regular.ttf");

/// The file of the semi-bold weight.
pub(crate) const SEMI_BOLD: &[u8] = include_bytes!("../../fonts/Inter-SemiBold.ttf");

/// How heavy a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// 400.
    Regular,
    /// 600.
    SemiBold,
}

impl Weight {
    /// The number that CSS has for the weight.
    pub(crate) fn css(self) -> u16 {
        match self {
            Weight::Regular => 400,
            Weight::SemiBold => 600,
        }
    }

    fn file(self) -> &'static [u8] {
        match self {
            Weight::Regular => REGULAR,
            Weight::SemiBold => SEMI_BOLD,
        }
    }
}

/// The size of a raised character, as a share of the size of the text around it.
pub(crate) const RAISED: f32 = 0.7;

/// The character that a superscript is, raised: the font has none of its own but those of Latin-1, and a row of both
/// kinds would be uneven.
pub(crate) fn raised(c: char) -> Option<char> {
    Some(match c {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴' => '4',
        '⁵' => '5',
        '⁶' => '6',
        '⁷' => '7',
        '⁸' => '8',
        '⁹' => '9',
        '⁻' => '−',
        '⁺' => '+',
        'ⁿ' => 'n',
        _ => return None,
    })
}

/// The two faces, and no font of the system.
pub(crate) fn database() -> Arc<fontdb::Database> {
    static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut database = fontdb::Database::new();
        database.load_font_data(REGULAR.to_vec());
        database.load_font_data(SEMI_BOLD.to_vec());
        Arc::new(database)
    });
    Arc::clone(&DATABASE)
}

/// The width of `text` in pixels at `size_px`, from the font's advance widths (kerning is left out: it makes text
/// narrower by a hair, never wider than a layout can bear). A character that the font lacks counts as wide as it is high.
pub(crate) fn text_width(text: &str, size_px: f32, weight: Weight) -> f32 {
    let Ok(font) = FontRef::new(weight.file()) else {
        return text.chars().count() as f32 * size_px;
    };
    let metrics = font.glyph_metrics(Size::new(size_px), LocationRef::default());
    let characters = font.charmap();
    let advance = |c: char| {
        characters
            .map(c)
            .and_then(|glyph| metrics.advance_width(glyph))
            .unwrap_or(size_px)
    };
    text.chars()
        .map(|c| raised(c).map_or_else(|| advance(c), |c| advance(c) * RAISED))
        .sum()
}

/// `text`, or as much of both its ends as fits into `width_px` with an ellipsis between them: names of cars differ
/// in their last words (the year, the variant) as often as in their first.
pub(crate) fn shorten(text: &str, width_px: f32, size_px: f32, weight: Weight) -> String {
    let width = |text: &str| text_width(text, size_px, weight);
    if width(text) <= width_px {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let joined = |kept: usize| {
        let (first, last) = (kept.div_ceil(2), kept / 2);
        let first: String = characters[..first].iter().collect();
        let last: String = characters[characters.len() - last..].iter().collect();
        format!("{}…{}", first.trim_end(), last.trim_start())
    };
    // The width grows with every character kept.
    let mut kept = 0;
    while kept + 1 < characters.len() && width(&joined(kept + 1)) <= width_px {
        kept += 1;
    }
    joined(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_belong_to_the_family_and_cover_names_from_europe() {
        let database = database();
        let mut weights: Vec<u16> = database
            .faces()
            .filter(|face| face.families.iter().any(|(name, _)| name == FAMILY))
            .map(|face| face.weight.0)
            .collect();
        weights.sort_unstable();
        assert_eq!(weights, [400, 600]);
        for weight in [Weight::Regular, Weight::SemiBold] {
            let characters = FontRef::new(weight.file()).unwrap().charmap();
            for c in "Citroën Škoda Łada Лада Ωμέγα 0123456789 % × – − … · “” ’ & < > § € ß ñ ő ığ".chars()
            {
                assert!(characters.map(c).is_some(), "{c:?} is missing in {weight:?}");
            }
        }
    }

    #[test]
    fn digits_are_equally_wide() {
        for weight in [Weight::Regular, Weight::SemiBold] {
            let one = text_width("1", 16.0, weight);
            assert!(
                "023456789"
                    .chars()
                    .all(|c| text_width(&c.to_string(), 16.0, weight) == one)
            );
        }
    }

    #[test]
    fn a_long_name_is_shortened_to_the_room_there_is() {
        let short = shorten(
            "Mercedes-Benz Sprinter Long Wheelbase",
            100.0,
            13.0,
            Weight::Regular,
        );
        assert!(short.starts_with("Merc") && short.ends_with("base"), "{short}");
        assert!(text_width(&short, 13.0, Weight::Regular) <= 100.0);
        assert_eq!(shorten("Van", 100.0, 13.0, Weight::Regular), "Van");
        assert_eq!(shorten("Van", 0.0, 13.0, Weight::Regular), "…");
    }
}
