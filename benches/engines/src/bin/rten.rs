//! rten, its weights packed when the model is loaded.

use anyhow::Result;
use engines::{Case, serve};
use rten::{ModelOptions, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

fn main() -> Result<()> {
    let case = Case::from_arguments()?;
    let model = ModelOptions::with_all_ops()
        .prepack_weights(true)
        .load_file(&case.model)?;
    let input = NdTensor::from_data(case.shape(), case.input()?);
    let options =
        RunOptions::default().with_thread_pool(Some(ThreadPool::with_num_threads(case.threads).into()));
    serve("0.27.0", || {
        let output = model.run_one(input.view().into(), Some(options.clone()))?;
        let logits: Tensor<f32> = output.try_into()?;
        Ok(logits.to_vec())
    })
}
