//! stub
use crate::workspace::Workspace;
#[derive(clap::Args)] pub(crate) struct Arguments{}
pub(crate) fn run(_:&Workspace,_:&Arguments)->anyhow::Result<()>{Ok(())}
