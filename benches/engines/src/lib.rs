//! The line protocol of the workers, whose other end is engines.py.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// Height and width of all inputs in pixels.
pub const SIZE: usize = 224;

/// What a worker is started with.
pub struct Case {
    pub model: PathBuf,
    pub batch: usize,
    pub threads: usize,
}

impl Case {
    /// From the program's arguments: model file, batch size, threads.
    pub fn from_arguments() -> Result<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        ensure!(
            arguments.len() == 3,
            "expected MODEL BATCH THREADS, got {arguments:?}"
        );
        Ok(Self {
            model: PathBuf::from(&arguments[0]),
            batch: arguments[1].parse().context("batch size")?,
            threads: arguments[2].parse().context("threads")?,
        })
    }

    /// N×C×H×W.
    pub fn shape(&self) -> [usize; 4] {
        [self.batch, 3, SIZE, SIZE]
    }

    /// The pixels that all engines get: little-endian numbers beside the model.
    pub fn input(&self) -> Result<Vec<f32>> {
        let path = self.model.with_file_name(format!("input.{}.f32", self.batch));
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }
}

/// Warms up, then answers each line of standard input: a number with the milliseconds of that many inferences, `logits FILE` by
/// writing them there.
pub fn serve(version: &str, mut infer: impl FnMut() -> Result<Vec<f32>>) -> Result<()> {
    for _ in 0..3 {
        infer()?;
    }
    answer(&format!("ready {version}"))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if let Some(path) = line.strip_prefix("logits ") {
            write(Path::new(path), &infer()?)?;
            answer("done")?;
        } else {
            let count: usize = line
                .trim()
                .parse()
                .with_context(|| format!("not a count: {line}"))?;
            let mut times = Vec::with_capacity(count);
            for _ in 0..count {
                let start = Instant::now();
                infer()?;
                times.push(format!("{:.4}", start.elapsed().as_secs_f64() * 1e3));
            }
            answer(&times.join(" "))?;
        }
    }
    Ok(())
}

fn answer(line: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

fn write(path: &Path, logits: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = logits.iter().flat_map(|number| number.to_le_bytes()).collect();
    Ok(std::fs::write(path, bytes)?)
}
