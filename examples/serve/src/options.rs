//! The flags, checked as they are read.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Answer over HTTP which class photos show.
///
/// SIGHUP reads the model file anew and keeps the old model if the new one is not usable. SIGTERM and Ctrl-C stop the server once what
/// it has accepted is answered.
#[derive(Parser, Clone, Debug)]
#[command(name = "serve")]
pub(crate) struct Options {
    /// The model.safetensors of a run folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Address and port; port 0 takes a free one. 0.0.0.0:8080 answers other machines, too.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Threads that compute; 0 for one per core.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) threads: u16,
    /// Threads that decode photos; 0 for one per core, at least two.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) decoders: u16,
    /// The most photos that are computed together; 1 gives the bits of `classify` for every network.
    #[arg(long, value_name = "PHOTOS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) max_batch: u16,
    /// How long a photo may wait for others to be computed with, in seconds. It waits only while others are being decoded.
    #[arg(long, value_name = "SECONDS", default_value = "0.002", value_parser = seconds)]
    pub(crate) max_wait: Duration,
    /// The most photos in a request.
    #[arg(long, value_name = "PHOTOS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) max_photos: u16,
    /// The largest body, in megabytes.
    #[arg(long, value_name = "MB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_body_mb: u32,
    /// The largest photo, in megapixels.
    #[arg(long, value_name = "MP", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=178))]
    max_megapixels: u32,
    /// The most photos that wait or are worked on; more are refused with 429.
    #[arg(long, value_name = "PHOTOS", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub(crate) queue: u16,
    /// The most memory for bodies of all requests together, in megabytes; more are refused with 429.
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    bodies_mb: u32,
    /// The most connections at a time; others wait to be accepted.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub(crate) connections: u16,
    /// How long a client may take to send the head of a request, or to begin the next one.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) head_time: Duration,
    /// How long a client may take to send a body.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) body_time: Duration,
    /// How long nothing may come of a body, or be taken of an answer.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) stall_time: Duration,
    /// How long the photos of a request may take from then on; what is not answered by then is refused with 503.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) answer_time: Duration,
    /// How long one photo may keep a decoding thread before another thread is started beside it.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub(crate) decode_time: Duration,
    /// How long to go on after SIGTERM for what was accepted.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) stop_time: Duration,
}

impl Options {
    /// The largest body.
    pub(crate) fn max_body_bytes(&self) -> usize {
        self.max_body_mb as usize * 1_000_000
    }

    /// The most memory for bodies.
    pub(crate) fn bodies_bytes(&self) -> usize {
        // One body of the largest size must fit.
        (self.bodies_mb as usize * 1_000_000).max(self.max_body_bytes())
    }

    /// The largest photo.
    pub(crate) fn max_pixels(&self) -> u64 {
        u64::from(self.max_megapixels) * 1_000_000
    }

    /// Threads that decode.
    pub(crate) fn decoders(&self) -> usize {
        match self.decoders {
            0 => std::thread::available_parallelism().map_or(2, usize::from).max(2),
            count => count.into(),
        }
    }
}

/// The longest time that a flag takes: a day.
const MOST_SECONDS: f64 = 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected seconds from 0 to {MOST_SECONDS}");
    let seconds: f64 = text.parse().map_err(|_| expected())?;
    if !(0.0..=MOST_SECONDS).contains(&seconds) {
        return Err(expected());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(["serve", "--model", "a.safetensors"].iter().chain(flags))
    }

    #[test]
    fn nobody_else_is_answered_unless_asked_for() {
        assert!(parsed(&[]).unwrap().listen.ip().is_loopback());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for flags in [
            ["--max-batch", "0"],
            ["--queue", "0"],
            ["--max-megapixels", "179"],
            ["--body-time", "-1"],
            ["--body-time", "NaN"],
            ["--stop-time", "1e300"],
        ] {
            assert!(parsed(&flags).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn the_largest_body_fits_into_the_memory_for_bodies() {
        let options = parsed(&["--max-body-mb", "8", "--bodies-mb", "1"]).unwrap();
        assert_eq!(options.bodies_bytes(), 8_000_000);
    }
}
