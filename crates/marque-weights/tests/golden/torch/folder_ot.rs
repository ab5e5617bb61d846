//! Writes `folder.ot` with `tch` 0.26: see `generate.py` for the formula of the numbers.
//!
//! No target of any crate; to run it, copy it to `examples/` of the workspace, whose root depends on `tch`.
use tch::{Device, Kind, Tensor, nn};

fn main() -> Result<(), tch::TchError> {
    let values = |name: &str, shape: &[i64]| {
        let shift: i64 = name.bytes().map(i64::from).sum();
        let numbers = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu)) * 7 + shift;
        let numbers: Tensor = (numbers.remainder(23) - 11) / 4;
        numbers.to_kind(Kind::Float).reshape(shape)
    };
    let store = nn::VarStore::new(Device::Cpu);
    let names_and_shapes: [(&str, &[i64]); 4] = [
        ("conv.weight", &[2, 3, 2, 2]),
        ("norm.weight", &[2]),
        ("fc.weight", &[3, 2]),
        ("fc.bias", &[3]),
    ];
    for (name, shape) in names_and_shapes {
        if let Some((folder, last)) = name.split_once('.') {
            let _copied = (store.root() / folder).var_copy(last, &values(name, shape));
        }
    }
    store.save("folder.ot")
}
