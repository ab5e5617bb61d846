//! What the README asks of a program that links LibTorch.

fn main() {
    for argument in std::env::var("DEP_MARQUE_LINK_ARGS").unwrap_or_default().split(';') {
        println!("cargo:rustc-link-arg={argument}");
    }
}
