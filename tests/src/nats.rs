//! A real NATS server on loopback, which can be killed and started again.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use crate::eventually;

/// A NATS server, which is killed when dropped.
pub struct NatsServer {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts a server that accepts every client.
    pub async fn start() -> Self {
        Self::start_with(|_| String::new()).await
    }

    /// Starts a server with additional configuration. `configure` receives a folder for files.
    pub async fn start_with(configure: impl FnOnce(&Path) -> String) -> Self {
        let folder = TempDir::with_prefix("daybook-nats-").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let more = configure(folder.path());
        let configuration = format!("listen: \"127.0.0.1:{port}\"\n{more}\n");
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let child = run(folder.path());
        let server = Self { folder, port, child };
        server.answers().await;
        server
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Address of the server, as `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Kills the server with SIGKILL, and returns once it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again after [`Self::kill`], under the same address.
    pub async fn restart(&mut self) {
        self.child = run(self.folder.path());
        self.answers().await;
    }

    /// Subscribes to everything that is published from now on, on a server that accepts every client.
    pub async fn wiretap(&self) -> Wiretap {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let (read, mut write) = stream.into_split();
        let asked = b"CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPING\r\n";
        write.write_all(asked).await.unwrap();
        let mut wiretap = Wiretap { lines: BufReader::new(read).lines(), _write: write };
        while wiretap.line().await != "PONG" {}
        wiretap
    }

    async fn answers(&self) {
        let address = self.address();
        eventually("an answer of the NATS server", 30, async || {
            let stream = TcpStream::connect(&address).await.ok()?;
            let line = BufReader::new(stream).lines().next_line().await.ok()??;
            line.starts_with("INFO ").then_some(())
        })
        .await;
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that receives all messages.
pub struct Wiretap {
    lines: Lines<BufReader<OwnedReadHalf>>,
    _write: tokio::net::tcp::OwnedWriteHalf,
}

impl Wiretap {
    /// Returns the next message: subject and text.
    pub async fn next(&mut self) -> (String, String) {
        loop {
            let line = self.line().await;
            let mut words = line.split(' ');
            if words.next() == Some("MSG") {
                let subject = words.next().unwrap().to_owned();
                return (subject, self.line().await);
            }
        }
    }

    async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("the server has gone")
    }
}

fn run(folder: &Path) -> Child {
    let log = File::create(folder.join("nats.log")).unwrap();
    Command::new(program())
        .arg("--config")
        .arg(folder.join("nats.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/readers/bin/nats-server");
    assert!(program.exists(), "run `make readers` first");
    program
}
