//! A real S3 server, SeaweedFS, on loopback, for one test.

use daybook_service::private::STORE_IDENTITY;
use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use futures::TryStreamExt;
use object_store::{
    ObjectStore, ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
};
use tempfile::TempDir;

use crate::eventually;

const KEY: &str = "daybook-test";
const SECRET: &str = "no-secret-of-anybodys";
const REGION: &str = "us-east-1";
const BUCKET: &str = "artifacts";

/// An S3 server with one bucket, which is killed when dropped.
pub struct S3Server {
    folder: TempDir,
    ports: [u16; 4],
    child: Child,
}

impl S3Server {
    /// Starts a server, and returns once it answers.
    pub async fn start() -> Self {
        let folder = TempDir::with_prefix("daybook-s3-").unwrap();
        let identity = format!(
            r#"{{"identities": [{{"name": "test", "actions": ["Admin"],
                "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}]}}]}}"#
        );
        std::fs::write(folder.path().join("s3.json"), identity).unwrap();
        let ports = free_ports();
        let child = start(folder.path(), ports);
        let server = Self { folder, ports, child };
        server.answers().await;
        let bucket = server.request(reqwest::Method::POST, &format!("/buckets/{BUCKET}/")).await;
        assert!(bucket.status().is_success(), "{bucket:?}");
        server
    }

    /// Returns the URL of the bucket for Daybook's configuration.
    pub fn url() -> String {
        format!("s3://{BUCKET}/tests/here")
    }

    /// Environment variables with which Daybook finds the server.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint()),
        ]
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[3])
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again after [`Self::kill`], with what it had stored.
    pub async fn restart(&mut self) {
        self.child = start(self.folder.path(), self.ports);
        self.answers().await;
    }

    /// Returns the keys of all objects.
    pub async fn keys(&self) -> Vec<String> {
        let objects: Vec<_> = self.bucket().list(None).try_collect().await.unwrap();
        // But for what the store says of itself.
        let keys = objects.into_iter().map(|object| object.location.to_string());
        keys.filter(|key| !key.ends_with(STORE_IDENTITY)).collect()
    }

    /// Returns the number of parts of unfinished uploads, which no list of objects shows.
    pub async fn uploads(&self) -> usize {
        let path = format!("/buckets/{BUCKET}/.uploads/");
        let answer = self.request(reqwest::Method::GET, &path).await;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return 0;
        }
        let listed: serde_json::Value = answer.json().await.unwrap();
        listed["Entries"].as_array().map_or(0, Vec::len)
    }

    /// Copies Daybook's objects into `folder`, for checks of files.
    pub async fn mirror(&self, folder: &Path) {
        for key in self.keys().await {
            let object = self.bucket().get(&key.as_str().into()).await.unwrap();
            let path =
                folder.join(key.strip_prefix("tests/here/").unwrap_or_else(|| panic!("{key}")));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, object.bytes().await.unwrap()).unwrap();
        }
    }

    fn bucket(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region(REGION)
            .with_bucket_name(BUCKET)
            .with_access_key_id(KEY)
            .with_secret_access_key(SECRET)
            .build()
            .unwrap()
    }

    async fn answers(&self) {
        eventually("an answer of the S3 server", 60, async || {
            let keys: Result<Vec<_>, _> = self.bucket().list(None).try_collect().await;
            let is_there = |error: &object_store::Error| error.to_string().contains("NoSuchBucket");
            let is_up = keys.as_ref().map_or_else(is_there, |_| true);
            let filer = reqwest::get(format!("http://127.0.0.1:{}/", self.ports[2])).await;
            (is_up && filer.is_ok()).then_some(())
        })
        .await;
    }

    /// Sends a request to the file system below S3, which shows what S3 hides.
    async fn request(&self, method: reqwest::Method, path: &str) -> reqwest::Response {
        let url = format!("http://127.0.0.1:{}{path}", self.ports[2]);
        let request = reqwest::Client::new().request(method, url);
        request.header("Accept", "application/json").send().await.unwrap()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns free ports for master, volumes, filer and S3. Each also uses the port 10,000 above.
fn free_ports() -> [u16; 4] {
    std::array::from_fn(|_| {
        loop {
            let number = u16::from_be_bytes(daybook_service::random_bytes());
            let port = 20_000 + number % 12_000;
            let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
            if is_free(port) && is_free(port + 10_000) {
                return port;
            }
        }
    })
}

fn start(folder: &Path, [master, volume, filer, s3]: [u16; 4]) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    std::fs::create_dir_all(folder.join("data")).unwrap();
    Command::new(program())
        .current_dir(folder)
        .args(["server", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"])
        .arg(format!("-master.port={master}"))
        .arg(format!("-volume.port={volume}"))
        .arg(format!("-filer.port={filer}"))
        .arg(format!("-s3.port={s3}"))
        .args(["-s3.config=s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0", "-metricsPort=0"])
        .args(["-master.volumeSizeLimitMB=64", "-volume.max=20"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Returns the program, which `make readers` installs.
fn program() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = tests.parent().unwrap().join("target/readers/bin/weed");
    assert!(program.is_file(), "tests on S3 need SeaweedFS: run `make readers` first");
    program
}
