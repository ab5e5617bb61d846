//! What in a photo speaks for a class.

use crate::Error;
use image::RgbImage;
use marque_arch::{Graph, NodeId};
use marque_core::SettingError;
use marque_data::Preprocess;
use marque_torch::Network;
use ndarray::{Array2, Axis, s};

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

/// Explains a class of `photo` by Grad-CAM; see [`Network::grad_cam`].
///
/// # Errors
/// [`Error::Torch`] if there is no such class or the node has no feature maps that the logits depend on,
/// [`Error::Setting`] if no node is named and the graph marks no last feature maps, [`Error::Data`] if the photo cannot be resized.
///
/// ```no_run
/// use marque_model::Classifier;
/// use marque_torch::Network;
/// use marque_train::{ExplainConfig, explain};
///
/// let classifier = Classifier::<Network>::open("model.safetensors".as_ref(), Default::default())?;
/// let photo = marque_data::decode("photo.jpg".as_ref())?;
/// let config = ExplainConfig::default();
/// let explained = explain(classifier.engine(), &classifier.card().preprocess, &photo, &config)?;
/// println!("class {}, {} hot pixels", explained.class, explained.heat.iter().filter(|&&heat| heat > 0.5).count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(
    network: &Network,
    preprocess: &Preprocess,
    photo: &RgbImage,
    config: &ExplainConfig,
) -> Result<Explanation, Error> {
    let photo = preprocess.resize_image(photo)?;
    let image = preprocess.tensor(&photo).insert_axis(Axis(0));
    let node = config.node.map_or_else(|| last_maps(network.graph()), Ok)?;
    let (height, width) = (photo.height() as usize, photo.width() as usize);
    let wanted = config.class.as_ref().map(std::slice::from_ref);
    let mut cam = network.grad_cam(image.view(), wanted, node)?;
    let class = cam.classes[0];
    if config.mirrored {
        let flipped = image.slice(s![.., .., .., ..;-1]).to_owned();
        let second = network.grad_cam(flipped.view(), Some(&[class]), node)?;
        cam.maps += &second.maps.slice(s![.., .., ..;-1]);
    }
    let heat = cam.heat(0, height, width).unwrap_or_default();
    Ok(Explanation { class, photo, heat })
}

fn last_maps(graph: &Graph) -> Result<NodeId, Error> {
    let expected = "its name, for a graph that marks no last feature maps";
    let found = graph.features();
    found.ok_or_else(|| SettingError::new("node to explain by", expected, "none").into())
}
