//! Where in an image a network finds what speaks for a class: Grad-CAM.

use crate::error::At;
use crate::{Error, Mode, Network, array_from_tensor, tensor_from_images};
use marque_arch::{Graph, NodeId};
use marque_model::{ActivationMaps, Explain};
use ndarray::{ArrayView4, Ix3};
use tch::{Kind, Tensor};

/// A network on LibTorch explains any class by any feature maps.
impl Explain for Network {
    fn graph(&self) -> &Graph {
        Network::graph(self)
    }

    fn activation_maps(
        &self,
        images: ArrayView4<'_, f32>,
        classes: Option<&[usize]>,
        node: NodeId,
    ) -> Result<ActivationMaps, Error> {
        self.grad_cam(images, classes, node)
    }
}

impl Network {
    /// Gradient-weighted class activation maps (Selvaraju et al. 2017, arXiv:1610.02391) of images `[N, C, H, W]`.
    ///
    /// For image `i` and class `c = classes[i]`, the predicted one where `classes` is `None`, a channel's weight is the mean
    /// over all places of ∂logitᵢ꜀/∂map, and the result is the sum of the channels times their weights, negative values
    /// set to zero. The maps are those of `node`, as a rule the last ones ([`Graph::features`](marque_arch::Graph::features)):
    /// earlier ones are finer and mean less.
    ///
    /// Runs in evaluation mode. Parameters get no gradients, and it is no matter whether they are frozen.
    ///
    /// # Errors
    /// [`Error::WrongTensor`] unless there is one class per image, each less than the number of logits, the node's
    /// output is a feature map N×C×h×w, and the logits depend on it; otherwise as [`forward`](Self::forward).
    pub fn grad_cam(
        &self,
        images: ArrayView4<'_, f32>,
        classes: Option<&[usize]>,
        node: NodeId,
    ) -> Result<ActivationMaps, Error> {
        if let Some(classes) = classes
            && classes.len() != images.dim().0
        {
            return Err(wrong(
                format!("{} classes, one per image", images.dim().0),
                classes.len(),
            ));
        }
        let images = tensor_from_images(images, self.device())?;
        let cut = self.cut_at(node)?;
        let outputs = tch::no_grad(|| self.outputs_of(&images, Mode::Evaluation, &cut))?;
        let mut known: Vec<(NodeId, Tensor)> = cut.into_iter().zip(outputs).collect();
        let Some((_, map)) = known.iter_mut().find(|(known, _)| *known == node) else {
            return Err(self.not_explained(node));
        };
        let place = "Grad-CAM";
        if map.dim() != 4 {
            return Err(wrong(
                "a node whose output is N×C×h×w".to_owned(),
                format!("{:?}", map.size()),
            ));
        }
        *map = map.f_detach().at(place)?.f_set_requires_grad(true).at(place)?;
        let map = map.shallow_clone();
        let logits = self.forward(known.as_slice(), Mode::Evaluation)?;
        let (classes, chosen) = choose(&logits, classes)?;
        let gradients = Tensor::f_run_backward(&[chosen], &[&map], false, false).at(place)?;
        let maps = weighted(&map, &gradients[0]).at(place)?;
        let maps = array_from_tensor(&maps)?.into_dimensionality::<Ix3>();
        let maps = maps.map_err(|error| wrong("maps N×h×w".to_owned(), error))?;
        Ok(ActivationMaps { classes, maps })
    }

    /// The nodes whose outputs, this one's among them, decide the logits, without any that depends on this one.
    fn cut_at(&self, node: NodeId) -> Result<Vec<NodeId>, Error> {
        let graph = self.graph();
        // What serves auxiliary outputs alone is no way from the node to the logits.
        let main = graph.ancestors([graph.output()]);
        if !main[node.index()] || node == graph.output() {
            return Err(self.not_explained(node));
        }
        let mut inside: Vec<bool> = graph.descendants([node]).iter().map(|behind| !behind).collect();
        inside[node.index()] = true;
        Ok(graph
            .frontier(&inside)
            .into_iter()
            .filter(|node| main[node.index()])
            .collect())
    }

    fn not_explained(&self, node: NodeId) -> Error {
        let found = &self.graph().nodes()[node.index()].name;
        wrong("a node that the logits depend on".to_owned(), found)
    }
}

/// The classes, and the sum of their logits: images do not depend on each other, so that its gradient holds each one's own.
fn choose(logits: &Tensor, classes: Option<&[usize]>) -> Result<(Vec<usize>, Tensor), Error> {
    let place = "Grad-CAM";
    let (_, count) = logits.size2().map_err(|_| {
        wrong(
            "a network that ends in one vector per image".to_owned(),
            format!("{:?}", logits.size()),
        )
    })?;
    let index = match classes {
        None => logits.f_argmax(1, true).at(place)?,
        Some(classes) => {
            if let Some(&class) = classes.iter().find(|&&class| class as i64 >= count) {
                return Err(wrong(format!("classes less than {count}"), class));
            }
            let classes: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
            let index = Tensor::f_from_slice(&classes)
                .at(place)?
                .f_unsqueeze(1)
                .at(place)?;
            index.f_to_device(logits.device()).at(place)?
        }
    };
    let chosen = logits.f_gather(1, &index, false).at(place)?;
    let sum = chosen.f_sum(Kind::Float).at(place)?;
    let found = index.f_flatten(0, -1).at(place)?;
    let found: Vec<i64> = Vec::try_from(&found).at(place)?;
    Ok((found.into_iter().map(|class| class as usize).collect(), sum))
}

/// relu(Σ_c mean(gradient of c) · map of c), N×h×w.
fn weighted(map: &Tensor, gradient: &Tensor) -> Result<Tensor, tch::TchError> {
    let gradient = gradient.f_to_kind(Kind::Float)?;
    let map = map.f_detach()?.f_to_kind(Kind::Float)?;
    let weights = gradient.f_mean_dim([2i64, 3].as_slice(), true, Kind::Float)?;
    let sum = map
        .f_mul(&weights)?
        .f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
    sum.f_relu()
}

fn wrong(expected: String, found: impl ToString) -> Error {
    Error::WrongTensor {
        place: "Grad-CAM",
        expected,
        found: found.to_string(),
    }
}
