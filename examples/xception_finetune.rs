//! Fine-tunes Xception (Chollet 2017) from ImageNet weights on a folder of photos, tests it, and writes a run folder with the
//! model, its numbers, its curves and a page.
//!
//! `cargo run --release --example xception_finetune -- --data photos --out runs/xception`

#[path = "shared/finetune.rs"]
mod finetune;

fn main() -> anyhow::Result<()> {
    finetune::run("xception-keras", "xception-keras.imagenet-notop")
}
