//! A run from its flags to its end.

use crate::flags::{INTERRUPTED, stop_at_signals};
use crate::terminal::{note, tell};
use anyhow::Result;
use marque::dist::Launch;
use marque::run::{Error, Run};
use marque::train::Progress;
use std::path::Path;
use std::process::ExitCode;

/// Makes a run and says what it came to. A run that is finished already is no error: there is nothing left to do.
///
/// Started several times by torchrun, Slurm or another launcher, the processes make it together, and the first one says so.
pub(crate) fn make(run: Result<Run>) -> Result<ExitCode> {
    let mut observer = (Progress::new(), stop_at_signals()?);
    let launch = Launch::from_environment()?;
    let is_first = launch.as_ref().is_none_or(|launch| launch.rank == 0);
    let done = run.and_then(|run| {
        let run = match &launch {
            Some(launch) => run.group(launch.connect()?).gpu(launch.local_rank),
            None => run,
        };
        Ok(run.start_with(&mut observer)?)
    });
    let done = match done {
        Ok(_) if !is_first => return Ok(ExitCode::SUCCESS),
        Ok(done) => done,
        Err(error) => return left(error, is_first),
    };
    tell!("{}", done.metrics.classification_report());
    tell!(
        "model  {}\nreport {}",
        done.model.display(),
        done.files.report_html.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// What is said of a run that did not get to its end in this process.
fn left(error: anyhow::Error, is_first: bool) -> Result<ExitCode> {
    match error.downcast_ref() {
        Some(Error::Interrupted { folder }) => {
            if is_first {
                note!("left before its end; go on with it with\n{}", resuming(folder));
            }
            Ok(ExitCode::from(INTERRUPTED))
        }
        Some(Error::Finished { .. }) => {
            tell!("{error}");
            Ok(ExitCode::SUCCESS)
        }
        Some(Error::Unfinished { folder }) => {
            note!(
                "error: {error}\ngo on with it with\n{}\nor begin anew with --anew",
                resuming(folder)
            );
            Ok(ExitCode::FAILURE)
        }
        _ => Err(error),
    }
}

/// The command that goes on with a run.
fn resuming(folder: &Path) -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    format!("{} --resume --out {}", program.display(), folder.display())
}
