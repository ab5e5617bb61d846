//! Policies: which operations of a set are made, and how strongly.

use rand_chacha::ChaCha8Rng;

use super::{Length, Operation, Sampling};
use crate::random::{below, dirichlet, uniform};

/// An operation that a policy can choose, without its strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Invert,
}

/// The strongest of each operation, and in how many steps it is reached from the weakest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    kinds: &'static [Kind],
    bins: u32,
    shear: f64,
    translation: Length,
    /// In degrees.
    rotation: f64,
    /// On both sides of a factor of 1.
    factor: f64,
    /// Bits that stay at the weakest, and how many of them go at the strongest.
    bits: [f32; 2],
}

use Kind::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Identity, Invert, Posterize, Rotate, Sharpness,
    ShearX, ShearY, Solarize, TranslateX, TranslateY,
};

const GEOMETRIC: [Kind; 5] = [ShearX, ShearY, TranslateX, TranslateY, Rotate];

const WITH_IDENTITY: [Kind; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
];

const FOR_MIXTURES: [Kind; 13] = [
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Brightness,
    Color,
    Contrast,
    Sharpness,
];

/// Müller & Hutter 2021 (arXiv:2103.10158), "wide".
pub(super) const TRIVIAL: Space = Space {
    kinds: &WITH_IDENTITY,
    bins: 31,
    shear: 0.99,
    translation: Length::Pixels(32.0),
    rotation: 135.0,
    factor: 0.99,
    bits: [8.0, 6.0],
};

/// Cubuk et al. 2019 (arXiv:1909.13719).
pub(super) const RAND: Space = Space {
    kinds: &WITH_IDENTITY,
    bins: 31,
    shear: 0.3,
    translation: Length::Share(150.0 / 331.0),
    rotation: 30.0,
    factor: 0.9,
    bits: [8.0, 4.0],
};

/// Cubuk et al. 2018 (arXiv:1805.09501).
pub(super) const AUTO: Space = Space {
    kinds: &[],
    bins: 10,
    ..RAND
};

/// Hendrycks et al. 2019 (arXiv:1912.02781).
pub(super) const AUG_MIX: Space = Space {
    kinds: &FOR_MIXTURES,
    bins: 10,
    translation: Length::Share(1.0 / 3.0),
    bits: [4.0, 4.0],
    ..RAND
};

impl Kind {
    /// Whether its strength goes in two directions.
    fn is_signed(self) -> bool {
        GEOMETRIC.contains(&self) || matches!(self, Brightness | Color | Contrast | Sharpness)
    }
}

impl Space {
    /// The operation of this strength, from 0 to `bins` − 1; nothing for what changes nothing.
    fn operation(&self, kind: Kind, bin: u32, is_negative: bool, sampling: Sampling) -> Option<Operation> {
        let last = self.bins.saturating_sub(1).max(1);
        let sign = if is_negative && kind.is_signed() {
            -1.0
        } else {
            1.0
        };
        let strength = sign * f64::from(bin.min(last)) / f64::from(last);
        let factor = 1.0 + self.factor * strength;
        let moved = match self.translation {
            Length::Pixels(pixels) => Length::Pixels(pixels * strength),
            Length::Share(share) => Length::Share(share * strength),
        };
        let none = Length::Pixels(0.0);
        Some(match kind {
            Identity => return None,
            ShearX => Operation::ShearX(self.shear * strength, sampling),
            ShearY => Operation::ShearY(self.shear * strength, sampling),
            TranslateX => Operation::Translate([moved, none], sampling),
            TranslateY => Operation::Translate([none, moved], sampling),
            Rotate => Operation::Rotate(self.rotation * strength, sampling),
            Brightness => Operation::Brightness(factor),
            Color => Operation::Saturation(factor),
            Contrast => Operation::Contrast(factor),
            Sharpness => Operation::Sharpness(factor),
            Posterize => {
                let [most, lost] = self.bits;
                let gone = bin.min(last) as f32 / (last as f32 / lost);
                Operation::Posterize((most - gone).round_ties_even().max(0.0) as u32)
            }
            Solarize => Operation::Solarize((255.0 * (1.0 - strength)) as f32),
            AutoContrast => Operation::AutoContrast,
            Equalize => Operation::Equalize,
            Invert => Operation::Invert,
        })
    }

    fn chosen(&self, random: &mut ChaCha8Rng) -> Kind {
        let place = below(random, self.kinds.len() as u64) as usize;
        self.kinds.get(place).copied().unwrap_or(Identity)
    }
}

/// One operation of any strength.
pub(super) fn trivial_augment(random: &mut ChaCha8Rng, sampling: Sampling) -> Vec<Operation> {
    let kind = TRIVIAL.chosen(random);
    let bin = below(random, u64::from(TRIVIAL.bins)) as u32;
    let is_negative = uniform(random) < 0.5;
    TRIVIAL
        .operation(kind, bin, is_negative, sampling)
        .into_iter()
        .collect()
}

/// Some operations, one after the other, all of one strength.
pub(super) fn rand_augment(
    random: &mut ChaCha8Rng,
    count: usize,
    magnitude: u32,
    sampling: Sampling,
) -> Vec<Operation> {
    let draw = |_| {
        let kind = RAND.chosen(random);
        let is_negative = uniform(random) < 0.5;
        RAND.operation(kind, magnitude, is_negative, sampling)
    };
    (0..count).filter_map(draw).collect()
}

/// An operation of a learnt policy: what, how probable, and how strong.
type Learnt = (Kind, f32, u32);

/// The policy that was learnt on ImageNet, from the table of the paper's appendix.
const IMAGENET: [[Learnt; 2]; 25] = [
    [(Posterize, 0.4, 8), (Rotate, 0.6, 9)],
    [(Solarize, 0.6, 5), (AutoContrast, 0.6, 0)],
    [(Equalize, 0.8, 0), (Equalize, 0.6, 0)],
    [(Posterize, 0.6, 7), (Posterize, 0.6, 6)],
    [(Equalize, 0.4, 0), (Solarize, 0.2, 4)],
    [(Equalize, 0.4, 0), (Rotate, 0.8, 8)],
    [(Solarize, 0.6, 3), (Equalize, 0.6, 0)],
    [(Posterize, 0.8, 5), (Equalize, 1.0, 0)],
    [(Rotate, 0.2, 3), (Solarize, 0.6, 8)],
    [(Equalize, 0.6, 0), (Posterize, 0.4, 6)],
    [(Rotate, 0.8, 8), (Color, 0.4, 0)],
    [(Rotate, 0.4, 9), (Equalize, 0.6, 0)],
    [(Equalize, 0.0, 0), (Equalize, 0.8, 0)],
    [(Invert, 0.6, 0), (Equalize, 1.0, 0)],
    [(Color, 0.6, 4), (Contrast, 1.0, 8)],
    [(Rotate, 0.8, 8), (Color, 1.0, 2)],
    [(Color, 0.8, 8), (Solarize, 0.8, 7)],
    [(Sharpness, 0.4, 7), (Invert, 0.6, 0)],
    [(ShearX, 0.6, 5), (Equalize, 1.0, 0)],
    [(Color, 0.4, 0), (Equalize, 0.6, 0)],
    [(Equalize, 0.4, 0), (Solarize, 0.2, 4)],
    [(Solarize, 0.6, 5), (AutoContrast, 0.6, 0)],
    [(Invert, 0.6, 0), (Equalize, 1.0, 0)],
    [(Color, 0.6, 4), (Contrast, 1.0, 8)],
    [(Equalize, 0.8, 0), (Equalize, 0.6, 0)],
];

/// One of the 25 pairs.
pub(super) fn auto_augment(random: &mut ChaCha8Rng, sampling: Sampling) -> Vec<Operation> {
    let pair = &IMAGENET[below(random, IMAGENET.len() as u64) as usize % IMAGENET.len()];
    let draw = |&(kind, probability, bin): &Learnt| {
        let is_made = uniform(random) < probability;
        let is_negative = uniform(random) < 0.5;
        let operation = AUTO.operation(kind, bin, is_negative, sampling);
        operation.filter(|_| is_made)
    };
    pair.iter().filter_map(draw).collect()
}

/// How many chains there are, how long they are, and how strong and how mixed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chains {
    pub(super) severity: u32,
    pub(super) width: usize,
    /// Operations of a chain; from one to three if none.
    pub(super) depth: Option<usize>,
    pub(super) alpha: f64,
}

/// The photo mixed with what several chains make of it.
pub(super) fn aug_mix(random: &mut ChaCha8Rng, chains: Chains, sampling: Sampling) -> Vec<Operation> {
    let [own, rest] = dirichlet(random, chains.alpha, 2)[..] else {
        return Vec::new();
    };
    let weights = dirichlet(random, chains.alpha, chains.width);
    let made = weights.into_iter().map(|weight| {
        let depth = chains.depth.unwrap_or_else(|| 1 + below(random, 3) as usize);
        let draw = |_| {
            let kind = AUG_MIX.chosen(random);
            let bin = below(random, u64::from(chains.severity)) as u32;
            let is_negative = uniform(random) < 0.5;
            AUG_MIX.operation(kind, bin, is_negative, sampling)
        };
        let operations = (0..depth).filter_map(draw).collect();
        ((weight * rest) as f32, operations)
    });
    let chains = made.collect();
    vec![Operation::Mixture {
        own: own as f32,
        chains,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use std::collections::BTreeMap;

    fn counts(draw: impl Fn(&mut ChaCha8Rng) -> Vec<Operation>) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for index in 0..14_000 {
            let drawn = draw(&mut stream(1, 0, index, Purpose::Transform(0)));
            let name = |operation: &Operation| {
                let text = format!("{operation:?}");
                text.split(['(', ' ']).next().unwrap_or_default().to_owned()
            };
            let names: Vec<String> = drawn.iter().map(name).collect();
            *counts.entry(names.join("+")).or_insert(0) += 1;
        }
        counts
    }

    #[test]
    fn trivial_augment_makes_one_of_fourteen() {
        let counts = counts(|random| trivial_augment(random, Sampling::default()));
        // Both translations are one operation here; nothing is the identity.
        assert_eq!(counts.len(), 13, "{counts:?}");
        for (name, count) in counts {
            let expected = if name == "Translate" { 2000 } else { 1000 };
            // Standard deviations are 30 and 41.
            assert!(count.abs_diff(expected) < 170, "{name}: {count}");
        }
    }

    fn golden() -> serde_json::Value {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/transforms/policies.json"
        );
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    fn named(name: &str) -> Kind {
        let all = WITH_IDENTITY.into_iter().chain([Invert]);
        all.into_iter().find(|kind| format!("{kind:?}") == name).unwrap()
    }

    /// The number that torchvision calls the magnitude, for the golden file's photo of 40×30.
    fn magnitude(operation: &Operation) -> f64 {
        match operation {
            Operation::ShearX(slope, _) | Operation::ShearY(slope, _) => *slope,
            Operation::Translate([x, y], _) => x.pixels(40) + y.pixels(30),
            Operation::Rotate(degrees, _) => *degrees,
            Operation::Brightness(factor)
            | Operation::Saturation(factor)
            | Operation::Contrast(factor)
            | Operation::Sharpness(factor) => factor - 1.0,
            Operation::Posterize(bits) => f64::from(*bits),
            Operation::Solarize(threshold) => f64::from(threshold / 255.0),
            other => unreachable!("{other:?} has no strength"),
        }
    }

    #[test]
    fn spaces_are_torchvisions() {
        let golden = golden();
        for (policy, space) in [
            ("trivial_augment", TRIVIAL),
            ("rand_augment", RAND),
            ("auto_augment", AUTO),
            ("aug_mix", AUG_MIX),
        ] {
            let expected = golden["spaces"][policy].as_object().unwrap();
            if !space.kinds.is_empty() {
                let mut names: Vec<String> = space.kinds.iter().map(|kind| format!("{kind:?}")).collect();
                names.sort();
                let mut found: Vec<&String> = expected.keys().collect();
                found.sort();
                assert!(names.iter().eq(found), "{policy}");
            }
            for (name, entry) in expected {
                let kind = named(name);
                assert_eq!(
                    kind.is_signed(),
                    entry["signed"].as_bool().unwrap(),
                    "{policy} {name}"
                );
                let Some(strengths) = entry["strengths"].as_array() else {
                    continue;
                };
                assert_eq!(strengths.len(), space.bins as usize);
                for (bin, strength) in (0..).zip(strengths) {
                    for is_negative in [false, true] {
                        let sign = if is_negative && kind.is_signed() {
                            -1.0
                        } else {
                            1.0
                        };
                        let expected = sign * strength.as_f64().unwrap();
                        let operation = space.operation(kind, bin, is_negative, Sampling::default());
                        let found = magnitude(&operation.unwrap());
                        // Single precision, of numbers up to 135.
                        let error = (found - expected).abs();
                        assert!(
                            error <= 2e-7 * expected.abs().max(1.0),
                            "{policy} {name} {bin}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_learnt_pairs_are_torchvisions() {
        let golden = golden();
        let expected = golden["imagenet"].as_array().unwrap();
        assert_eq!(expected.len(), IMAGENET.len());
        for (pair, expected) in IMAGENET.iter().zip(expected) {
            for ((kind, probability, bin), expected) in pair.iter().zip(expected.as_array().unwrap()) {
                assert_eq!(*kind, named(expected[0].as_str().unwrap()));
                assert_eq!(
                    f64::from(*probability) as f32,
                    expected[1].as_f64().unwrap() as f32
                );
                assert_eq!(u64::from(*bin), expected[2].as_u64().unwrap_or(0));
            }
        }
    }

    #[test]
    fn strengths_reach_both_ends() {
        let space = TRIVIAL;
        let of = |kind, bin, negative| space.operation(kind, bin, negative, Sampling::default()).unwrap();
        assert_eq!(
            of(Rotate, 30, true),
            Operation::Rotate(-135.0, Sampling::default())
        );
        assert_eq!(of(Brightness, 0, false), Operation::Brightness(1.0));
        assert_eq!(of(Posterize, 30, true), Operation::Posterize(2));
        assert_eq!(of(Posterize, 0, false), Operation::Posterize(8));
        assert_eq!(of(Solarize, 0, true), Operation::Solarize(255.0));
        assert_eq!(of(Solarize, 30, true), Operation::Solarize(0.0));
    }

    #[test]
    fn mixtures_have_weights_that_sum_to_one() {
        let chains = Chains {
            severity: 3,
            width: 3,
            depth: None,
            alpha: 1.0,
        };
        for index in 0..200 {
            let mut random = stream(1, 0, index, Purpose::Transform(0));
            let made = aug_mix(&mut random, chains, Sampling::default());
            let [Operation::Mixture { own, chains }] = &made[..] else {
                unreachable!("a mixture is one operation");
            };
            let sum = own + chains.iter().map(|(weight, _)| weight).sum::<f32>();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
            assert!(chains.iter().all(|(_, chain)| (1..=3).contains(&chain.len())));
        }
    }
}
