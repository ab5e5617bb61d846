//! Batch norms over the photos of several networks that stand for as many processes.

use super::TRAINING;
use marque_arch::{Conv2d, Graph, GraphBuilder, Linear, Op};
use marque_torch::{
    Error, Gradients, Kind, MemoryFormat, Mode, Network, NetworkOptions, Peers, Precision, Tensor,
};
use std::sync::{Arc, Barrier, Mutex};

/// Threads that stand for processes.
#[derive(Debug)]
struct Thread {
    rank: usize,
    together: Arc<Together>,
}

#[derive(Debug)]
struct Together {
    given: Mutex<Vec<Vec<f64>>>,
    barrier: Barrier,
}

impl Peers for Thread {
    fn count(&self) -> usize {
        self.together.given.lock().unwrap().len()
    }

    fn rank(&self) -> usize {
        self.rank
    }

    fn sum(&self, numbers: &mut [f64]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.together.given.lock().unwrap()[self.rank] = numbers.to_vec();
        self.together.barrier.wait();
        for (place, sum) in numbers.iter_mut().enumerate() {
            let given = self.together.given.lock().unwrap();
            *sum = given.iter().map(|numbers| numbers[place]).sum();
        }
        // Nobody gives the next ones before all have read these.
        self.together.barrier.wait();
        Ok(())
    }
}

/// Batch norms with a rectifier and without, of many channels and of few, with convolutions of several kinds between them.
fn graph() -> Graph {
    let mut builder = GraphBuilder::new("normed", 3).unwrap();
    let maps = builder
        .conv2d(
            "stem",
            builder.input(),
            Conv2d::new(3, 16, 3).stride(2).padding(1),
        )
        .unwrap();
    let maps = builder.batch_norm2d("stem_norm", maps).unwrap();
    let maps = builder.relu("stem_relu", maps).unwrap();
    let depthwise = Conv2d {
        groups: 16,
        ..Conv2d::new(16, 16, 3).padding(1)
    };
    let deeper = builder.conv2d("depthwise", maps, depthwise).unwrap();
    let deeper = builder.batch_norm2d("depthwise_norm", deeper).unwrap();
    // Without it the next batch norm would take the bias away, and its gradient would be noise.
    let deeper = builder.add("depthwise_relu", Op::Relu6, &[deeper]).unwrap();
    let maps = builder.sum("sum", maps, deeper).unwrap();
    let maps = builder.conv2d("few", maps, Conv2d::new(16, 6, 1)).unwrap();
    let maps = builder.batch_norm2d("few_norm", maps).unwrap();
    let maps = builder.relu("few_relu", maps).unwrap();
    let vector = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[vector]).unwrap();
    let logits = builder.linear("fc", vector, Linear::new(6, 4)).unwrap();
    builder.build(logits).unwrap()
}

fn network(options: NetworkOptions) -> Network {
    Network::new(graph(), options).unwrap()
}

/// Photos of which each differs from the others by more than noise, so that the statistics of a part are not those of all.
fn photos(count: i64) -> Tensor {
    let values: Vec<f32> = (0..count * 3 * 10 * 12)
        .map(|index| (index * 31 % 97) as f32 / 48.0 - 1.0 + (index / 360) as f32)
        .collect();
    Tensor::from_slice(&values).reshape([count, 3, 10, 12])
}

/// What a pass with some of the photos comes to: outputs, gradients and running statistics, as `f64`.
struct Passed {
    outputs: Tensor,
    gradients: Vec<(String, Tensor)>,
    statistics: Vec<Tensor>,
}

fn pass(network: &Network, photos: &Tensor) -> Result<Passed, Error> {
    let outputs = network.forward(photos, TRAINING)?;
    let loss = outputs.square().sum(Kind::Double);
    let gradients: Gradients = network.gradients(&loss)?;
    let wide = |tensor: &Tensor| tensor.detach().to_kind(Kind::Double);
    Ok(Passed {
        outputs: wide(&outputs),
        gradients: gradients
            .iter()
            .map(|(name, gradient)| (name.to_owned(), wide(gradient.unwrap())))
            .collect(),
        statistics: network.running_statistics().iter().map(wide).collect(),
    })
}

/// The same by several networks at once, each with its part of the photos.
fn together(options: NetworkOptions, photos: &Tensor, parts: &[i64]) -> Vec<Result<Passed, Error>> {
    let together = Arc::new(Together {
        given: Mutex::new(vec![Vec::new(); parts.len()]),
        barrier: Barrier::new(parts.len()),
    });
    std::thread::scope(|scope| {
        let mut begin = 0;
        let threads: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(rank, &count)| {
                let part = photos.narrow(0, begin, count);
                begin += count;
                let together = Arc::clone(&together);
                scope.spawn(move || {
                    let mut network = network(options);
                    network.synchronise_norms(Some(Arc::new(Thread { rank, together })));
                    pass(&network, &part)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn farthest(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let largest = |tensor: Tensor| tensor.abs().max().double_value(&[]);
    largest(found - expected) / largest(expected.shallow_clone()).max(1e-3)
}

/// Outputs of all parts, sums of their gradients, and everybody's statistics are those of one network with all photos, whose batch norms
/// are LibTorch's where there is no kernel of ours.
fn are_those_of_one(options: NetworkOptions, parts: &[i64], bound: f64) {
    let photos = photos(parts.iter().sum());
    let expected = pass(&network(options), &photos).unwrap();
    let found: Vec<Passed> = together(options, &photos, parts)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let outputs: Vec<&Tensor> = found.iter().map(|passed| &passed.outputs).collect();
    let deviation = farthest(&Tensor::cat(&outputs, 0), &expected.outputs);
    assert!(deviation < bound, "{options:?} {parts:?}: outputs {deviation:e}");
    for (place, (name, expected)) in expected.gradients.iter().enumerate() {
        let mut sum = expected.zeros_like();
        for passed in &found {
            sum += &passed.gradients[place].1;
        }
        let deviation = farthest(&sum, expected);
        assert!(deviation < bound, "{options:?} {parts:?} {name}: {deviation:e}");
    }
    for passed in &found {
        for ((statistics, first), expected) in passed
            .statistics
            .iter()
            .zip(&found[0].statistics)
            .zip(&expected.statistics)
        {
            assert_eq!(statistics, first, "one rank's statistics are not another's");
            let deviation = farthest(statistics, expected);
            assert!(
                deviation < bound,
                "{options:?} {parts:?}: statistics {deviation:e}"
            );
        }
    }
}

#[test]
fn norms_of_several_parts_are_those_of_the_whole() {
    for parts in [&[2, 3][..], &[4, 0, 1], &[5]] {
        for memory_format in [MemoryFormat::ChannelsLast, MemoryFormat::Contiguous] {
            let options = |precision| NetworkOptions {
                precision,
                seed: 5,
                memory_format: Some(memory_format),
                ..Default::default()
            };
            are_those_of_one(options(Precision::Double), parts, 1e-12);
            // Sums of up to 150 numbers of 24 bits, in another order.
            are_those_of_one(options(Precision::Single), parts, 2e-5);
            // Maps of 8 bits, which sums in another order round otherwise.
            are_those_of_one(options(Precision::Mixed), parts, 0.05);
        }
    }
}

#[test]
fn one_value_per_channel_in_all_parts_together_is_refused() {
    let mut builder = GraphBuilder::new("single", 3).unwrap();
    let vector = builder
        .add("pool", Op::GlobalAvgPool2d, &[builder.input()])
        .unwrap();
    let maps = builder.batch_norm2d("norm", vector).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[maps]).unwrap();
    let graph = builder.build(vector).unwrap();
    let mut network = Network::new(graph, NetworkOptions::default()).unwrap();
    let together = Together {
        given: Mutex::new(vec![Vec::new()]),
        barrier: Barrier::new(1),
    };
    network.synchronise_norms(Some(Arc::new(Thread {
        rank: 0,
        together: Arc::new(together),
    })));
    let said = network.forward(&photos(1), TRAINING).unwrap_err().to_string();
    assert!(
        said.contains("norm") && said.contains("one value per channel"),
        "{said}"
    );
    // Outside training nobody is waited for, and nothing is given to no photos.
    let logits = network.forward(&photos(1), Mode::Evaluation).unwrap();
    assert_eq!(logits.size(), [1, 3]);
    assert!(
        network
            .forward(&photos(1).narrow(0, 0, 0), Mode::Evaluation)
            .is_err()
    );
}
