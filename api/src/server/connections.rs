//! Accepts connections, and limits their number and the time for headers and for reading responses.
//!
//! `axum::serve` sets no limits: 200 clients that send a header letter by letter would hold 200
//! connections forever. Hyper's own builder has these limits.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use daybook_service::Instance;
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tower::ServiceExt;

use super::write_timeout::WriteTimeout;
use crate::config::ServerLimits;

/// Maximum size of a request's headers, in bytes. Large, since the URL may contain a query.
const MAX_HEADER_BYTES: usize = 128 * 1024;
/// Maximum number of concurrent requests on one HTTP/2 connection.
const MAX_HTTP2_STREAMS: u32 = 100;
/// Interval between HTTP/2 pings, and time within which the client must answer one.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
/// Pause after a connection could not be accepted, for example because file descriptors ran out.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Time within which the refusal of a connection must be sent.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// State that all connections share.
pub(super) struct Connections {
    pub(super) router: Router,
    pub(super) server_limits: ServerLimits,
    pub(super) instance: Arc<Instance>,
}

/// Serves the connections that `listener` accepts, until the process stops. Each connection then ends
/// after its current request.
pub(super) async fn serve(listener: TcpListener, connections: Connections) {
    let Connections { router, server_limits, instance } = connections;
    let slots = Arc::new(Semaphore::new(server_limits.connections));
    let builder = builder(&server_limits);
    loop {
        let accepted = tokio::select! {
            () = instance.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tracing::warn!(%address, limit = server_limits.connections, "refused a connection: too many are open");
            instance.tasks.spawn(turn_away(stream, server_limits.connections));
            continue;
        };
        let connection = Connection {
            stream,
            address,
            router: router.clone(),
            instance: Arc::clone(&instance),
            send_timeout: server_limits.fixed.send_timeout,
            slot,
        };
        instance.tasks.spawn(connection.serve(builder.clone()));
    }
}

fn builder(server_limits: &ServerLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Also ends idle connections, since it starts when the connection waits for a request.
        .header_read_timeout(server_limits.idle_timeout)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_INTERVAL)
        .max_concurrent_streams(MAX_HTTP2_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32);
    builder
}

struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    instance: Arc<Instance>,
    send_timeout: Duration,
    slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, builder: Builder<TokioExecutor>) {
        let Self { stream, address, router, instance, send_timeout, slot } = self;
        // Responses are written in one piece, so waiting for more data only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY");
        }
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            let router = router.clone();
            async move { router.oneshot(request).await }
        });
        let io = TokioIo::new(WriteTimeout::new(stream, send_timeout, slot));
        let mut connection = std::pin::pin!(builder.serve_connection_with_upgrades(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = instance.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %address, "a connection failed");
        }
    }
}

/// Responds with 503 and the reason, instead of just closing the connection.
async fn turn_away(mut stream: TcpStream, most: usize) {
    let problem = format!(
        "{{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
         \"code\":\"TOO_MANY_CONNECTIONS\",\
         \"detail\":\"At most {most} connections can be open at once; try again later.\"}}"
    );
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{problem}",
        problem.len()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    // Errors are ignored, since the client is gone or doesn't read.
    let _ = timeout(REJECTION_TIMEOUT, told).await;
}
