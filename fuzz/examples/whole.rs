//! `whole TARGET FILE TO`: the whole file that a target makes of what the fuzzer gives it.

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, file, to] = &arguments[..] else {
        return Err(std::io::Error::other("expected TARGET FILE TO"));
    };
    let bytes = std::fs::read(file)?;
    let whole = match target.as_str() {
        "npy" => marque_fuzz::npz(&bytes),
        "pickle" => marque_fuzz::torch_zip(&bytes),
        "keras_archive" => marque_fuzz::keras_archive(&bytes),
        _ => bytes,
    };
    std::fs::write(to, whole)
}
