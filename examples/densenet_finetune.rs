//! Fine-tunes DenseNet-121 (Huang et al. 2017) from ImageNet weights on a folder of photos, tests it, and writes a run folder with the
//! model, its numbers, its curves and a page.
//!
//! `cargo run --release --example densenet_finetune -- --data photos --out runs/densenet`

#[path = "shared/finetune.rs"]
mod finetune;

fn main() -> anyhow::Result<()> {
    finetune::run("densenet121", "densenet121.imagenet1k_v1")
}
