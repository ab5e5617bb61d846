//! Training from the outside, in one program: linking is most of the time that a small test takes.

mod asking;
mod broken;
mod common;
mod finetuning;
mod landscape;
mod methods;
mod optimizers;
mod recipes;
mod schedules;
mod sources;
mod state;
mod survival;
mod training;
