use crate::{Error, Session, SessionOptions};
use marque_arch::Graph;
use marque_model::Engine;
use marque_weights::StateDict;
use ndarray::{Array2, ArrayView4};

impl Engine for Session {
    type Options = SessionOptions;
    type Error = Error;

    fn build(graph: Graph, weights: &StateDict, options: SessionOptions) -> Result<Self, Error> {
        Self::new(graph, weights, options)
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        Session::logits(self, images)
    }
}
