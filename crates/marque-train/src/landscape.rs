//! The loss around a trained network: Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural
//! Nets" (2018, arXiv:1712.09913).

use crate::Error;
use crate::error::During;
use crate::evaluate::Sums;
use crate::examples::ExampleBatch;
use marque_core::SettingError;
use marque_data::Loader;
use marque_torch::{Device, Network, Tensor, TrainedParameter};
use ndarray::{Array2, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A direction in which a network's weights can be moved, scaled filter by filter.
///
/// Each number is drawn from a normal distribution; then each filter (all weights of one output channel of a convolution,
/// or of one output of a linear layer) is given the length of the network's own filter (section 4 of the paper):
/// d ← d ⁄ ‖d‖ · ‖w‖. Without this a network with larger weights would look flatter: the same step is then a smaller
/// part of it, although a rectifier with a batch norm behind it makes the size of weights meaningless.
///
/// Biases and the parameters of batch norms have no filters and are not moved, nor are frozen nodes.
#[derive(Debug)]
pub struct Direction {
    moves: Vec<(String, Tensor)>,
}

/// Photos that are kept on a network's device, decoded once for many evaluations.
#[derive(Debug)]
pub struct HeldPhotos {
    batches: Vec<ExampleBatch>,
    images: usize,
}

/// Mean loss at the points of a grid in the plane of two directions.
#[derive(Debug, Clone, PartialEq)]
pub struct LossSurface {
    /// Steps along the first direction, one for each column. A step of 1 is as long as the weights themselves.
    pub alpha: Vec<f64>,
    /// Steps along the second direction, one for each row.
    pub beta: Vec<f64>,
    /// Mean cross-entropy per photo in nats, `[beta, alpha]`. Far from the network it may be infinite or not a number.
    pub loss: Array2<f64>,
    /// Share of photos that are classified rightly, `[beta, alpha]`.
    pub accuracy: Array2<f64>,
}

impl Direction {
    /// A random direction for `network` as it is now: a function of its weights, `seed` and the parameters' names.
    ///
    /// # Errors
    /// [`Error::LibTorch`] if there is no memory for it.
    pub fn random(network: &Network, seed: u64) -> Result<Self, Error> {
        let parameters = network.trained_parameters().into_iter();
        let moved = parameters.filter(|parameter| has_filters(&parameter.tensor));
        let moves = moved.map(|parameter| {
            let drawn = drawn(&parameter, seed).and_then(|drawn| scaled(&drawn, &parameter.tensor));
            drawn
                .during("a direction for the loss landscape")
                .map(|along| (parameter.name, along))
        });
        Ok(Self {
            moves: moves.collect::<Result<_, _>>()?,
        })
    }

    /// The name of each moved parameter with its direction, which has the parameter's shape.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.moves.iter().map(|(name, along)| (name.as_str(), along))
    }
}

/// Normal numbers of the parameter's shape, type, device and order in memory.
fn drawn(parameter: &TrainedParameter, seed: u64) -> Result<Tensor, tch::TchError> {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    stream.set_stream(fnv1a(parameter.name.as_bytes()));
    let values: Vec<f32> = (0..parameter.tensor.numel())
        .map(|_| StandardNormal.sample(&mut stream))
        .collect();
    let values = Tensor::f_from_slice(&values)?.f_reshape(parameter.tensor.size())?;
    let mut like = parameter.tensor.f_detach()?.f_empty_like()?;
    like.f_copy_(&values)?;
    Ok(like)
}

/// `drawn` with the length of each of `weights`' filters; a filter without length is not moved.
fn scaled(drawn: &Tensor, weights: &Tensor) -> Result<Tensor, tch::TchError> {
    let inner: Vec<i64> = (1..weights.dim() as i64).collect();
    let length = |tensor: &Tensor| tensor.f_norm_scalaropt_dim(2, &inner[..], true);
    let factor = length(&weights.f_detach()?)?.f_div(&length(drawn)?)?;
    drawn.f_mul(&factor)
}

/// The FNV-1a hash: the same on every machine and in every version, unlike the standard library's.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

impl HeldPhotos {
    /// The first `at_most` photos of the first pass over `loader`, or all if there are fewer.
    ///
    /// # Errors
    /// [`Error::Setting`] if `at_most` is 0 or no photo can be read, [`Error::Data`] if one cannot be read and the loader
    /// is to stop at it, [`Error::Torch`] if there is no memory.
    pub fn read(loader: &Loader, at_most: usize, device: Device) -> Result<Self, Error> {
        if at_most == 0 {
            return Err(SettingError::new("at_most", "at least 1 photo", 0).into());
        }
        let (mut batches, mut images) = (Vec::new(), 0);
        for batch in loader.epoch(0) {
            let mut batch = batch?;
            let wanted = batch.len().min(at_most - images);
            batch.images = batch.images.slice_move(s![..wanted, .., .., ..]);
            batch.labels.truncate(wanted);
            batches.push(ExampleBatch::of_photos(&batch, device)?);
            images += wanted;
            if images == at_most {
                break;
            }
        }
        if images == 0 {
            return Err(SettingError::new("photos", "at least one that can be read", "none").into());
        }
        Ok(Self { batches, images })
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.images
    }

    /// Never: there is at least one.
    pub fn is_empty(&self) -> bool {
        self.images == 0
    }
}

/// The loss of `network` on `photos` at w + α·d₁ + β·d₂ for every `alpha` and `beta`, where w are its weights now and d₁ and
/// d₂ the two `directions`. The network is put back afterwards, also if something fails.
///
/// Batch norms are in evaluation mode and keep the running statistics of the trained network, as in the code of the
/// paper's authors: the surface is that of the one function which the trained network is. The statistics do not suit
/// weights from far away, so that the loss there is larger than that of a network which would measure them anew.
///
/// # Errors
/// [`Error::Setting`] if a direction was made for another network, [`Error::Torch`] and [`Error::LibTorch`] if the
/// photos do not suit the network or there is no memory.
///
/// # Example
/// ```
/// use marque_arch::{ResNet, ResidualBlock};
/// use marque_data::{Augment, ImageFolder, ImageSize, Loader, LoaderConfig, Preprocess};
/// use marque_synthetic::{PartCounts, SyntheticCars, write_folder};
/// use marque_torch::{Network, NetworkOptions};
/// use marque_train::{Direction, HeldPhotos, loss_surface};
///
/// let folder = tempfile::tempdir()?;
/// let cars = SyntheticCars { image_size: (32, 32), ..Default::default() };
/// write_folder(&cars, PartCounts { train: 70, test: 7 }, &folder.path().join("cars"))?;
/// let split = ImageFolder::scan(&folder.path().join("cars"))?.split(&Default::default())?;
/// let preprocess = Preprocess { image_size: ImageSize::square(32), ..Default::default() };
/// let loader = Loader::new(split.train, preprocess, Augment::none(), LoaderConfig::default())?;
///
/// let graph = ResNet::new("small", ResidualBlock::Basic, [1, 0, 0, 0]).num_classes(7).graph()?;
/// let mut network = Network::new(graph, NetworkOptions::default())?;
/// let photos = HeldPhotos::read(&loader, 8, network.device())?;
/// let (across, upward) = (Direction::random(&network, 1)?, Direction::random(&network, 2)?);
/// let steps = [-0.5, 0.0, 0.5];
/// let surface = loss_surface(&mut network, &photos, [&across, &upward], &steps, &steps)?;
/// assert_eq!(surface.loss.dim(), (3, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn loss_surface(
    network: &mut Network,
    photos: &HeldPhotos,
    directions: [&Direction; 2],
    alpha: &[f64],
    beta: &[f64],
) -> Result<LossSurface, Error> {
    let mut plane = Plane::new(network, directions)?;
    // Both are inside `no_grad`: variables that ask for gradients cannot be written to outside.
    let measured = tch::no_grad(|| plane.measure(network, photos, alpha, beta));
    let put_back = tch::no_grad(|| plane.put_back());
    let surface = measured?;
    put_back.during("putting the weights back")?;
    Ok(surface)
}

/// The moved parameters of a network.
struct Plane {
    axes: Vec<Axes>,
}

/// One parameter: its variable, its value at the origin, and its part of the two directions.
struct Axes {
    variable: Tensor,
    origin: Tensor,
    along: [Tensor; 2],
}

impl Plane {
    fn new(network: &Network, directions: [&Direction; 2]) -> Result<Self, Error> {
        let moved = network.trained_parameters().into_iter();
        let moved: Vec<_> = moved.filter(|parameter| has_filters(&parameter.tensor)).collect();
        for direction in directions {
            let theirs = direction.iter().map(|(name, along)| (name, along.size()));
            let ours = moved
                .iter()
                .map(|parameter| (parameter.name.as_str(), parameter.tensor.size()));
            if !theirs.eq(ours) {
                let found = format!("one of {} other tensors", direction.moves.len());
                return Err(SettingError::new("direction", "one made for this network", found).into());
            }
        }
        let axes = moved.into_iter().enumerate().map(|(position, parameter)| {
            let origin = copied(&parameter.tensor).during("keeping the weights")?;
            Ok(Axes {
                variable: parameter.tensor,
                origin,
                along: directions.map(|direction| direction.moves[position].1.shallow_clone()),
            })
        });
        Ok(Self {
            axes: axes.collect::<Result<_, Error>>()?,
        })
    }

    fn measure(
        &mut self,
        network: &Network,
        photos: &HeldPhotos,
        alpha: &[f64],
        beta: &[f64],
    ) -> Result<LossSurface, Error> {
        let shape = (beta.len(), alpha.len());
        let (mut loss, mut accuracy) = (Array2::zeros(shape), Array2::zeros(shape));
        for (row, &upward) in beta.iter().enumerate() {
            for (column, &across) in alpha.iter().enumerate() {
                self.move_to(across, upward).during("moving the weights")?;
                let mut sums = Sums::default();
                for batch in &photos.batches {
                    let (mean, correct) = batch.measured(network)?;
                    sums.add(mean, correct, batch.labels.size1().during("a batch")? as usize);
                }
                loss[[row, column]] = sums.mean_loss();
                accuracy[[row, column]] = sums.accuracy();
            }
        }
        Ok(LossSurface {
            alpha: alpha.to_vec(),
            beta: beta.to_vec(),
            loss,
            accuracy,
        })
    }

    fn move_to(&mut self, alpha: f64, beta: f64) -> Result<(), tch::TchError> {
        for axes in &mut self.axes {
            let variable = &mut axes.variable;
            variable.f_copy_(&axes.origin)?;
            for (along, step) in axes.along.iter().zip([alpha, beta]) {
                let step = Tensor::f_from_slice(&[step])?.f_to_kind(variable.kind())?;
                // What it gives is another handle to the variable.
                let _ = variable.f_addcmul_(along, &step.f_to_device(variable.device())?)?;
            }
        }
        Ok(())
    }

    fn put_back(&mut self) -> Result<(), tch::TchError> {
        for axes in &mut self.axes {
            axes.variable.f_copy_(&axes.origin)?;
        }
        Ok(())
    }
}

/// Convolutions and linear layers have weights of several dimensions; whatever has one is a bias or of a batch norm.
fn has_filters(weights: &Tensor) -> bool {
    weights.dim() > 1
}

/// A copy with the same order in memory that has no gradient.
fn copied(tensor: &Tensor) -> Result<Tensor, tch::TchError> {
    let tensor = tensor.f_detach()?;
    let mut copy = tensor.f_empty_like()?;
    copy.f_copy_(&tensor)?;
    Ok(copy)
}
