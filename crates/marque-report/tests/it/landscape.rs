//! Contours and surfaces through the public API.

use crate::common::grids::grids;
use marque_report::{ContourOptions, Error, Grid, Scale, SurfaceOptions, contour_chart, surface_chart};
use ndarray::{Array2, ArrayView2};

/// Coordinates from −1 to 1.
fn even(count: usize) -> Vec<f64> {
    (0..count)
        .map(|at| 2.0 * at as f64 / (count - 1) as f64 - 1.0)
        .collect()
}

fn bowl(count: usize) -> Array2<f64> {
    let at = even(count);
    Array2::from_shape_fn((count, count), |(row, column)| {
        at[row].powi(2) + at[column].powi(2)
    })
}

#[test]
fn names_are_escaped() {
    let hostile = "<b onload='x'>&";
    let at = even(3);
    let values = bowl(3);
    let grid = Grid {
        x: &at,
        y: &at,
        values: values.view(),
    };
    let options = ContourOptions {
        title: hostile.to_owned(),
        value_label: hostile.to_owned(),
        ..ContourOptions::default()
    };
    assert!(!contour_chart(&grid, &options).unwrap().to_string().contains("<b"));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let both = |x: &[f64], y: &[f64], values: ArrayView2<'_, f64>| {
        let grid = Grid { x, y, values };
        let contour = contour_chart(&grid, &ContourOptions::default()).unwrap_err();
        let surface = surface_chart(&grid, &SurfaceOptions::default()).unwrap_err();
        assert_eq!(contour.to_string(), surface.to_string());
        contour
    };
    let (two, values) = ([0.0, 1.0], Array2::zeros((2, 2)));
    for (rows, columns) in [(0, 0), (0, 3), (1, 1), (1, 2), (2, 1), (2, 513)] {
        let values = Array2::zeros((rows, columns));
        assert!(matches!(both(&two, &two, values.view()), Error::GridSize { .. }));
    }
    for (x, y) in [
        (&two[..1], &two[..]),
        (&two[..], &[][..]),
        (&[0.0, 1.0, 2.0][..], &two[..]),
    ] {
        assert!(matches!(both(x, y, values.view()), Error::GridShape { .. }));
    }
    for bad in [
        [0.0, 0.0],
        [1.0, 0.0],
        [f64::NAN, 0.0],
        [0.0, f64::NAN],
        [0.0, 1e100],
        [f64::NEG_INFINITY, 0.0],
    ] {
        assert!(matches!(
            both(&bad, &two, values.view()),
            Error::Coordinate { axis: "x", .. }
        ));
        assert!(matches!(
            both(&two, &bad, values.view()),
            Error::Coordinate { axis: "y", .. }
        ));
    }
}

#[test]
fn settings_out_of_range_are_refused_with_the_range() {
    let (at, values) = (even(3), bowl(3));
    let grid = Grid {
        x: &at,
        y: &at,
        values: values.view(),
    };
    for most_bands in [0, 1, 65, usize::MAX] {
        let options = ContourOptions {
            most_bands,
            ..ContourOptions::default()
        };
        let error = contour_chart(&grid, &options).unwrap_err().to_string();
        assert!(
            error.starts_with("the number of bands must be from 2 to 64, found "),
            "{error}"
        );
    }
    let cut = |scale, ceiling| SurfaceOptions {
        scale,
        ceiling: Some(ceiling),
        ..SurfaceOptions::default()
    };
    for (scale, ceiling) in [
        (Scale::Linear, f64::NAN),
        (Scale::Linear, 1e100),
        (Scale::Log10, 0.0),
        (Scale::Log10, -1.0),
    ] {
        let error = surface_chart(&grid, &cut(scale, ceiling)).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Setting {
                    what: "the ceiling",
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_contour_without_holes_leaves_no_ground_bare() {
    let ground = image::Rgb([0xe4, 0xe7, 0xeb]);
    for values in grids() {
        let name = values.name;
        let chart = contour_chart(&values.grid(), &ContourOptions::default()).unwrap();
        let picture = image::load_from_memory(&chart.to_png(1.0).unwrap())
            .unwrap()
            .into_rgb8();
        let bare = picture.pixels().filter(|pixel| **pixel == ground).count();
        let has_holes = ["nothing", "holes"].contains(&name);
        assert!(
            if has_holes { bare > 1000 } else { bare == 0 },
            "{name}: {bare} pixels"
        );
    }
}

#[test]
fn a_surface_of_51_by_51_is_small_enough_for_a_page() {
    let (at, values) = (even(51), bowl(51));
    let grid = Grid {
        x: &at,
        y: &at,
        values: values.view(),
    };
    let drawn = surface_chart(&grid, &SurfaceOptions::default())
        .unwrap()
        .to_string();
    assert_eq!(drawn.matches("<path").count(), 2500);
    assert!(drawn.len() < 500_000, "{} bytes", drawn.len());
    let cut = SurfaceOptions {
        ceiling: Some(0.5),
        ..SurfaceOptions::default()
    };
    let faces = surface_chart(&grid, &cut)
        .unwrap()
        .to_string()
        .matches("<path")
        .count();
    // A circle of radius √0.5 covers 39 % of the square; the cells on it are drawn in part.
    assert!((982..1120).contains(&faces), "{faces}");
}

#[test]
fn the_centre_is_marked_where_it_is_in_sight() {
    let values = bowl(5);
    let marked = |at: &[f64]| {
        let grid = Grid {
            x: at,
            y: at,
            values: values.view(),
        };
        let chart = contour_chart(&grid, &ContourOptions::default()).unwrap();
        chart.to_string().contains("<title>(0, 0)</title>")
    };
    assert!(marked(&even(5)));
    assert!(!marked(&[1.0, 2.0, 3.0, 4.0, 5.0]));
}
