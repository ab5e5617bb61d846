//! What in a photo speaks for a class.

use crate::{Error, Explain};
use image::RgbImage;
use marque_arch::{Graph, NodeId};
use marque_data::Preprocess;
use ndarray::{Array2, ArrayView4, Axis, s};

/// How a class of a photo is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExplainConfig {
    /// The class that is explained, an index; the predicted one if absent.
    pub class: Option<usize>,
    /// The node whose feature maps are weighed; the last feature maps if absent.
    pub node: Option<NodeId>,
    /// The mean of the photo's own map and that of its mirror image, turned back: smoother, in twice the time.
    pub mirrored: bool,
}

/// Where in a photo a network finds what speaks for a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The class that is explained.
    pub class: usize,
    /// The photo as the network sees it, cut and resized.
    pub photo: RgbImage,
    /// H×W as `photo`, from 0 for what does not matter to 1 for what matters most.
    pub heat: Array2<f32>,
}

/// Explains a class of `photo`.
///
/// # Errors
/// [`Error::Graph`] if no node is named and the graph marks no last feature maps, [`Error::Data`] if the photo cannot be resized,
/// [`Error::Engine`] as [`Explain::activation_maps`].
pub fn explain<E: Explain>(
    engine: &E,
    preprocess: &Preprocess,
    photo: &RgbImage,
    config: &ExplainConfig,
) -> Result<Explanation, Error> {
    let photo = preprocess.resize_image(photo)?;
    let image = preprocess.tensor(&photo).insert_axis(Axis(0));
    let node = config.node.map_or_else(|| last_maps(engine.graph()), Ok)?;
    let (height, width) = (photo.height() as usize, photo.width() as usize);
    let maps = |images: ArrayView4<'_, f32>, class: Option<usize>| {
        let found = engine.activation_maps(images, class.as_ref().map(std::slice::from_ref), node);
        found.map_err(Error::engine)
    };
    let mut found = maps(image.view(), config.class)?;
    let class = found.classes[0];
    if config.mirrored {
        let mirrored = image.slice(s![.., .., .., ..;-1]);
        let second = maps(mirrored, Some(class))?;
        found.maps += &second.maps.slice(s![.., .., ..;-1]);
    }
    let heat = found.heat(0, height, width).unwrap_or_default();
    Ok(Explanation { class, photo, heat })
}

fn last_maps(graph: &Graph) -> Result<NodeId, Error> {
    let found = graph.features().ok_or_else(|| marque_arch::Error::NoFeatures {
        graph: graph.name().to_owned(),
    });
    Ok(found?)
}
