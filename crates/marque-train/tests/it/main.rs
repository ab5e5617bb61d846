//! Training from the outside, in one program: linking is most of the time that a small test takes.

mod broken;
mod common;
mod finetuning;
mod landscape;
mod optimizers;
mod recipes;
mod state;
mod survival;
mod training;
