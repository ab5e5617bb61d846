//! Where in an image a network finds what speaks for a class: Grad-CAM.

use crate::error::At;
use crate::{Error, Mode, Network, array_from_tensor, tensor_from_images};
use marque_arch::NodeId;
use ndarray::{Array2, Array3, ArrayView2, ArrayView4, Ix3};
use tch::{Kind, Tensor};

/// Maps of one batch, as [`Network::grad_cam`] computes them.
#[derive(Debug, Clone, PartialEq)]
pub struct GradCam {
    /// For every image the class that its map explains.
    pub classes: Vec<usize>,
    /// N×h×w, where h×w is the size of the node's feature maps: how much each place speaks for the class, in units of
    /// the class's logit. Never negative; all zeros where nothing speaks for the class.
    pub maps: Array3<f32>,
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
    ) -> Result<GradCam, Error> {
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
        Ok(GradCam { classes, maps })
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

impl GradCam {
    /// The map of one image, brought to 0..1 and to the image's size, `height`×`width` pixels: the smallest value becomes
    /// 0 and the largest 1 (a map without contrast is all zeros), and values between the places of the map are
    /// interpolated linearly, pixels taken as squares. This is what the `grad-cam` package for PyTorch gives out.
    ///
    /// `None` if there is no such image.
    pub fn heat(&self, image: usize, height: usize, width: usize) -> Option<Array2<f32>> {
        let maps = self.maps.outer_iter().nth(image)?;
        let resized = resized(normalized(maps).view(), height, width);
        // Between the places of a map, its extreme values are missed.
        Some(normalized(resized.view()))
    }
}

/// Keeps a map without contrast from being divided by nothing.
const LEAST_CONTRAST: f32 = 1e-7;

fn normalized(map: ArrayView2<'_, f32>) -> Array2<f32> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    map.mapv(|value| (value - least) / (LEAST_CONTRAST + (most - least)))
}

fn resized(map: ArrayView2<'_, f32>, height: usize, width: usize) -> Array2<f32> {
    let rows = taps(map.nrows(), height);
    let columns = taps(map.ncols(), width);
    Array2::from_shape_fn((height, width), |(y, x)| {
        let ((top, bottom, down), (left, right, across)) = (rows[y], columns[x]);
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let upper = mix(map[[top, left]], map[[top, right]], across);
        let lower = mix(map[[bottom, left]], map[[bottom, right]], across);
        mix(upper, lower, down)
    })
}

/// For each of `to` pixels the two of `from` that it lies between, and how near it is to the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let last = from.saturating_sub(1);
    let tap = |pixel: usize| {
        let centre = ((pixel as f32 + 0.5) * scale - 0.5).clamp(0.0, last as f32);
        let first = centre as usize;
        (first, (first + 1).min(last), centre - first as f32)
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, aview2};

    #[test]
    fn a_map_without_contrast_is_all_zeros() {
        assert_eq!(normalized(aview2(&[[3.0, 3.0]])), array![[0.0, 0.0]]);
    }

    #[test]
    fn pixels_are_squares_and_the_edge_goes_on() {
        let resized = resized(aview2(&[[0.0, 1.0]]), 1, 4);
        assert_eq!(resized, array![[0.0, 0.25, 0.75, 1.0]]);
        // The same size changes nothing.
        let map = array![[0.5, 0.25], [1.0, 0.0]];
        assert_eq!(super::resized(map.view(), 2, 2), map);
    }
}
