use crate::ActivationMaps;
use marque_arch::{Graph, NodeId};
use marque_weights::StateDict;
use ndarray::{Array2, ArrayView4};

/// Something that runs a graph: from a batch of pixels to logits.
pub trait Engine: Sized {
    /// How it is to run: a device, say, or a number of threads.
    type Options;
    /// What can go wrong.
    type Error: std::error::Error + Send + Sync + 'static;

    /// An engine for a network with these weights, which have names and shapes of the graph's parameters.
    ///
    /// # Errors
    /// Where weights do not suit the graph, or the engine cannot run it.
    fn build(graph: Graph, weights: &StateDict, options: Self::Options) -> Result<Self, Self::Error>;

    /// The logits of normalised images in evaluation mode: N×C×H×W → N×K.
    ///
    /// # Errors
    /// Where the images do not suit the network, or there is no memory.
    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Self::Error>;
}

/// An engine that can say where in images a network finds what speaks for a class.
pub trait Explain: Engine {
    /// The network, whose nodes have feature maps.
    fn graph(&self) -> &Graph;

    /// Class activation maps of normalised images N×C×H×W, one class for each image, the predicted one where `classes` is `None`,
    /// made of the feature maps of `node`: as a rule the last ones ([`Graph::features`]).
    ///
    /// # Errors
    /// Where there is not one class per image, or no such class, or this engine cannot explain by that node; otherwise as
    /// [`logits`](Engine::logits).
    fn activation_maps(
        &self,
        images: ArrayView4<'_, f32>,
        classes: Option<&[usize]>,
        node: NodeId,
    ) -> Result<ActivationMaps, Self::Error>;
}
