//! What each of ONNX's operators comes to.

mod arithmetic;
mod layers;
mod layout;
mod means;
mod norms;
mod rules;
mod slide;
mod strided;
mod windows;

use super::importer::{Halt, Importer, Site, refuse};
use super::value::Value;
use crate::model::Node;

/// Operators that give the numbers of their first input as they are.
pub(super) const SHARING: [&str; 7] = [
    "Dropout",
    "Flatten",
    "Identity",
    "Reshape",
    "Shape",
    "Squeeze",
    "Unsqueeze",
];

/// Operators that give the numbers of their first input in another shape, order or type.
pub(super) const KEEPING: [&str; 7] = [
    "Cast",
    "Flatten",
    "Identity",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// The operators that are read, each with the attributes that may stand there.
const KNOWN: [(&str, &[&str]); 59] = [
    ("Add", &["axis", "broadcast", "consumed_inputs"]),
    (
        "AveragePool",
        &[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
    ),
    (
        "BatchNormalization",
        &[
            "consumed_inputs",
            "epsilon",
            "is_test",
            "momentum",
            "spatial",
            "training_mode",
        ],
    ),
    ("Cast", &["round_mode", "saturate", "to"]),
    ("CastLike", &["round_mode", "saturate"]),
    ("Ceil", &[]),
    ("Clip", &["max", "min"]),
    ("Concat", &["axis"]),
    (
        "Constant",
        &[
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
            "value_string",
            "value_strings",
        ],
    ),
    ("ConstantOfShape", &["value"]),
    (
        "Conv",
        &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ],
    ),
    ("Div", &["axis", "broadcast", "consumed_inputs"]),
    ("Dropout", &["is_test", "ratio", "seed"]),
    ("Erf", &[]),
    ("Exp", &[]),
    ("Expand", &[]),
    ("Flatten", &["axis"]),
    ("Floor", &[]),
    ("Gather", &["axis"]),
    ("Gelu", &["approximate"]),
    ("Gemm", &["alpha", "beta", "broadcast", "transA", "transB"]),
    ("GlobalAveragePool", &[]),
    ("HardSigmoid", &["alpha", "beta"]),
    ("HardSwish", &[]),
    ("Identity", &[]),
    ("LayerNormalization", &["axis", "epsilon", "stash_type"]),
    ("MatMul", &[]),
    ("Max", &[]),
    (
        "MaxPool",
        &[
            "auto_pad",
            "ceil_mode",
            "dilations",
            "kernel_shape",
            "pads",
            "storage_order",
            "strides",
        ],
    ),
    ("Min", &[]),
    ("Mul", &["axis", "broadcast", "consumed_inputs"]),
    ("Neg", &[]),
    ("Pad", &["mode", "pads", "value"]),
    ("Pow", &[]),
    ("Range", &[]),
    ("Reciprocal", &[]),
    ("ReduceMean", &["axes", "keepdims", "noop_with_empty_axes"]),
    ("Relu", &[]),
    ("Reshape", &["allowzero", "shape"]),
    ("Shape", &["end", "start"]),
    ("Sigmoid", &[]),
    ("Slice", &["axes", "ends", "starts"]),
    ("Softmax", &["axis"]),
    ("Sqrt", &[]),
    ("Squeeze", &["axes"]),
    ("Sub", &["axis", "broadcast", "consumed_inputs"]),
    ("Sum", &[]),
    ("Swish", &["alpha"]),
    ("Transpose", &["perm"]),
    ("Unsqueeze", &["axes"]),
    // Known by name, so that a reason can be given.
    ("ConvTranspose", ANY),
    ("Elu", ANY),
    ("GlobalMaxPool", ANY),
    ("LeakyRelu", ANY),
    ("LogSoftmax", ANY),
    ("PRelu", ANY),
    ("Resize", ANY),
    ("Split", ANY),
    ("Tanh", ANY),
];

/// Whatever its attributes are.
const ANY: &[&str] = &["*"];

/// Why a node is not read whatever its inputs are, if it is not.
pub(super) fn unknown(node: &Node<'_>) -> Option<String> {
    if !matches!(node.domain, "" | "ai.onnx") {
        return Some(format!("operators of the domain {:?} are not read", node.domain));
    }
    let found = KNOWN.iter().find(|(name, _)| *name == node.op_type);
    let attributes = match found {
        Some((_, attributes)) if *attributes != ANY => *attributes,
        _ => return Some("no operation of marque does this".to_owned()),
    };
    let mut names: Vec<&str> = node.attributes.keys().copied().collect();
    names.sort_unstable();
    let other = names.into_iter().find(|name| !attributes.contains(name))?;
    Some(format!("its attribute {other:?} is not known"))
}

/// What a node gives some of whose inputs depend on the images.
pub(super) fn apply(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    match site.node.op_type {
        "Identity" | "Dropout" | "CastLike" => layers::passed_on(site),
        "Cast" => layers::cast(site),
        "Relu" | "Sigmoid" | "HardSwish" | "Gelu" | "HardSigmoid" | "Swish" | "Softmax" => {
            layers::activation(importer, site)
        }
        "Clip" | "Min" | "Max" => layers::clip(importer, site),
        "Conv" => windows::conv(importer, site),
        "MaxPool" => windows::max_pool(importer, site),
        "AveragePool" => windows::average_pool(importer, site),
        "Pad" => windows::pad(importer, site),
        "GlobalAveragePool" => means::global(importer, site),
        "ReduceMean" => means::reduce(importer, site),
        "BatchNormalization" => norms::batch(importer, site),
        "LayerNormalization" => norms::layer(importer, site),
        "Gemm" => norms::gemm(importer, site),
        "MatMul" => norms::matrix_product(importer, site),
        "Add" | "Sum" | "Sub" | "Mul" | "Div" => arithmetic::join(importer, site),
        "Pow" | "Sqrt" | "Reciprocal" | "Erf" | "Neg" => arithmetic::unary(importer, site),
        "Transpose" => layout::transpose(site),
        "Reshape" => layout::reshape(importer, site),
        "Flatten" => layout::flatten_node(importer, site),
        "Squeeze" => layout::squeeze(importer, site),
        "Unsqueeze" => layout::unsqueeze(importer, site),
        "Shape" => layout::shape(importer, site),
        "Concat" => layout::concat(importer, site),
        "Gather" => layout::gather(importer, site),
        "Slice" => layout::slice(importer, site),
        "Range" => strided::range(importer, site),
        _ => refuse("marque computes it of constants alone"),
    }
}
