//! A run from its flags to its end.

use crate::flags::stop_at_ctrl_c;
use crate::terminal::tell;
use anyhow::Result;
use marque::run::Run;
use marque::train::Progress;

/// Makes a run and says what it came to.
pub(crate) fn make(run: Run) -> Result<()> {
    let mut observer = (Progress::new(), stop_at_ctrl_c()?);
    let done = run.start_with(&mut observer)?;
    tell!("{}", done.metrics.classification_report());
    tell!(
        "model  {}\nreport {}",
        done.model.display(),
        done.files.report_html.display()
    );
    Ok(())
}
