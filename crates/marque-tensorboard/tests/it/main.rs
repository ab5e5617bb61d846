//! Event files from the outside, in one program: linking is most of the time that a small test takes.

mod files;
mod reader;
mod tensorboard;

use std::path::Path;

use marque_tensorboard::{Attribute, EventWriter, GraphNode, Histogram, HyperParameter, Status};

/// 3 pixels wide and 2 high, red.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0\x12\x16\xf1M\0\0\0\x15IDATx\xda\
    c<!'\xc7\xc0\xc0\xc0\xc0\xc0\xc0\xc4\0\x03\0\x13.\x01\x08\xdb\x1bX\xa2\0\0\0\0IEND\xaeB`\x82";

/// A file with one event of each kind, and scalars at the steps 0 to 4.
fn write_sample(folder: &Path) {
    let mut events = EventWriter::create(folder).unwrap();
    let hyper_parameters = [
        ("fit.learning_rate", HyperParameter::Number(1e-3)),
        ("fit.epochs", HyperParameter::Number(12.0)),
        ("model", HyperParameter::Text("resnet50".to_owned())),
        ("fit.mirrored", HyperParameter::Boolean(false)),
    ];
    events
        .hyper_parameters(&hyper_parameters, &["validation/accuracy"])
        .unwrap();
    events.text("recipe", 0, "**Räder** and `more`").unwrap();
    events.graph(&graph()).unwrap();
    for step in 0..5 {
        events
            .scalar("train/loss", step, 1.0 / (step + 1) as f64)
            .unwrap();
    }
    events.scalar("validation/accuracy", 4, 0.75).unwrap();
    events.scalar("validation/loss", 4, f64::NAN).unwrap();
    events.image("confusion", 4, PNG).unwrap();
    let weights = [-0.5_f32, 0.0, 0.25, 0.25, f32::INFINITY, 2.0];
    events
        .histogram("weights/fc.weight", 4, &Histogram::of(weights))
        .unwrap();
    events
        .histogram("weights/none", 4, &Histogram::of([f64::NAN]))
        .unwrap();
    events.hyper_parameters_end(Status::Success).unwrap();
}

fn graph() -> [GraphNode; 2] {
    let image = GraphNode {
        name: "image".to_owned(),
        op: "Input".to_owned(),
        output_shape: Some(vec![-1, 3, 224, 224]),
        ..GraphNode::default()
    };
    let attributes = [
        ("kernel_size", Attribute::Integers(vec![7, 7])),
        ("groups", Attribute::Integer(-1)),
        ("eps", Attribute::Number(0.5)),
        ("bias", Attribute::Boolean(true)),
        ("padding", Attribute::Text("same".to_owned())),
    ];
    let conv1 = GraphNode {
        name: "stem/conv1".to_owned(),
        op: "Conv2d".to_owned(),
        inputs: vec!["image".to_owned()],
        output_shape: Some(vec![-1, 64, 112, 112]),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    [image, conv1]
}
