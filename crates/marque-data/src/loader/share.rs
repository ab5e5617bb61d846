use std::ops::Range;

use marque_core::setting::{at_least, require};

use crate::SettingError;

/// The part of every batch that falls to one of several processes which work on it together.
///
/// Together the shares of all ranks are the batch, and no sample is in two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    rank: usize,
    ranks: usize,
}

impl Default for Share {
    /// The whole.
    fn default() -> Self {
        Share { rank: 0, ranks: 1 }
    }
}

impl Share {
    /// The share of one of several ranks, numbered from 0.
    ///
    /// # Errors
    /// [`SettingError`] if there is no such rank.
    pub fn new(rank: usize, ranks: usize) -> Result<Share, SettingError> {
        at_least("ranks", ranks, 1)?;
        require("rank", rank < ranks, format!("below {ranks}"), rank)?;
        Ok(Share { rank, ranks })
    }

    /// Whether it is the whole.
    pub fn is_whole(self) -> bool {
        self.ranks == 1
    }

    /// The places of a batch of so many samples that are of this share. No share has fewer than `least` samples unless it has none or
    /// the batch has no more: where there are too few for all, the last ranks have none.
    ///
    /// ```
    /// use marque_data::Share;
    ///
    /// let of_all = |samples, least| {
    ///     let shares = (0..4).map(|rank| Ok(Share::new(rank, 4)?.range(samples, least).len()));
    ///     shares.collect::<Result<Vec<_>, marque_data::SettingError>>()
    /// };
    /// assert_eq!(of_all(16, 2)?, [4, 4, 4, 4]);
    /// assert_eq!(of_all(9, 2)?, [2, 2, 2, 3]);
    /// assert_eq!(of_all(5, 2)?, [2, 3, 0, 0]);
    /// assert_eq!(of_all(5, 1)?, [1, 1, 1, 2]);
    /// assert_eq!(of_all(1, 2)?, [1, 0, 0, 0]);
    /// # Ok::<(), marque_data::SettingError>(())
    /// ```
    pub fn range(self, samples: usize, least: usize) -> Range<usize> {
        let parts = self.ranks.min(samples / least.max(1)).max(1);
        let edge = |part: usize| part.min(parts) * samples / parts;
        edge(self.rank)..edge(self.rank + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_batch_without_repeats() {
        for ranks in 1..9 {
            for samples in 0..40 {
                for least in 1..3 {
                    let mut end = 0;
                    for rank in 0..ranks {
                        let range = Share::new(rank, ranks).unwrap().range(samples, least);
                        assert_eq!(range.start, end, "{samples} over {ranks}");
                        let has_enough = range.len() >= least.min(samples) || range.is_empty();
                        assert!(has_enough, "{samples} over {ranks}: {range:?}");
                        end = range.end;
                    }
                    assert_eq!(end, samples);
                }
            }
        }
        assert!(Share::new(2, 2).is_err() && Share::new(0, 0).is_err());
    }
}
