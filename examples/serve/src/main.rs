//! Answers over HTTP which class photos show, on marque's own engine.
//!
//! `cargo run --release -p serve -- --model runs/resnet34/model.safetensors`
//!
//! | address | what it is |
//! | --- | --- |
//! | `POST /classify` | a photo as the body, or several as `multipart/form-data`; `?top=3` says how many classes |
//! | `GET /` | a page that asks this server |
//! | `GET /healthz` | whether it answers, and with which model |
//! | `GET /metrics` | counters and histograms for Prometheus |
//!
//! A request goes through a bounded queue: its body is read (`body`, `multipart`), its photos are decoded by a few threads (`pool`), and
//! what is ready is computed together (`batcher`). The exit code is 0 after SIGTERM if all that was accepted has been answered, 1 if
//! not, 2 if there is no usable model.

mod app;
mod batcher;
mod body;
mod classify;
mod job;
mod metrics;
mod model;
mod multipart;
mod names;
mod options;
mod page;
mod pool;
mod problem;
mod routes;
mod server;
mod signals;
mod stall;
#[path = "../../shared/terminal.rs"]
mod terminal;

use anyhow::Context;
use app::App;
use clap::Parser;
use model::ModelSlot;
use options::Options;
use server::Server;
use std::process::ExitCode;
use std::sync::Arc;
use terminal::{note, out, with_causes};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// Threads for connections. They wait for the network and never compute.
const CONNECTION_THREADS: usize = 2;

fn main() -> ExitCode {
    terminal::run(program)
}

fn program() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let slot = match ModelSlot::open(&options) {
        Ok(slot) => slot,
        Err(error) => {
            note!("error: {}", with_causes(&error));
            return Ok(ExitCode::from(2));
        }
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(CONNECTION_THREADS)
        .enable_all()
        .build()?;
    let is_complete = runtime.block_on(serve(options, slot))?;
    // Threads that are still at a hostile photo end with the process.
    runtime.shutdown_background();
    Ok(match is_complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Answers until it is told to stop. Whether all that was accepted has been answered.
async fn serve(options: Options, slot: ModelSlot) -> anyhow::Result<bool> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let mut stop = signals::Stop::new()?;
    let mut exchange = signals::Exchange::new()?;
    let address = listener.local_addr()?;
    let described = slot.current().described();
    let app = App::start(options, slot)?;
    let exchanged = app.clone();
    tokio::spawn(async move {
        loop {
            exchange.next().await;
            let app = exchanged.clone();
            // Packing the weights takes a while; requests are answered by the old model until then.
            let _ = tokio::task::spawn_blocking(move || exchange_model(&app)).await;
        }
    });
    out!("listening on http://{address}, {described}")?;
    let server = Server::new(app);
    let is_complete = server
        .run(listener, async move {
            stop.next().await;
            note!("stopping; what was accepted is still answered; once more to stop at once");
            tokio::spawn(async move {
                stop.next().await;
                std::process::exit(INTERRUPTED);
            });
        })
        .await;
    if !is_complete {
        note!("stopped before all that was accepted could be answered");
    }
    Ok(is_complete)
}

/// The exit code of a program that was ended.
const INTERRUPTED: i32 = 130;

fn exchange_model(app: &Arc<App>) {
    match app.slot.exchange() {
        Ok(model) => {
            app.metrics.exchange("exchanged");
            note!("exchanged: {}", model.described());
        }
        Err(error) => {
            app.metrics.exchange("refused");
            note!("the model stays as it was: {}", with_causes(&error));
        }
    }
}
