//! A PostgreSQL whose connections break at COMMIT.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// COMMIT as a simple query of PostgreSQL's protocol, without its length.
const COMMIT: &[u8] = b"COMMIT\0";

/// A proxy between Daybook and PostgreSQL that cuts connections.
pub struct CuttingProxy {
    /// URL of the database through the proxy.
    pub url: String,
    cuts: Arc<Cuts>,
    _connections: JoinSet<()>,
}

/// Counters of the proxy.
#[derive(Default)]
struct Cuts {
    /// Number of COMMITs to let through first.
    spared: AtomicUsize,
    /// Number of COMMITs still to be cut.
    commits: AtomicUsize,
    /// Number of other connections still to be cut afterwards.
    others: AtomicUsize,
    done: AtomicUsize,
}

impl CuttingProxy {
    /// Starts a proxy in front of the PostgreSQL database at `url`.
    pub async fn start(url: &str) -> Self {
        let (start, rest) = url.rsplit_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = Arc::new(Cuts::default());
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, server.parse().unwrap(), Arc::clone(&cuts)));
        let url = format!("{start}@{address}/{name}");
        Self { url, cuts, _connections: connections }
    }

    /// Lets the next COMMIT through. The one after it reaches the server, but its connection is cut before
    /// the answer. Then the next `others` connections are cut at their next message.
    pub fn cut_second_commit(&self, others: usize) {
        self.cuts.others.store(others, Relaxed);
        self.cuts.spared.store(1, Relaxed);
        self.cuts.commits.store(1, Relaxed);
    }

    /// Number of connections that have been cut at their COMMIT.
    #[must_use]
    pub fn commits_cut(&self) -> usize {
        self.cuts.done.load(Relaxed)
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, cuts: Arc<Cuts>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let cuts = Arc::clone(&cuts);
        connections.spawn(async move {
            let server = TcpStream::connect(server).await.unwrap();
            // An error is a connection that one of the two ended.
            let _ = forward(client, server, &cuts).await;
        });
    }
}

async fn forward(client: TcpStream, server: TcpStream, cuts: &Cuts) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut buffer).await?;
            if length == 0 {
                return to_server.shutdown().await;
            }
            let said = &buffer[..length];
            let is_commit = said.ends_with(COMMIT);
            if !is_commit && cuts.commits.load(Relaxed) == 0 && take(&cuts.others) {
                return Ok(());
            }
            to_server.write_all(said).await?;
            if is_commit && !take(&cuts.spared) && take(&cuts.commits) {
                cuts.done.fetch_add(1, Relaxed);
                return Ok(());
            }
        }
    };
    tokio::select! {
        // Both halves are dropped with it: the client sees its connection end without an answer.
        outcome = requests => outcome,
        outcome = copy(&mut from_server, &mut to_client) => outcome.map(drop),
    }
}

fn take(count: &AtomicUsize) -> bool {
    count.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1)).is_ok()
}
