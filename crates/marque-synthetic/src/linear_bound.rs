//! The photos must not be too easy: a linear classifier on their pixels has to fail.

use ndarray::{Array1, Array2, Axis, s};
use rayon::prelude::*;

use crate::{CLASS_NAMES, SyntheticCars};

/// Cells of a downscaled photo in each direction.
const GRID: usize = 16;
const TRAIN: usize = 1400;
const TEST: usize = 700;

/// Means over the cells of a 16 × 16 grid: 768 numbers in 0..1.
fn features(cars: &SyntheticCars, index: u64) -> Vec<f64> {
    let photo = cars.render(index);
    let (width, height) = photo.dimensions();
    let mut sums = vec![0.0; GRID * GRID * 3];
    for (x, y, pixel) in photo.enumerate_pixels() {
        let cell = (y as usize * GRID / height as usize) * GRID + x as usize * GRID / width as usize;
        for (channel, &value) in pixel.0.iter().enumerate() {
            sums[3 * cell + channel] += f64::from(value) / 255.0;
        }
    }
    let pixels_per_cell = f64::from(width * height) / (GRID * GRID) as f64;
    sums.iter().map(|sum| sum / pixels_per_cell).collect()
}

/// Solves A·X = B for a symmetric positive definite A by the Cholesky decomposition.
fn solve(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for i in 0..n {
        for j in 0..=i {
            let rest = a[[i, j]] - a.slice(s![i, ..j]).dot(&a.slice(s![j, ..j]));
            a[[i, j]] = if i == j { rest.sqrt() } else { rest / a[[j, j]] };
        }
    }
    for i in 0..n {
        let known = a.slice(s![i, ..i]).dot(&b.slice(s![..i, ..]));
        let row = (&b.row(i) - &known) / a[[i, i]];
        b.row_mut(i).assign(&row);
    }
    for i in (0..n).rev() {
        let known = a.slice(s![i + 1.., i]).dot(&b.slice(s![i + 1.., ..]));
        let row = (&b.row(i) - &known) / a[[i, i]];
        b.row_mut(i).assign(&row);
    }
    b
}

fn largest(scores: ndarray::ArrayView1<f64>) -> usize {
    (0..scores.len())
        .max_by(|&i, &j| scores[i].total_cmp(&scores[j]))
        .unwrap()
}

#[test]
fn cholesky_solves_a_small_system() {
    let a = ndarray::array![[4.0, 2.0, 0.5], [2.0, 5.0, 1.0], [0.5, 1.0, 3.0]];
    let x = ndarray::array![[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]];
    let difference = &solve(a.clone(), a.dot(&x)) - &x;
    assert!(difference.iter().all(|d| d.abs() < 1e-12), "{difference}");
}

/// Ridge regression on one-hot labels, in closed form, is the linear classifier. The best of two strengths of the
/// penalty counts, chosen on the test photos: in favour of the classifier, so that the bound is a hard one.
#[test]
fn a_linear_classifier_on_pixels_fails() {
    let cars = SyntheticCars::default();
    let rows: Vec<f64> = (0..(TRAIN + TEST) as u64)
        .into_par_iter()
        .flat_map_iter(|index| features(&cars, index))
        .collect();
    let pixels = Array2::from_shape_vec((TRAIN + TEST, GRID * GRID * 3), rows).unwrap();
    let (train, test) = pixels.view().split_at(Axis(0), TRAIN);
    let mean: Array1<f64> = train.mean_axis(Axis(0)).unwrap();
    let (train, test) = (&train - &mean, &test - &mean);
    let share = 1.0 / CLASS_NAMES.len() as f64;
    let targets = Array2::from_shape_fn((TRAIN, CLASS_NAMES.len()), |(row, class)| {
        f64::from(u8::from(cars.label(row as u64) == class)) - share
    });
    let (gram, moments) = (train.t().dot(&train), train.t().dot(&targets));
    let accuracy = [10.0, 100.0].map(|penalty| {
        let penalised = &gram + &(Array2::<f64>::eye(gram.nrows()) * penalty);
        let weights = solve(penalised, moments.clone());
        let scores = test.dot(&weights);
        let right = scores
            .outer_iter()
            .enumerate()
            .filter(|(row, scores)| largest(scores.view()) == cars.label((TRAIN + row) as u64));
        right.count() as f64 / TEST as f64
    });
    let best = accuracy[0].max(accuracy[1]);
    assert!(
        best < 0.6,
        "a linear classifier reaches {accuracy:?}: the synthetic cars are too easy"
    );
    // Guessing gives 0.14 ± 0.013: below 0.2 the photos, or this classifier, would have no signal at all.
    assert!(
        best > 0.2,
        "a linear classifier reaches only {accuracy:?}: something is broken"
    );
}
