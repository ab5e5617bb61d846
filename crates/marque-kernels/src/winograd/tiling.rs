//! Covering maps with tiles.

use super::transforms::MOST_POINTS;
use std::ops::Range;

/// Sizes that there are transforms for.
pub(crate) const SIZES: [usize; 4] = [2, 3, 4, 6];

/// A tile in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: usize,
    pub(crate) size: usize,
}

/// Tiles of at most `largest` that cover `length` outputs with the fewest products, without overhang but for a single output; equal
/// sizes are neighbours, the large ones first.
pub(crate) fn cover(length: usize, largest: usize) -> Vec<Extent> {
    // The fewest points for each length, and the tile that ends there.
    let mut fewest: Vec<Option<(usize, usize)>> = vec![None; length + 1];
    fewest[0] = Some((0, 0));
    for end in 1..=length {
        let candidates = SIZES.iter().filter(|&&size| size <= largest && size <= end);
        fewest[end] = candidates
            .filter_map(|&size| Some((fewest[end - size]?.0 + size + 2, size)))
            .min_by_key(|&(points, size)| (points, std::cmp::Reverse(size)));
    }
    let mut sizes = Vec::new();
    let mut end = length;
    while end > 0 {
        // Only a single output cannot be covered: by a tile that hangs over.
        let size = fewest[end].map_or(2, |(_, size)| size);
        sizes.push(size);
        end = end.saturating_sub(size);
    }
    sizes.sort_unstable_by(|first, second| second.cmp(first));
    let mut start = 0;
    let place = |size| {
        let extent = Extent { start, size };
        start += size;
        extent
    };
    sizes.into_iter().map(place).collect()
}

/// A tile of a map: its image and its place in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) image: usize,
    pub(crate) rows: Extent,
    pub(crate) columns: Extent,
}

/// Tiles that are computed together, and which of them have which products.
#[derive(Debug)]
pub(crate) struct TileBlock {
    pub(crate) tiles: Vec<Tile>,
    /// For each pair of points, runs of tiles that have it.
    pub(crate) pairs: Vec<PairRun>,
}

/// A run of tiles that have a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairRun {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) tiles: Range<usize>,
}

impl TileBlock {
    /// Sorts tiles so that those with a product are neighbours: for two sizes in each direction, large rows with small columns, then all
    /// that is large, then small rows with large columns, then all that is small.
    pub(crate) fn new(mut tiles: Vec<Tile>) -> Self {
        let largest = tiles.iter().map(|tile| tile.rows.size).max().unwrap_or(0);
        let order = |tile: &Tile| {
            let (rows, columns) = (tile.rows.size as isize, tile.columns.size as isize);
            match tile.rows.size == largest {
                true => (-rows, columns),
                false => (-rows, -columns),
            }
        };
        tiles.sort_by_key(order);
        let mut pairs = Vec::new();
        for (row, column) in
            (0..MOST_POINTS).flat_map(|row| (0..MOST_POINTS).map(move |column| (row, column)))
        {
            let has = |tile: &Tile| tile.rows.size + 2 > row && tile.columns.size + 2 > column;
            let mut start = 0;
            while let Some(first) = tiles[start..].iter().position(has).map(|found| start + found) {
                let length = tiles[first..].iter().position(|tile| !has(tile));
                let end = length.map_or(tiles.len(), |length| first + length);
                pairs.push(PairRun {
                    row,
                    column,
                    tiles: first..end,
                });
                start = end;
            }
        }
        Self { tiles, pairs }
    }

    /// Products per input and output channel.
    pub(crate) fn products(&self) -> usize {
        self.pairs.iter().map(|run| run.tiles.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(length: usize, largest: usize) -> Vec<usize> {
        cover(length, largest).iter().map(|extent| extent.size).collect()
    }

    #[test]
    fn maps_are_covered_exactly_with_the_fewest_products() {
        assert_eq!(sizes(14, 4), [4, 4, 4, 2]);
        assert_eq!(sizes(14, 6), [6, 6, 2]);
        assert_eq!(sizes(7, 4), [4, 3]);
        assert_eq!(sizes(7, 2), [2, 2, 2, 2]);
        assert_eq!(sizes(28, 6), [6, 6, 6, 6, 4]);
        assert_eq!(sizes(56, 6), [6, 6, 6, 6, 6, 6, 6, 6, 6, 2]);
        assert_eq!(sizes(1, 6), [2]);
        for length in 2..200 {
            for largest in SIZES {
                let tiles = cover(length, largest);
                let covered: usize = tiles.iter().map(|tile| tile.size).sum();
                // Pairs alone leave one output of an odd length over.
                let overhang = usize::from(largest == 2 && length % 2 == 1);
                assert_eq!(covered, length + overhang);
                assert!(
                    tiles
                        .windows(2)
                        .all(|pair| pair[0].start + pair[0].size == pair[1].start)
                );
            }
        }
    }

    #[test]
    fn each_pair_of_points_finds_its_tiles_in_one_run() {
        for (largest, runs) in [(4, 36), (6, 64)] {
            let extents = cover(14, largest);
            let tiles = extents.iter().flat_map(|&rows| {
                extents.iter().map(move |&columns| Tile {
                    image: 0,
                    rows,
                    columns,
                })
            });
            let block = TileBlock::new(tiles.collect());
            assert_eq!(block.pairs.len(), runs);
            let points: usize = extents.iter().map(|extent| extent.size + 2).sum();
            assert_eq!(block.products(), points * points);
        }
    }
}
