//! Connections: accepting them, and letting them end when the server is to stop.
//!
//! Stopping has two steps, so that no request is lost that came on an accepted connection. First nothing is accepted any more, and every
//! answer says that its connection ends with it. A client that sends on a connection that it had open is still answered. Connections
//! that are silent after that are closed.

use crate::app::App;
use crate::routes;
use crate::stall::Impatient;
use crate::terminal::note;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

/// How long requests are awaited on connections that are open when the server is to stop.
const LAST_CALL: Duration = Duration::from_secs(1);
/// How long a connection that is closed may take to write its answer.
const LAST_WORD: Duration = Duration::from_millis(500);
/// After the system has refused a connection, such as for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);
/// The most connections that the system makes before they are accepted.
const MOST_MADE: usize = 1024;
/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// The most lines of a head.
const MAX_HEADERS: usize = 64;

/// What connections are told.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Phase {
    Serving,
    /// Answers end their connections.
    Ending,
    /// Connections without a request are closed.
    Closing,
}

/// Accepts and answers.
#[derive(Debug)]
pub(crate) struct Server {
    app: Arc<App>,
    router: Router,
    phase: watch::Sender<Phase>,
    /// Each connection has a clone of the sender; there are none left when the receiver ends.
    open: mpsc::Sender<()>,
    all_closed: mpsc::Receiver<()>,
}

impl Server {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let (open, all_closed) = mpsc::channel(1);
        Self {
            router: routes::router(app.clone()),
            app,
            phase: watch::Sender::new(Phase::Serving),
            open,
            all_closed,
        }
    }

    /// Answers until `stop`, then what has been accepted. Whether all of it was answered in time.
    pub(crate) async fn run(mut self, listener: TcpListener, stop: impl Future<Output = ()>) -> bool {
        let places = Arc::new(Semaphore::new(self.app.options.connections.into()));
        let mut stop = pin!(stop);
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                (place, accepted) = next => match (place, accepted) {
                    (Ok(place), Ok(accepted)) => self.serve(accepted, Some(place)),
                    (_, Err(error)) => {
                        note!("cannot accept a connection: {error}");
                        sleep(PAUSE).await;
                    }
                    // The places are never taken away.
                    (Err(_), _) => break,
                },
            }
        }
        // Connections that the system has made already were accepted, for all that their clients know.
        for _ in 0..MOST_MADE {
            match timeout(Duration::from_millis(1), listener.accept()).await {
                Ok(Ok(accepted)) => self.serve(accepted, None),
                _ => break,
            }
        }
        drop(listener);
        self.phase.send_replace(Phase::Ending);
        drop(self.open);
        let closed = async {
            // `None`: the last connection is gone.
            if timeout(LAST_CALL, self.all_closed.recv()).await.is_err() {
                self.phase.send_replace(Phase::Closing);
                self.all_closed.recv().await;
            }
        };
        timeout(self.app.options.stop_time, closed).await.is_ok()
    }

    fn serve(&self, (stream, _): (TcpStream, SocketAddr), place: Option<OwnedSemaphorePermit>) {
        let connection = Connection {
            app: self.app.clone(),
            router: self.router.clone(),
            phase: self.phase.subscribe(),
            busy: Arc::default(),
        };
        let open = self.open.clone();
        tokio::spawn(async move {
            connection.serve(stream).await;
            drop((place, open));
        });
    }
}

/// One connection.
struct Connection {
    app: Arc<App>,
    router: Router,
    phase: watch::Receiver<Phase>,
    /// Requests that are being answered.
    busy: Arc<AtomicUsize>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream) {
        // Answers are small and written at once: to wait for more would only delay them.
        let _ = stream.set_nodelay(true);
        let options = &self.app.options;
        let io = TokioIo::new(Impatient::new(stream, options.stall_time));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(options.head_time)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS);
        let metrics = self.app.metrics.clone();
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        let router = TowerToHyperService::new(self.router.clone());
        let (busy, phase) = (self.busy.clone(), self.phase.clone());
        let service = service_fn(|request| {
            let route = routes::label(request.uri().path());
            let answering = Busy::new(busy.clone());
            let answer = router.call(request);
            let (app, phase) = (self.app.clone(), phase.clone());
            async move {
                let _answering = answering;
                let mut response = answer.await?;
                app.metrics.request(route, response.status().as_u16());
                finish(&mut response, *phase.borrow());
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = pin!(builder.serve_connection(io, service));
        tokio::select! {
            // What goes wrong here is the client's doing: it went away, was too slow or spoke no HTTP.
            _ = connection.as_mut() => {}
            () = closing(&mut self.phase) => {
                connection.as_mut().graceful_shutdown();
                // One that never sent a head would keep the server until its time is over.
                while timeout(LAST_WORD, connection.as_mut()).await.is_err() {
                    if busy.load(Ordering::Acquire) == 0 {
                        break;
                    }
                }
            }
        }
        metrics.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for the time to close.
async fn closing(phase: &mut watch::Receiver<Phase>) {
    // The server outlives its connections, or has ended.
    drop(phase.wait_for(|&phase| phase == Phase::Closing).await);
}

/// What every answer says.
fn finish(response: &mut Response<Body>, phase: Phase) {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if phase >= Phase::Ending {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// A request that is being answered.
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
