//! The chores of the marque workspace.
fn main() {}
