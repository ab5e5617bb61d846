//! Logits together with where they come from, without a gradient.

use crate::{Error, Session, SessionOptions};
use marque_arch::{Graph, NodeId};
use marque_model::{ActivationMaps, Engine, Explain};
use marque_weights::{MatchPolicy, StateDict};
use ndarray::{Array2, Array3, Array4, ArrayView4, Axis};

/// A network that gives a map per class, whose mean is the class's logit: class activation mapping (Zhou et al. 2016,
/// arXiv:1512.04150), for networks with nothing but a mean over all places and one linear layer behind their last feature maps
/// ([`Graph::with_class_maps`]). For these, Grad-CAM by the last feature maps gives the same maps; here no gradient is computed.
///
/// ```
/// use marque_arch::ResNet;
/// use marque_infer::{ClassMaps, SessionOptions};
/// use marque_model::Explain;
/// use marque_weights::{StateDict, Tensor};
/// use ndarray::Array4;
///
/// let graph = ResNet::resnet18().num_classes(7).graph()?;
/// # let mut weights = StateDict::default();
/// # for parameter in graph.parameters() {
/// #     weights.insert(&parameter.name, Tensor::from_f32(&parameter.shape, &vec![0.01; parameter.count()])?);
/// # }
/// let last_maps = graph.features().ok_or("no feature maps are marked")?;
/// let engine = ClassMaps::new(graph, &weights, SessionOptions::default())?;
/// let found = engine.activation_maps(Array4::zeros((2, 3, 64, 96)).view(), Some(&[3, 5]), last_maps)?;
/// assert_eq!(found.maps.dim(), (2, 2, 3));
/// let heat = found.heat(0, 64, 96);                       // as large as the image, from 0 to 1
/// # assert!(heat.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClassMaps {
    graph: Graph,
    session: Session,
    /// What the classifier adds to every place of a class's map.
    bias: Vec<f32>,
}

impl ClassMaps {
    /// As [`Session::new`].
    ///
    /// # Errors
    /// [`Error::Graph`] if the network's classifier is another one; otherwise as [`Session::new`].
    pub fn new(graph: Graph, weights: &StateDict, options: SessionOptions) -> Result<Self, Error> {
        let matched = weights.matched_to(&graph, MatchPolicy::Strict)?.weights;
        let with_maps = graph.with_class_maps()?;
        let mut reshaped = StateDict::default();
        for parameter in with_maps.parameters() {
            if let Some(tensor) = matched.get(&parameter.name) {
                reshaped.insert(&parameter.name, tensor.reshaped(&parameter.shape)?);
            }
        }
        let classifier = &with_maps.nodes()[with_maps.output().index()].name;
        let bias = reshaped.f32_values(&format!("{classifier}.bias"))?.into_owned();
        Ok(Self {
            session: Session::new(with_maps, &reshaped, options)?,
            graph,
            bias,
        })
    }

    /// N×K×h×w.
    fn maps(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, Error> {
        let output = self.session.output(images)?;
        let found = format!("{:?}", output.shape());
        let maps = output.into_dimensionality();
        maps.map_err(|_| wrong("maps N×K×h×w".to_owned(), found))
    }
}

impl Engine for ClassMaps {
    type Options = SessionOptions;
    type Error = Error;

    fn build(graph: Graph, weights: &StateDict, options: SessionOptions) -> Result<Self, Error> {
        Self::new(graph, weights, options)
    }

    fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        Ok(means(&self.maps(images)?))
    }
}

impl Explain for ClassMaps {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The maps are those of the last feature maps; another `node` is [`Error::WrongArray`].
    fn activation_maps(
        &self,
        images: ArrayView4<'_, f32>,
        classes: Option<&[usize]>,
        node: NodeId,
    ) -> Result<ActivationMaps, Error> {
        let name = |node: NodeId| self.graph.nodes()[node.index()].name.clone();
        if Some(node) != self.graph.features() {
            let last = self.graph.features().map(name).unwrap_or_default();
            return Err(wrong(
                format!("the last feature maps, those of {last}, since others need gradients"),
                name(node),
            ));
        }
        let class_maps = self.maps(images)?;
        let (batch, count, height, width) = class_maps.dim();
        let classes = match classes {
            None => means(&class_maps).outer_iter().map(largest).collect(),
            Some(classes) => classes.to_vec(),
        };
        if classes.len() != batch {
            return Err(wrong(format!("{batch} classes, one per image"), classes.len()));
        }
        if let Some(class) = classes.iter().find(|&&class| class >= count) {
            return Err(wrong(format!("classes less than {count}"), class));
        }
        // In units of the logit, of which each place gives its share; the bias is of no place.
        let places = (height * width) as f32;
        let mut maps = Array3::zeros((batch, height, width));
        for ((mut map, of_image), &class) in maps.outer_iter_mut().zip(class_maps.outer_iter()).zip(&classes)
        {
            let of_class = of_image.index_axis(Axis(0), class);
            map.zip_mut_with(&of_class, |share, value| {
                *share = ((value - self.bias[class]) / places).max(0.0);
            });
        }
        Ok(ActivationMaps { classes, maps })
    }
}

/// The logits: N×K×h×w → N×K.
fn means(maps: &Array4<f32>) -> Array2<f32> {
    let (batch, classes, height, width) = maps.dim();
    Array2::from_shape_fn((batch, classes), |(image, class)| {
        let map = maps.index_axis(Axis(0), image);
        let sum: f64 = map
            .index_axis(Axis(0), class)
            .iter()
            .map(|&value| f64::from(value))
            .sum();
        (sum / (height * width) as f64) as f32
    })
}

/// Where the largest is; the first one if there are several.
fn largest(logits: ndarray::ArrayView1<'_, f32>) -> usize {
    let better = |best: usize, (index, value): (usize, &f32)| match *value > logits[best] {
        true => index,
        false => best,
    };
    logits.iter().enumerate().fold(0, better)
}

fn wrong(expected: String, found: impl ToString) -> Error {
    Error::WrongArray {
        place: "class activation mapping",
        expected,
        found: found.to_string(),
    }
}
