//! Photos that look the same.

use std::collections::{BTreeSet, HashMap};

use image::RgbImage;

use crate::preprocess::Resize;
use crate::reading::resize;
use crate::transform::grey;
use crate::{Error, ImageSize};

/// What of a photo stays the same when it is scaled, compressed or touched up a little: at 16×16 places, whether it becomes lighter
/// from left to right (a difference hash of 256 bits), and the same of its mirror image.
///
/// ```
/// use marque_data::PerceptualHash;
///
/// let wave = |x: u32, y: u32| 128.0 + 100.0 * (x as f32 / 9.0).sin() * (y as f32 / 7.0).cos();
/// let photo = image::RgbImage::from_fn(80, 60, |x, y| image::Rgb([wave(x, y) as u8; 3]));
/// let hash = PerceptualHash::of(&photo)?.unwrap();
/// let smaller = image::imageops::thumbnail(&photo, 50, 40);
/// assert!(hash.distance(&PerceptualHash::of(&smaller)?.unwrap()) <= 26);
/// assert_eq!(hash.distance(&PerceptualHash::of(&image::imageops::flip_horizontal(&photo))?.unwrap()), 0);
/// # Ok::<(), marque_data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PerceptualHash {
    own: Bits,
    mirrored: Bits,
}

type Bits = [u64; 4];

/// Photos whose hashes differ in so many bits at most are nearly the same: of 4,165 photos of cars the five pairs within 26 bits
/// were the same photo, and those from 35 on were other cars.
pub const MOST_DIFFERENT_BITS: u32 = 26;

/// Places of the 256 that must become lighter or darker by more than a level: a photo of one colour looks like any other.
const LEAST_STRUCTURE: usize = 64;

const SIDE: usize = 16;

impl PerceptualHash {
    /// The hash of a photo; `None` if there is too little to be seen on it.
    ///
    /// # Errors
    /// [`Error::NoPixels`] for an image without pixels.
    pub fn of(photo: &RgbImage) -> Result<Option<PerceptualHash>, Error> {
        let size = ImageSize {
            height: SIDE,
            width: SIDE + 1,
        };
        let small = resize(photo, size, Resize::Squash)?;
        let greys: Vec<f32> = small
            .as_raw()
            .chunks_exact(3)
            .map(|pixel| grey(&[pixel[0], pixel[1], pixel[2]].map(f32::from)))
            .collect();
        let (mut own, mut mirrored, mut structure) = ([0; 4], [0; 4], 0);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let place = row * (SIDE + 1) + column;
                let rise = greys[place + 1] - greys[place];
                structure += usize::from(rise.abs() > 1.0);
                set(&mut own, row * SIDE + column, rise > 0.0);
                set(&mut mirrored, row * SIDE + SIDE - 1 - column, rise < 0.0);
            }
        }
        Ok((structure >= LEAST_STRUCTURE).then_some(PerceptualHash { own, mirrored }))
    }

    /// In how many of the 256 bits two photos differ, or one and the mirror image of the other, whichever is fewer.
    pub fn distance(&self, other: &PerceptualHash) -> u32 {
        differing(&self.own, &other.own).min(differing(&self.own, &other.mirrored))
    }
}

fn set(bits: &mut Bits, place: usize, value: bool) {
    bits[place / 64] |= u64::from(value) << (place % 64);
}

fn differing(one: &Bits, other: &Bits) -> u32 {
    one.iter()
        .zip(other)
        .map(|(one, other)| (one ^ other).count_ones())
        .sum()
}

/// Bands that the bits are cut into: of two hashes that differ in fewer places than there are bands, one band is the same.
const BANDS: usize = MOST_DIFFERENT_BITS as usize + 1;

/// The bits of a band.
fn band(bits: &Bits, number: usize) -> u64 {
    let [first, last] = [number, number + 1].map(|number| number * 256 / BANDS);
    (first..last).fold(0, |band, place| {
        band << 1 | (bits[place / 64] >> (place % 64) & 1)
    })
}

/// The most pairs that are looked for: of a film's frames each is like many others.
const MOST_PAIRS: usize = 100_000;

/// Positions of pairs of photos that are nearly the same, in order: all of them, up to 100,000. Photos without a hash are like
/// none.
pub(crate) fn alike(hashes: &[Option<PerceptualHash>]) -> Vec<(usize, usize)> {
    let mut known: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    let mut pairs = BTreeSet::new();
    for (index, hash) in hashes.iter().enumerate() {
        let Some(hash) = hash else {
            continue;
        };
        if pairs.len() >= MOST_PAIRS {
            break;
        }
        for number in 0..BANDS {
            for bits in [&hash.own, &hash.mirrored] {
                for &other in known.get(&(number, band(bits, number))).into_iter().flatten() {
                    let is_near = hashes[other].is_some_and(|other| {
                        let distance = differing(&other.own, bits);
                        distance <= MOST_DIFFERENT_BITS
                    });
                    if is_near {
                        pairs.insert((other, index));
                    }
                }
            }
        }
        for number in 0..BANDS {
            known
                .entry((number, band(&hash.own, number)))
                .or_default()
                .push(index);
        }
    }
    pairs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, below, stream};

    fn random(number: u64) -> Bits {
        let mut rng = stream(number, 0, 0, Purpose::Order);
        [(); 4].map(|()| below(&mut rng, 1 << 32) << 32 | below(&mut rng, 1 << 32))
    }

    /// A hash with so many bits turned over.
    fn changed(mut bits: Bits, count: u64, number: u64) -> Bits {
        let mut rng = stream(number, 1, 0, Purpose::Order);
        let mut places = BTreeSet::new();
        while (places.len() as u64) < count {
            places.insert(below(&mut rng, 256) as usize);
        }
        for place in places {
            bits[place / 64] ^= 1 << (place % 64);
        }
        bits
    }

    #[test]
    fn bands_hold_every_bit_once() {
        for place in 0..256 {
            let mut bits = [0; 4];
            set(&mut bits, place, true);
            let holding = (0..BANDS).filter(|&number| band(&bits, number) != 0);
            assert_eq!(holding.count(), 1);
        }
    }

    #[test]
    fn pairs_are_those_that_comparing_all_with_all_finds() {
        let mut hashes = Vec::new();
        for number in 0..60 {
            let own = random(number);
            hashes.push(Some(PerceptualHash {
                own,
                mirrored: random(1000 + number),
            }));
            // Nearer and farther than the bound, as they are and as mirror images.
            let near = changed(own, 15 + number % 25, number);
            let other = random(2000 + number);
            hashes.push(Some(if number % 2 == 0 {
                PerceptualHash {
                    own: near,
                    mirrored: other,
                }
            } else {
                PerceptualHash {
                    own: other,
                    mirrored: near,
                }
            }));
            hashes.push(None);
        }
        let mut expected = Vec::new();
        for first in 0..hashes.len() {
            for second in first + 1..hashes.len() {
                if let (Some(one), Some(other)) = (hashes[first], hashes[second]) {
                    let distance = differing(&one.own, &other.own).min(differing(&one.own, &other.mirrored));
                    if distance <= MOST_DIFFERENT_BITS {
                        expected.push((first, second));
                    }
                }
            }
        }
        assert!((20..50).contains(&expected.len()), "{}", expected.len());
        assert_eq!(alike(&hashes), expected);
    }

    #[test]
    fn photos_of_one_colour_are_like_none() {
        let plain = RgbImage::from_pixel(40, 30, image::Rgb([90; 3]));
        assert_eq!(PerceptualHash::of(&plain).unwrap(), None);
        assert_eq!(alike(&[None, None]), []);
    }
}
