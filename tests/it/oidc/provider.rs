//! An OpenID provider on this machine, and its keys.

use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_tests::{Value, json};
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub(super) const AUDIENCE: &str = "https://daybook.test";

/// A key pair.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    pub(super) secret: EncodingKey,
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl Key {
    pub(super) fn rsa(id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let file = file.to_str().unwrap();
        openssl(&["genrsa", "-out", file, "2048"]);
        let der = openssl(&["rsa", "-in", file, "-traditional", "-outform", "DER"]);
        let (secret, algorithm) = (EncodingKey::from_rsa_der(&der), Algorithm::RS256);
        Self { id: id.to_owned(), algorithm, secret }
    }

    pub(super) fn ec(id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let file = file.to_str().unwrap();
        let curve = "ec_paramgen_curve:P-256";
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", file]);
        let der = openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", file, "-outform", "DER"]);
        let (secret, algorithm) = (EncodingKey::from_ec_der(&der), Algorithm::ES256);
        Self { id: id.to_owned(), algorithm, secret }
    }

    pub(super) fn ed(id: &str) -> Self {
        let der = openssl(&["genpkey", "-algorithm", "ED25519", "-outform", "DER"]);
        let (secret, algorithm) = (EncodingKey::from_ed_der(&der), Algorithm::EdDSA);
        Self { id: id.to_owned(), algorithm, secret }
    }

    /// Returns the public part of the key as a JWK.
    pub(super) fn public(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.secret, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(super) fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": format!("{:?}", self.algorithm), "kid": self.id })
    }

    /// A token with the usual header.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// Signs any header and payload.
    pub(super) fn sign(&self, header: &str, payload: &str) -> String {
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = crypto::sign(message.as_bytes(), &self.secret, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// The provider; it answers until it is dropped.
pub(super) struct Provider {
    pub(super) issuer: String,
    answering: JoinSet<()>,
    keys: Arc<Mutex<Option<Vec<Value>>>>,
    fetched: Arc<AtomicUsize>,
    hanging: Arc<Hanging>,
}

/// Requests that get no answer.
#[derive(Default)]
struct Hanging {
    on: watch::Sender<bool>,
    begun: AtomicUsize,
    /// Number of hanging requests whose client disconnected.
    given_up: AtomicUsize,
}

impl Provider {
    pub(super) async fn start(keys: &[Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let mut provider = Self {
            issuer: issuer.clone(),
            answering: JoinSet::new(),
            keys: Arc::default(),
            fetched: Arc::default(),
            hanging: Arc::default(),
        };
        provider.publish(keys);
        let (keys, fetched) = (Arc::clone(&provider.keys), Arc::clone(&provider.fetched));
        let hanging = Arc::clone(&provider.hanging);
        provider.answering.spawn(async move {
            let mut requests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (keys, fetched) = (Arc::clone(&keys), Arc::clone(&fetched));
                let (hanging, issuer) = (Arc::clone(&hanging), issuer.clone());
                requests
                    .spawn(async move { answer(stream, &issuer, &keys, &fetched, &hanging).await });
            }
        });
        provider
    }

    /// Publishes these keys, in addition to some that nobody can use.
    pub(super) fn publish(&self, keys: &[Key]) {
        let mut all: Vec<_> = keys.iter().map(Key::public).collect();
        all.push(json!({ "kty": "oct", "kid": "shared", "k": URL_SAFE_NO_PAD.encode([7; 32]) }));
        all.push(json!({ "kty": "RSA", "kid": "weak", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xff; 128]) }));
        all.push(json!({ "kty": "unheard-of", "kid": "other" }));
        *self.keys.lock().unwrap() = Some(all);
    }

    pub(super) fn break_down(&self) {
        *self.keys.lock().unwrap() = None;
    }

    /// Sets whether new requests hang. Requests that hang are answered once it is switched off.
    pub(super) fn hang(&self, on: bool) {
        self.hanging.on.send_replace(on);
    }

    /// Returns the number of requests that have hung, and of those that the client gave up.
    pub(super) fn hung(&self) -> (usize, usize) {
        let Hanging { begun, given_up, .. } = &*self.hanging;
        (begun.load(Ordering::SeqCst), given_up.load(Ordering::SeqCst))
    }

    pub(super) fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    /// Returns valid claims.
    pub(super) fn claims(&self, now: i64) -> Value {
        json!({
            "iss": self.issuer, "aud": AUDIENCE, "sub": "ada", "email": "ada@acme.test",
            "iat": now, "nbf": now, "exp": now + 600,
        })
    }
}

async fn answer(
    mut stream: TcpStream,
    issuer: &str,
    keys: &Mutex<Option<Vec<Value>>>,
    fetched: &AtomicUsize,
    hanging: &Hanging,
) {
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap();
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    let mut on = hanging.on.subscribe();
    if *on.borrow_and_update() {
        hanging.begun.fetch_add(1, Ordering::SeqCst);
        let mut rest = [0; 1];
        tokio::select! {
            _ = on.wait_for(|on| !on) => {}
            _ = stream.read(&mut rest) => {
                hanging.given_up.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
    let published = keys.lock().unwrap().clone();
    let (status, body) = match published {
        None => ("500 Internal Server Error", json!({})),
        Some(_) if request.contains("openid-configuration") => {
            ("200 OK", json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }))
        }
        Some(keys) => {
            fetched.fetch_add(1, Ordering::SeqCst);
            ("200 OK", json!({ "keys": keys }))
        }
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}
