//! The page of a run with its folder, the page of a comparison, and that of a table.

mod assets;
mod comparison;
mod details;
mod explained;
mod mistakes;
mod photo_files;
mod run_folder;
mod run_page;
mod run_report;
mod table_page;
mod wording;

pub use comparison::{Comparison, ComparisonFiles, write_comparison};
pub use details::{Cost, Fact, RunDetails, Stage};
pub use photo_files::PhotoFiles;
pub use run_folder::{FinishedRun, RunFiles, read_run, write_run};
pub use run_report::{Explanation, RunReport};
pub use table_page::TablePage;
