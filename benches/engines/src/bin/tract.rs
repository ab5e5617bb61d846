//! tract, its graph made for one shape. Threads share matrix multiplications, which convolutions become.

use anyhow::Result;
use engines::{Case, serve};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

fn main() -> Result<()> {
    let case = Case::from_arguments()?;
    if case.threads > 1 {
        set_default_executor(Executor::multithread(case.threads));
    }
    let model = tract_onnx::onnx()
        .model_for_path(&case.model)?
        .with_input_fact(0, f32::fact(case.shape()).into())?
        .into_optimized()?
        .into_runnable()?;
    let input = Tensor::from_shape(&case.shape(), &case.input()?)?.into_tvalue();
    serve("0.23.9", || {
        let outputs = model.run(tvec!(input.clone()))?;
        Ok(outputs[0].view().as_slice::<f32>()?.to_vec())
    })
}
