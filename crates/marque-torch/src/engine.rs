use crate::{Error, Network, NetworkOptions};
use marque_arch::Graph;
use marque_model::Engine;
use marque_weights::StateDict;
use ndarray::{Array2, ArrayView4};

/// A network on LibTorch runs model files, too.
///
/// ```no_run
/// use marque_model::Classifier;
/// use marque_torch::{Network, NetworkOptions};
///
/// let options = NetworkOptions::default();
/// let classifier = Classifier::<Network>::open("model.safetensors".as_ref(), options)?;
/// println!("{:?}", classifier.classify("photo.jpg".as_ref())?);
/// # Ok::<(), marque_model::Error>(())
/// ```
impl Engine for Network {
    type Options = NetworkOptions;
    type Error = Error;

    fn build(graph: Graph, weights: &StateDict, options: NetworkOptions) -> Result<Self, Error> {
        Self::with_weights(graph, weights, options)
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        self.predict(images)
    }
}
