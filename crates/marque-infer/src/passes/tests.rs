use super::*;
use crate::plan::Builder;
use crate::program::{Before, Convolution, Kind, Layer};
use crate::{SessionOptions, Tuning};
use marque_arch::{
    ArchitectureOptions, Conv2d, GraphBuilder, ImageSize, Linear, MaxPool2d, NodeId, Op, architecture,
};
use marque_kernels::Activation;
use marque_kernels::{Executor, InstructionSet, Layout, Threads};
use marque_weights::Tensor;

fn weights(graph: &Graph) -> StateDict {
    let mut weights = StateDict::default();
    for parameter in graph.parameters() {
        let values = vec![0.5; parameter.count()];
        weights.insert(
            &parameter.name,
            Tensor::from_f32(&parameter.shape, &values).unwrap(),
        );
    }
    weights
}

fn of(graph: &Graph) -> Program {
    program(graph, &weights(graph)).unwrap()
}

fn named(name: &str) -> Program {
    of(&architecture(name, ArchitectureOptions::default()).unwrap())
}

fn convolutions(program: &Program) -> Vec<&Convolution> {
    let layers = program.layers.iter();
    layers
        .filter_map(|layer| match &layer.kind {
            Kind::Convolution(convolution) => Some(convolution),
            _ => None,
        })
        .collect()
}

/// The other layers, in words.
fn others(program: &Program) -> Vec<String> {
    let name = |layer: &Layer| match &layer.kind {
        Kind::Convolution(_) => None,
        Kind::Affine { activation, .. } => Some(format!("affine {activation:?}")),
        Kind::Add { activation } => Some(format!("add {activation:?}")),
        Kind::Pool { kind, .. } => Some(format!("{kind:?}")),
        other => Some(format!("{other:?}")),
    };
    program.layers.iter().filter_map(name).collect()
}

/// A graph of some operations behind each other, ending in a vector.
fn chain(ops: &[Op]) -> Program {
    let mut builder = GraphBuilder::new("chain", 16).unwrap();
    let mut last = builder.input();
    for (index, op) in ops.iter().enumerate() {
        last = builder.add(format!("{index}"), op.clone(), &[last]).unwrap();
    }
    of(&builder.build(last).unwrap())
}

fn norm() -> Op {
    Op::BatchNorm2d(marque_arch::BatchNorm2d {
        channels: 16,
        eps: 1e-5,
        momentum: 0.1,
    })
}

fn conv(kernel: usize) -> Op {
    Op::Conv2d(Conv2d::new(16, 16, kernel).padding(kernel / 2))
}

#[test]
fn a_residual_network_is_convolutions_and_poolings_alone() {
    let program = named("resnet18");
    assert_eq!(others(&program), ["Image", "Max", "AdaptiveMean"]);
    let convolutions = convolutions(&program);
    assert_eq!(convolutions.len(), 21);
    assert_eq!(
        convolutions.iter().filter(|convolution| convolution.adds).count(),
        8
    );
    // All but the projections of the shortcuts and the logits.
    assert_eq!(
        convolutions
            .iter()
            .filter(|convolution| convolution.activation == Activation::Relu)
            .count(),
        17
    );
}

#[test]
fn norms_before_pointwise_convolutions_are_read_with_them() {
    let program = named("densenet121");
    let convolutions = convolutions(&program);
    let before = |convolution: &&&Convolution| {
        matches!(
            convolution.before,
            Before::Affine {
                activation: Activation::Relu,
                ..
            }
        )
    };
    // Each of 58 layers and 3 transitions begins with one.
    assert_eq!(convolutions.iter().filter(before).count(), 58 + 3);
    // The last norm has no convolution behind it.
    assert_eq!(
        others(&program)
            .iter()
            .filter(|name| name.starts_with("affine"))
            .count(),
        1
    );
    // Zeros around a map come after the norm, which must not touch them.
    assert_eq!(
        others(&chain(&[norm(), Op::Relu, conv(3)])),
        ["Image", "affine Relu"]
    );
    assert_eq!(others(&chain(&[norm(), Op::Relu, conv(1)])), ["Image"]);
}

#[test]
fn a_rectifier_before_a_depthwise_convolution_is_read_with_it() {
    let program = named("xception");
    let depthwise = convolutions(&program);
    let mut depthwise = depthwise.iter().filter(|convolution| convolution.is_depthwise());
    assert!(depthwise.any(|convolution| matches!(convolution.before, Before::Rectify)));
    assert!(!others(&program).contains(&"Activate(Relu)".to_owned()));
}

#[test]
fn what_something_else_reads_is_left_as_it_is() {
    let mut builder = GraphBuilder::new("shared", 16).unwrap();
    let image = builder.input();
    let maps = builder.add("conv", conv(3), &[image]).unwrap();
    let normed = builder.add("norm", norm(), &[maps]).unwrap();
    let rectified = builder.add("relu", Op::Relu, &[normed]).unwrap();
    let sum = builder.add("add", Op::Add, &[maps, normed, rectified]).unwrap();
    let program = of(&builder.build(sum).unwrap());
    assert_eq!(
        others(&program),
        ["Image", "affine Identity", "Activate(Relu)", "add Identity"]
    );
}

#[test]
fn a_sum_belongs_to_the_later_convolution_and_a_rectifier_in_between_keeps_it_apart() {
    let sum = |between: bool| {
        let mut builder = GraphBuilder::new("sum", 16).unwrap();
        let image = builder.input();
        let mut makers: Vec<NodeId> = Vec::new();
        for name in ["first", "second"] {
            let maps = builder.add(name, conv(3), &[image]).unwrap();
            makers.push(match between {
                true => builder.add(format!("{name}.relu"), Op::Relu, &[maps]).unwrap(),
                false => maps,
            });
        }
        let sum = builder.add("add", Op::Add, &makers).unwrap();
        let relu = builder.add("relu", Op::Relu, &[sum]).unwrap();
        of(&builder.build(relu).unwrap())
    };
    let fused = sum(false);
    assert_eq!(others(&fused), ["Image"]);
    let adds: Vec<bool> = convolutions(&fused)
        .iter()
        .map(|convolution| convolution.adds)
        .collect();
    assert_eq!(adds, [false, true]);
    assert_eq!(others(&sum(true)), ["Image", "add Relu"]);
}

#[test]
fn dropouts_disappear_and_a_linear_layer_reads_maps() {
    let pool = Op::MaxPool2d(MaxPool2d::new(2, 2));
    let linear = Op::Linear(Linear::new(64, 5));
    let program = chain(&[
        pool,
        Op::Dropout { p: 0.5 },
        Op::Flatten,
        Op::Dropout { p: 0.5 },
        linear,
    ]);
    assert_eq!(others(&program), ["Image", "Max"]);
    assert!(convolutions(&program)[0].flattens);
    assert_eq!(others(&chain(&[Op::Flatten])), ["Image", "Flatten"]);
}

#[test]
fn a_separable_convolution_is_one_where_the_map_in_between_is_large() {
    let ops = [Op::Conv2d(Conv2d::depthwise(16, 3).padding(1)), conv(1)];
    let program = chain(&ops);
    let join = |side: usize| {
        let layout = Layout {
            batch: 1,
            channels: 16,
            height: side,
            width: side,
        };
        separable::join(program.clone(), &vec![layout; program.layers.len()])
    };
    assert_eq!(convolutions(&join(64)).len(), 2);
    let joined = join(512);
    assert!(matches!(convolutions(&joined)[0].before, Before::Depthwise(_)));
    assert_eq!(joined.layers.len(), 2);
}

/// Concatenations copy nothing where their makers write whole blocks.
#[test]
fn makers_of_a_concatenation_write_into_it() {
    let executor = Executor::new(InstructionSet::fastest(), Threads::new(1)).unwrap();
    for name in ["googlenet", "densenet121", "inception_v3"] {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let program = program(&graph, &weights(&graph)).unwrap();
        let builder = Builder {
            graph: &graph,
            program: &program,
            executor: &executor,
            tuning: Tuning::of(executor.instruction_set()),
            most_working_bytes: None,
        };
        let images = Layout {
            batch: 2,
            channels: 3,
            height: 97,
            width: 97,
        };
        let plan = builder.plan(images).unwrap();
        assert!(plan.rows().all(|row| row.kernel != "copy"), "{name}");
        assert!(plan.rows().count() > 50);
    }
}

#[test]
fn options_have_sensible_defaults() {
    let session = |options: SessionOptions| {
        let graph = architecture("resnet18", ArchitectureOptions::default()).unwrap();
        crate::Session::new(graph.clone(), &weights(&graph), options).unwrap()
    };
    let session = session(SessionOptions::default());
    assert_eq!(session.executor().instruction_set(), InstructionSet::fastest());
    let size = ImageSize::square(64);
    let plans = [session.plan(1, size).unwrap(), session.plan(1, size).unwrap()];
    assert!(
        std::sync::Arc::ptr_eq(&plans[0], &plans[1]),
        "a plan is made once"
    );
}
