//! The cells of a confusion matrix.

/// The number of samples of one true class.
pub(crate) fn row_sum(row: &[u64]) -> u64 {
    row.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// One cell of the matrix, and the sum of its row.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) truth: usize,
    pub(crate) predicted: usize,
    pub(crate) count: u64,
    pub(crate) sum: u64,
}

impl Cell {
    pub(crate) fn is_correct(self) -> bool {
        self.truth == self.predicted
    }

    /// The share of the row, from 0 to 1.
    pub(crate) fn share(self) -> f64 {
        if self.sum == 0 {
            0.0
        } else {
            self.count as f64 / self.sum as f64
        }
    }
}

/// A share of a row in per cent: with a decimal only below ten, where it matters.
pub(crate) fn share_text(share: f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() {
        "not a number".to_owned()
    } else if percent > 0.0 && percent < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// The cells of the matrix, in reading order.
pub(crate) fn cells(counts: &[Vec<u64>]) -> impl Iterator<Item = Cell> {
    counts.iter().enumerate().flat_map(|(truth, row)| {
        let sum = row_sum(row);
        row.iter().enumerate().map(move |(predicted, &count)| Cell {
            truth,
            predicted,
            count,
            sum,
        })
    })
}

/// At most `most` cells beside the diagonal with the highest counts, highest first, in reading order where counts are
/// equal.
pub(crate) fn most_frequent_confusions(counts: &[Vec<u64>], most: usize) -> Vec<Cell> {
    let mut confusions: Vec<Cell> = cells(counts)
        .filter(|cell| !cell.is_correct() && cell.count > 0)
        .collect();
    confusions.sort_by_key(|cell| std::cmp::Reverse(cell.count));
    confusions.truncate(most);
    confusions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confusions_are_sorted_by_count() {
        let counts = [vec![5, 2, 0], vec![7, 1, 2], vec![0, 0, 0]];
        let found = most_frequent_confusions(&counts, 2);
        let found: Vec<_> = found
            .iter()
            .map(|cell| (cell.truth, cell.predicted, cell.count, cell.sum))
            .collect();
        assert_eq!(found, [(1, 0, 7, 10), (0, 1, 2, 7)]);
        assert_eq!(most_frequent_confusions(&counts, 9).len(), 3);
    }

    #[test]
    fn shares_have_a_decimal_below_ten_per_cent() {
        let texts = [0.0, 0.004, 0.0994, 0.0996, 0.5, 1.0, f64::NAN].map(share_text);
        assert_eq!(
            texts,
            ["0 %", "0.4 %", "9.9 %", "10 %", "50 %", "100 %", "not a number"]
        );
    }
}
