//! Learning rates are those of PyTorch's schedulers.

use marque_testkit::{Golden, Tolerance, assert_close};
use marque_train::{
    Cosine, Exponential, MultiStepDecay, OneCycle, Per, Plateau, Polynomial, Schedule, SchedulePoint,
    StepDecay,
};
use ndarray::Array1;

fn cases() -> Vec<(&'static str, Schedule)> {
    let cosine = Cosine {
        warmup: 0.0,
        ..Cosine::default()
    };
    let plateau = Plateau::default();
    vec![
        (
            "step",
            Schedule::Step(StepDecay {
                every: 3,
                factor: 0.5,
                warmup: 0.0,
            }),
        ),
        (
            "multi_step",
            Schedule::MultiStep(MultiStepDecay {
                at: vec![2, 7],
                ..MultiStepDecay::default()
            }),
        ),
        (
            "exponential",
            Schedule::Exponential(Exponential {
                factor: 0.8,
                ..Exponential::default()
            }),
        ),
        (
            "exponential_per_step",
            Schedule::Exponential(Exponential {
                per: Per::Step,
                ..Exponential::default()
            }),
        ),
        (
            "polynomial",
            Schedule::Polynomial(Polynomial {
                power: 2.0,
                ..Polynomial::default()
            }),
        ),
        (
            "polynomial_per_epoch",
            Schedule::Polynomial(Polynomial {
                power: 0.5,
                per: Per::Epoch,
                ..Polynomial::default()
            }),
        ),
        ("cosine", Schedule::Cosine(cosine)),
        (
            "cosine_end_per_epoch",
            Schedule::Cosine(Cosine {
                end: 0.1,
                per: Per::Epoch,
                ..cosine
            }),
        ),
        (
            "cosine_restarts",
            Schedule::Cosine(Cosine { cycles: 5, ..cosine }),
        ),
        (
            "cosine_growth",
            Schedule::Cosine(Cosine {
                cycles: 2,
                growth: 4.0,
                ..cosine
            }),
        ),
        ("warm_cosine", Schedule::cosine(0.2)),
        ("one_cycle", Schedule::OneCycle(OneCycle::default())),
        (
            "plateau",
            Schedule::Plateau(Plateau {
                factor: 0.5,
                patience: 1,
                ..plateau
            }),
        ),
        (
            "plateau_cooldown",
            Schedule::Plateau(Plateau {
                patience: 0,
                threshold: 0.1,
                cooldown: 1,
                end: 0.05,
                ..plateau
            }),
        ),
    ]
}

#[test]
fn every_schedule_has_the_rates_of_pytorch() {
    let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "schedules/io.safetensors").unwrap();
    let losses: Vec<f64> = golden.f64("losses").unwrap().into_iter().collect();
    for (case, schedule) in cases() {
        schedule.validate().unwrap();
        let factors = (0..50).map(|step| {
            schedule.factor(SchedulePoint {
                step,
                steps_per_epoch: 5,
                epochs: 10,
                losses: &losses[..step / 5],
            })
        });
        let found = Array1::from_iter(factors).into_dyn();
        let expected = golden.f64(case).unwrap();
        // PyTorch goes from rate to rate, and gathers roundings on the way.
        assert_close(case, found.view(), expected.view(), Tolerance::relative(1e-12));
    }
}
