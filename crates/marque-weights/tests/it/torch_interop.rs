//! PyTorch reads what marque writes. Skipped, with a line that says so, where there is no Python with PyTorch.

use marque_testkit::{printed_by, python_or_skip};
use marque_weights::{DType, StateDict, Tensor};

const CHECK: &str = r#"
import collections, sys, torch
for options in ({}, {"mmap": True}):
    weights = torch.load(sys.argv[1], weights_only=True, **options)
    assert type(weights) is collections.OrderedDict, type(weights)
    assert list(weights)[:2] == ["weight", "bias"], list(weights)
    for name, tensor in weights.items():
        if name in ("weight", "bias"):
            continue
        assert str(tensor.dtype) == "torch." + name, (name, tensor.dtype)
        assert tensor.tolist() == [1, 0, 1], (name, tensor)
    layer = torch.nn.Linear(3, 2)
    layer.load_state_dict({name: weights[name] for name in ("weight", "bias")}, strict=True)
    assert layer.weight.tolist() == [[1, 2, 3], [4, 5, 6]], layer.weight
    assert layer.bias.tolist() == [0.5, -0.5], layer.bias
torch.save(weights, sys.argv[2], _use_new_zipfile_serialization=False)
"#;

#[test]
fn pytorch_reads_what_is_written() {
    let Some(mut python) = python_or_skip(&["torch"]) else {
        return;
    };
    let mut weights = StateDict::default();
    weights.insert(
        "weight",
        Tensor::from_f32(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap(),
    );
    weights.insert("bias", Tensor::from_f32(&[2], &[0.5, -0.5]).unwrap());
    for dtype in DType::ALL {
        let (name, one): (&str, &[u8]) = match dtype {
            DType::F32 => ("float32", &1.0_f32.to_le_bytes()),
            DType::F64 => ("float64", &1.0_f64.to_le_bytes()),
            DType::F16 => ("float16", &[0x00, 0x3c]),
            DType::BF16 => ("bfloat16", &[0x80, 0x3f]),
            DType::I64 => ("int64", &[1, 0, 0, 0, 0, 0, 0, 0]),
            DType::I32 => ("int32", &[1, 0, 0, 0]),
            DType::I16 => ("int16", &[1, 0]),
            DType::I8 => ("int8", &[1]),
            DType::U64 => ("uint64", &[1, 0, 0, 0, 0, 0, 0, 0]),
            DType::U32 => ("uint32", &[1, 0, 0, 0]),
            DType::U16 => ("uint16", &[1, 0]),
            DType::U8 => ("uint8", &[1]),
            DType::Bool => ("bool", &[1]),
        };
        let bytes = [one, &vec![0; one.len()], one].concat();
        weights.insert(name, Tensor::new(dtype, &[3], bytes).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours.pth"), folder.path().join("theirs.pth"));
    weights.write_torch(&ours).unwrap();
    printed_by(python.args(["-c", CHECK]).args([&ours, &theirs]));
    assert_eq!(StateDict::read(&theirs).unwrap(), weights);
}
