//! Fewer points for a line that looks the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The places of the points of a line that shape it most: at most `max_points`, but always the two ends.
///
/// The point that spans the smallest triangle with its neighbours goes first (Visvalingam and Whyatt 1993).
pub(crate) fn most_important(x: &[f64], y: &[f64], max_points: usize) -> Vec<usize> {
    let points = x.len().min(y.len());
    let max_points = max_points.max(2);
    if points <= max_points {
        return (0..points).collect();
    }
    let area =
        |a: usize, b: usize, c: usize| ((x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])).abs();
    let mut before: Vec<usize> = (0..points).map(|point| point.saturating_sub(1)).collect();
    let mut after: Vec<usize> = (1..=points).collect();
    let mut areas: Vec<f64> = (0..points)
        .map(|point| area(before[point], point, after[point].min(points - 1)))
        .collect();
    // The bits of numbers that are not negative sort like the numbers.
    let mut smallest: BinaryHeap<_> = (1..points - 1)
        .map(|point| Reverse((areas[point].to_bits(), point)))
        .collect();
    let mut is_kept = vec![true; points];
    let mut left = points;
    while left > max_points
        && let Some(Reverse((bits, point))) = smallest.pop()
    {
        if !is_kept[point] || areas[point].to_bits() != bits {
            continue;
        }
        is_kept[point] = false;
        left -= 1;
        let (previous, next) = (before[point], after[point]);
        after[previous] = next;
        before[next] = previous;
        for neighbour in [previous, next] {
            if neighbour > 0 && neighbour < points - 1 {
                // No smaller than what has just gone, so that a neighbour does not leave at once in its wake.
                areas[neighbour] =
                    area(before[neighbour], neighbour, after[neighbour]).max(f64::from_bits(bits));
                smallest.push(Reverse((areas[neighbour].to_bits(), neighbour)));
            }
        }
    }
    (0..points).filter(|&point| is_kept[point]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_stay_and_points_on_straight_lines_go() {
        // Up, then right: a thousand points on two straight lines.
        let x: Vec<f64> = (0..1000)
            .map(|point| f64::from((point - 500).max(0)) / 499.0)
            .collect();
        let y: Vec<f64> = (0..1000).map(|point| f64::from(point.min(500)) / 500.0).collect();
        assert_eq!(most_important(&x, &y, 3), [0, 500, 999]);
        assert_eq!(most_important(&x, &y, 0), [0, 999]);
        assert_eq!(most_important(&x, &y, 17).len(), 17);
        assert_eq!(most_important(&x, &y, 1000).len(), 1000);
        assert!(most_important(&[], &[], 5).is_empty());
    }

    #[test]
    fn a_parabola_stays_one() {
        let x: Vec<f64> = (0..=10_000).map(|point| f64::from(point) / 10_000.0).collect();
        let y: Vec<f64> = x.iter().map(|x| x * x).collect();
        let kept = most_important(&x, &y, 100);
        // A chord of length h is at most h² / 4 away from x²; even points would give 2.5e-5.
        for ends in kept.windows(2) {
            let width = x[ends[1]] - x[ends[0]];
            assert!(width * width / 4.0 < 2e-4, "{ends:?}");
        }
    }
}
