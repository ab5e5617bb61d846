use crate::plan::{Builder, write};
use crate::program::Program;
use crate::{Error, Plan, PlanRow, SessionOptions, Tuning, passes};
use marque_arch::{Graph, ImageSize};
use marque_kernels::{Executor, InstructionSet, Layout, Threads};
use marque_weights::{MatchPolicy, StateDict};
use ndarray::{Array2, ArrayD, ArrayView4, IxDyn};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A network that is ready to run. Several threads may run it at one time.
#[derive(Debug)]
pub struct Session {
    graph: Graph,
    program: Program,
    executor: Executor,
    tuning: Tuning,
    most_working_bytes: Option<usize>,
    plans: Mutex<Vec<Arc<Plan>>>,
}

/// The steps of a plan with what each took.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The steps in the order in which they run.
    pub rows: Vec<PlanRow>,
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&self.rows, formatter)
    }
}

impl Session {
    /// A session for a network with these weights, which have names and shapes of the graph's parameters.
    ///
    /// # Errors
    /// [`Error::Weights`] lists every name that is missing, unexpected or of another shape; [`Error::Kernels`] where the processor
    /// lacks the instruction set.
    pub fn new(graph: Graph, weights: &StateDict, options: SessionOptions) -> Result<Self, Error> {
        let matched = weights.matched_to(&graph, MatchPolicy::Strict)?;
        let instruction_set = options.instruction_set.unwrap_or_else(InstructionSet::fastest);
        let threads = match options.threads {
            0 => Threads::for_all_cores(),
            count => Threads::new(count),
        };
        let executor = Executor::new(instruction_set, threads)?;
        Ok(Self {
            program: passes::program(&graph, &matched.weights)?,
            graph,
            executor,
            tuning: options.tuning.unwrap_or_else(|| Tuning::of(instruction_set)),
            most_working_bytes: options.most_working_bytes,
            plans: Mutex::default(),
        })
    }

    /// The graph that it runs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What its kernels run on.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// How batches of so many images of this size are computed. A plan is made once; the first one packs the weights.
    ///
    /// # Errors
    /// [`Error::Graph`] if the images are too small for the network, [`Error::TooLarge`] if a pass would take more memory than it
    /// may, [`Error::Kernels`] if there is none.
    pub fn plan(&self, batch: usize, size: ImageSize) -> Result<Arc<Plan>, Error> {
        let images = Layout {
            batch,
            channels: self.graph.input_channels(),
            height: size.height,
            width: size.width,
        };
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.iter().find(|plan| plan.is_for(images)) {
            return Ok(plan.clone());
        }
        let builder = Builder {
            graph: &self.graph,
            program: &self.program,
            executor: &self.executor,
            tuning: self.tuning,
            most_working_bytes: self.most_working_bytes,
        };
        let plan = Arc::new(builder.plan(images)?);
        plans.push(plan.clone());
        Ok(plan)
    }

    /// The network's output for normalised images: N×C×H×W → N×K for a network that ends in a vector, N×K×h×w for one that ends in
    /// maps.
    ///
    /// # Errors
    /// [`Error::WrongArray`] if there is no image, or they have another number of channels; otherwise as [`plan`](Self::plan).
    pub fn output(&self, images: ArrayView4<'_, f32>) -> Result<ArrayD<f32>, Error> {
        self.pass(images, None)
    }

    /// The logits of normalised images: N×C×H×W → N×K.
    ///
    /// # Errors
    /// [`Error::WrongArray`] if the network does not end in a vector per image; otherwise as [`output`](Self::output).
    pub fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        let output = self.output(images)?;
        let found = format!("{:?}", output.shape());
        output.into_dimensionality().map_err(|_| Error::WrongArray {
            place: "the logits",
            expected: "a network that ends in one vector per image".to_owned(),
            found,
        })
    }

    /// What each step takes: medians of some passes, after one that is not counted.
    ///
    /// # Panics
    /// On targets without a clock, as `wasm32-unknown-unknown` is.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    pub fn profile(&self, images: ArrayView4<'_, f32>, passes: usize) -> Result<Profile, Error> {
        let (batch, _, height, width) = images.dim();
        self.output(images)?;
        let plan = self.plan(batch, ImageSize { height, width })?;
        let mut rows: Vec<PlanRow> = plan.rows().cloned().collect();
        let mut samples: Vec<Vec<Duration>> = Vec::new();
        for _ in 0..passes {
            let mut times = vec![Duration::ZERO; rows.len()];
            self.pass(images, Some(&mut times))?;
            samples.push(times);
        }
        for (index, row) in rows.iter_mut().enumerate() {
            let mut times: Vec<Duration> = samples.iter().map(|sample| sample[index]).collect();
            times.sort_unstable();
            row.measured_nanoseconds = times.get(times.len() / 2).map(|time| time.as_nanos() as f64);
        }
        Ok(Profile { rows })
    }

    fn pass(
        &self,
        images: ArrayView4<'_, f32>,
        times: Option<&mut [Duration]>,
    ) -> Result<ArrayD<f32>, Error> {
        let (batch, channels, height, width) = images.dim();
        let expected = self.graph.input_channels();
        if batch == 0 || channels != expected {
            return Err(Error::WrongArray {
                place: "the network's input",
                expected: format!("a batch of images, N×{expected}×H×W, N at least 1"),
                found: format!("{:?}", images.shape()),
            });
        }
        let plan = self.plan(batch, ImageSize { height, width })?;
        let planar = images.as_standard_layout();
        // A standard layout is one slice.
        let values = planar.as_slice().unwrap_or_default();
        plan.run(&self.executor, values, times, |output, is_vector| {
            let Layout {
                batch,
                channels,
                height,
                width,
            } = output.layout();
            let shape = match is_vector {
                true => vec![batch, channels],
                false => vec![batch, channels, height, width],
            };
            ArrayD::from_shape_vec(IxDyn(&shape), output.to_planar())
        })?
        .map_err(|error| Error::WrongArray {
            place: "the output",
            expected: "as many numbers as its layout has".to_owned(),
            found: error.to_string(),
        })
    }
}
