//! The colours of charts, by what they stand for.
//!
//! A stand-alone SVG or PNG has the light colours as they are. Inside a page every colour is a CSS variable, so that
//! the page's style sheet decides between light and dark. Training and validation are blue and vermilion from the
//! palette of Okabe and Ito ("Color Universal Design", 2008), which people with any common kind of colour vision
//! tell apart; the two hues of the heat map are a darker pair of the same kind.

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What lies behind everything.
    Surface,
    /// Text, and counts in pale cells.
    Ink,
    /// Text of less weight: ticks, captions.
    Muted,
    /// Grid lines, borders of cells.
    Grid,
    /// The axis line.
    Axis,
    /// The curve of the training part.
    Training,
    /// The curve of the validation part.
    Validation,
    /// Cells of the diagonal, at full strength.
    Correct,
    /// Cells beside the diagonal, at full strength.
    Confused,
    /// Text in cells that are strongly filled.
    OnHeat,
    /// The curve of one of many series, counted from zero; after the last of [`SERIES`] they begin again.
    Series(u8),
}

/// Colours of series on a light and on a dark ground. Neighbours differ in lightness as well as in hue, so that they
/// are told apart with any kind of colour vision; the first ones are again those of Okabe and Ito, darkened where they
/// would be too pale for a line.
const SERIES: [Colour; 8] = [
    Colour::new("series-1", "#0072b2", "#56b4e9"),
    Colour::new("series-2", "#d55e00", "#f0954a"),
    Colour::new("series-3", "#00624a", "#2fc796"),
    Colour::new("series-4", "#c4659c", "#e6a0ca"),
    Colour::new("series-5", "#15181c", "#f1f3f5"),
    Colour::new("series-6", "#a67c00", "#e8cf4f"),
    Colour::new("series-7", "#6a2c91", "#a987e0"),
    Colour::new("series-8", "#2f9bd0", "#8fe0f0"),
];

/// A colour that is the same in both themes: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rgb(pub(crate) [u8; 3]);

/// A colour in both themes, as `#rrggbb`.
#[derive(Clone, Copy)]
struct Colour {
    variable: &'static str,
    light: &'static str,
    dark: &'static str,
}

impl Colour {
    const fn new(variable: &'static str, light: &'static str, dark: &'static str) -> Self {
        Self {
            variable,
            light,
            dark,
        }
    }
}

impl Role {
    /// Every role, in the order in which the style sheet lists them.
    pub(crate) const ALL: [Role; 10 + SERIES.len()] = [
        Role::Surface,
        Role::Ink,
        Role::Muted,
        Role::Grid,
        Role::Axis,
        Role::Training,
        Role::Validation,
        Role::Correct,
        Role::Confused,
        Role::OnHeat,
        Role::Series(0),
        Role::Series(1),
        Role::Series(2),
        Role::Series(3),
        Role::Series(4),
        Role::Series(5),
        Role::Series(6),
        Role::Series(7),
    ];

    const fn colour(self) -> Colour {
        let (variable, light, dark) = match self {
            Role::Surface => ("surface", "#ffffff", "#14171c"),
            Role::Ink => ("ink", "#15181c", "#f1f3f5"),
            Role::Muted => ("muted", "#59626d", "#a3adb9"),
            Role::Grid => ("grid", "#e4e7eb", "#2b3038"),
            Role::Axis => ("axis", "#8a939e", "#6b7480"),
            Role::Training => ("training", "#0072b2", "#56b4e9"),
            Role::Validation => ("validation", "#d55e00", "#f0954a"),
            Role::Correct => ("correct", "#08306b", "#64aef0"),
            Role::Confused => ("confused", "#9a3412", "#e07a35"),
            Role::OnHeat => ("on-heat", "#ffffff", "#05080c"),
            Role::Series(index) => return SERIES[index as usize % SERIES.len()],
        };
        Colour::new(variable, light, dark)
    }

    /// The name of the role's CSS variable, without the leading dashes.
    pub(crate) fn variable(self) -> &'static str {
        self.colour().variable
    }

    /// The colour on a light ground, as `#rrggbb`.
    pub(crate) fn light(self) -> &'static str {
        self.colour().light
    }

    /// The declarations of all CSS variables for the light theme.
    pub(crate) fn light_declarations() -> String {
        Self::ALL
            .iter()
            .map(|role| format!("--{}:{};", role.variable(), role.light()))
            .collect()
    }

    /// The declarations of all CSS variables for the dark theme.
    pub(crate) fn dark_declarations() -> String {
        Self::ALL
            .iter()
            .map(|role| format!("--{}:{};", role.variable(), role.colour().dark))
            .collect()
    }
}

/// How strongly a cell is filled for a share of its row: above zero a cell is always visible, and a share of five
/// per cent is told from one of ten, because those are the confusions that a reader looks for.
pub(crate) fn heat_opacity(share: f64) -> f32 {
    if share > 0.0 {
        (0.04 + 0.96 * share.min(1.0).powf(0.6)) as f32
    } else {
        0.0
    }
}

/// The text colour for a cell filled with `opacity` of `fill`: that of the higher contrast. The colours of [`Role`]
/// are chosen so that the same limit serves both themes.
pub(crate) fn heat_ink(fill: Role, opacity: f32) -> Role {
    let limit = if fill == Role::Correct { 0.64 } else { 0.75 };
    if opacity < limit { Role::Ink } else { Role::OnHeat }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(colour: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()))
    }

    /// Relative luminance and contrast as in WCAG 2.2.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |colour: [f64; 3]| {
            let linear = colour.map(|channel| {
                let value = channel / 255.0;
                if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05
        };
        let (a, b) = (luminance(a), luminance(b));
        a.max(b) / a.min(b)
    }

    #[test]
    fn counts_are_readable_on_every_shade_in_both_themes() {
        for theme in [Role::light, |role: Role| role.colour().dark] {
            for heat in [Role::Correct, Role::Confused] {
                for percent in 0..=100 {
                    let opacity = heat_opacity(f64::from(percent) / 100.0);
                    let (under, over) = (channels(theme(Role::Surface)), channels(theme(heat)));
                    let blend = |i: usize| under[i] + (over[i] - under[i]) * f64::from(opacity);
                    let text = channels(theme(heat_ink(heat, opacity)));
                    let ratio = contrast([blend(0), blend(1), blend(2)], text);
                    // Black and white together cannot do better than 4.58 at the crossing.
                    assert!(ratio > 4.0, "{heat:?} at {percent} %: {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn text_and_curves_stand_out_from_the_ground() {
        for theme in [Role::light, |role: Role| role.colour().dark] {
            let ground = channels(theme(Role::Surface));
            for role in [Role::Ink, Role::Muted] {
                assert!(contrast(channels(theme(role)), ground) > 4.5, "{role:?}");
            }
            let series = (0..8).map(Role::Series);
            for role in [Role::Training, Role::Validation, Role::Axis]
                .into_iter()
                .chain(series)
            {
                assert!(contrast(channels(theme(role)), ground) > 3.0, "{role:?}");
            }
        }
    }

    #[test]
    fn every_role_has_a_variable_of_its_own() {
        let mut names = Role::ALL.map(Role::variable);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert_eq!(Role::Series(9).variable(), Role::Series(1).variable());
    }
}
