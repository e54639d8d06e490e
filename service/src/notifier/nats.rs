//! Notifications between the processes of an instance by NATS core.
//!
//! Each process publishes under a subject that ends in its own name, and subscribes to those of all
//! others. After each connection it publishes a greeting. Every process that receives a greeting
//! notifies all its subscribers, since neither the process that was away nor the others know what
//! they missed. A process that receives its own greeting knows that it is connected: the server has
//! its subscription, and lets it publish.
//!
//! NATS may be unreachable at any time, also at the start. Notifications meanwhile are not kept:
//! the slow interval and the greeting cover for them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, Message, ServerAddr, connection::State};
use futures::StreamExt;
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Notifier, wire};
use crate::{Purpose, Secret, random, text::hex};

/// Prefix of the subject of every message.
const SUBJECT: &str = "daybook.notifications";
/// Greeting that a process publishes once it is connected.
const HELLO: &str = "hello";
/// Interval between pings on a connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Longest time that a check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest pause before a lost connection is tried again.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Addresses of the NATS servers, and the credentials for them.
#[derive(Clone, Debug)]
pub struct Nats {
    /// Addresses without credentials.
    servers: Vec<ServerAddr>,
    options: ConnectOptions,
}

/// Credentials from a URL.
#[derive(Clone, PartialEq, Eq)]
enum Login {
    Password(String, String),
    Token(String),
}

impl Nats {
    /// Reads servers as `nats://[USER:PASSWORD@ or TOKEN@]HOST[:PORT]` or `tls://…`, separated by
    /// commas. `credentials` is a file of credentials as NATS makes them, `roots` a file of trusted
    /// certificates.
    ///
    /// # Errors
    /// Returns what can't be used and what is allowed. The text never shows a password.
    pub fn new(
        urls: &str,
        credentials: Option<&Path>,
        roots: Option<PathBuf>,
    ) -> Result<Self, String> {
        let parsed: Vec<_> = urls.split(',').map(parse).collect::<Result<_, _>>()?;
        let mut options = match credentials {
            None => ConnectOptions::new(),
            Some(file) => from_file(file)?,
        };
        let mut logins = parsed.iter().filter_map(|(_, login)| login.clone());
        if let Some(login) = logins.next() {
            if credentials.is_some() || logins.any(|other| other != login) {
                return Err(
                    "the servers need one login: the same in each URL, or a file".to_owned()
                );
            }
            options = match login {
                Login::Password(user, password) => options.user_and_password(user, password),
                Login::Token(token) => options.token(token),
            };
        }
        let servers: Vec<_> = parsed.into_iter().map(|(server, _)| server).collect();
        let tls = servers.iter().filter(|server| server.tls_required()).count();
        if tls > 0 && tls < servers.len() {
            return Err("either all servers are tls://, or none is".to_owned());
        }
        if let Some(file) = roots {
            std::fs::metadata(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            options = options.add_root_certificates(file);
        }
        let options = options
            .name("daybook")
            // Applies also to servers that the client discovers.
            .require_tls(tls > 0)
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempt| {
                let exponent = u32::try_from(attempt.min(10)).unwrap_or(10);
                MAX_RECONNECT_DELAY.min(Duration::from_millis(2u64.pow(exponent)))
            });
        Ok(Self { servers, options })
    }
}

impl Nats {
    /// Checks that a message can be published and received.
    ///
    /// # Errors
    /// Returns the reason of the failure, for the operator.
    pub(crate) async fn check(&self) -> Result<(), String> {
        // A link retries forever; a check must report what is wrong.
        let options = self.options.clone().max_reconnects(self.servers.len());
        let subject = format!("{SUBJECT}.check.{}", hex(&random::bytes::<8>()));
        let echo = async {
            let client = options.connect(self.servers.clone()).await?;
            let mut heard = client.subscribe(subject.clone()).await?;
            client.publish(subject.clone(), HELLO.into()).await?;
            heard.next().await;
            Ok::<_, async_nats::Error>(())
        };
        match tokio::time::timeout(CHECK_TIMEOUT, echo).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no message came back within {} s", CHECK_TIMEOUT.as_secs())),
        }
    }
}

fn parse(url: &str) -> Result<(ServerAddr, Option<Login>), String> {
    // The text leaves out the URL, which may hold a password.
    let wrong = || "a server is nats://HOST:PORT or tls://HOST:PORT".to_owned();
    let server: ServerAddr = url.trim().parse().map_err(|_| wrong())?;
    let mut url = server.into_inner();
    if !matches!(url.scheme(), "nats" | "tls") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = plain(url.username());
    let login = match url.password() {
        Some(password) => Some(Login::Password(user, plain(password))),
        None => (!user.is_empty()).then_some(Login::Token(user)),
    };
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| wrong())?;
    Ok((ServerAddr::from_url(url).map_err(|_| wrong())?, login))
}

fn from_file(file: &Path) -> Result<ConnectOptions, String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(cannot)?;
    ConnectOptions::with_credentials(&text).map_err(cannot)
}

/// Passes notifications on in both directions until the instance stops.
pub(crate) async fn relay(
    notifier: Notifier,
    nats: Nats,
    subjects: Subjects,
    stopping: CancellationToken,
) {
    tokio::select! {
        () = stopping.cancelled() => {}
        () = keep_up(&notifier, &nats, &subjects) => {}
    }
}

/// Subjects of an instance's processes. Only the instance can derive them, since others may use the
/// same servers.
pub(crate) struct Subjects {
    /// The subject of this process's messages.
    own: String,
    /// The subjects of all processes' messages.
    all: String,
}

impl Subjects {
    /// Returns the subjects of the instance with this secret, in which this process has the name
    /// `node`.
    pub(crate) fn new(secret: &Secret, node: &str) -> Self {
        let name = secret.sign(Purpose::Fingerprint, &[b"notifications"]);
        let prefix = format!("{SUBJECT}.{}", hex(&name[..8]));
        Self { own: format!("{prefix}.{node}"), all: format!("{prefix}.*") }
    }
}

async fn keep_up(notifier: &Notifier, nats: &Nats, subjects: &Subjects) {
    loop {
        if let Err(error) = Link::open(notifier, nats.clone(), subjects).await {
            tracing::warn!(%error, "NATS can't be used");
        }
        notifier.set_connected(false);
        tokio::time::sleep(MAX_RECONNECT_DELAY).await;
    }
}

struct Link<'a> {
    notifier: &'a Notifier,
    client: Client,
    /// The subject that this process publishes under.
    subject: String,
    /// True if a warning was logged that the servers can't be reached.
    is_told: bool,
}

impl<'a> Link<'a> {
    /// Connects and passes notifications on for as long as the client lives. The client reconnects
    /// by itself.
    async fn open(
        notifier: &'a Notifier,
        nats: Nats,
        subjects: &Subjects,
    ) -> Result<(), async_nats::Error> {
        let (events, mut told) = mpsc::unbounded_channel();
        let options = nats.options.retry_on_initial_connect().event_callback(move |event| {
            // Nobody receives events after the link has ended.
            let _ = events.send(event);
            std::future::ready(())
        });
        let client = options.connect(nats.servers).await?;
        let mut heard = client.subscribe(subjects.all.clone()).await?;
        let subject = subjects.own.clone();
        let mut link = Link { notifier, client, subject, is_told: false };
        loop {
            tokio::select! {
                message = heard.next() => match message {
                    Some(message) => link.hear(&message),
                    None => return Ok(()),
                },
                event = told.recv() => match event {
                    Some(event) => link.know(event).await?,
                    None => return Ok(()),
                },
                topics = notifier.outgoing() => {
                    // Not kept for later: a process that reconnects publishes a greeting.
                    if link.client.connection_state() == State::Connected {
                        for text in topics.into_iter().filter_map(wire::text) {
                            link.publish(&text).await?;
                        }
                    }
                }
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        let is_own = *message.subject == *self.subject;
        let Ok(text) = std::str::from_utf8(&message.payload) else { return };
        if text == HELLO {
            if is_own && !self.notifier.set_connected(true) {
                tracing::info!("connected to NATS");
                self.is_told = false;
            }
            self.notifier.notify_all_here();
        } else if !is_own {
            self.notifier.hear(text);
        }
    }

    async fn know(&mut self, event: Event) -> Result<(), async_nats::Error> {
        match event {
            Event::Connected => return self.publish(HELLO).await,
            // Some messages were dropped.
            Event::SlowConsumer(_) => self.notifier.notify_all_here(),
            Event::Disconnected | Event::Closed => {
                if self.notifier.set_connected(false) {
                    tracing::warn!("NATS is away: other processes look at their next tick");
                }
            }
            Event::ServerError(error) => tracing::warn!(%error, "NATS refuses something"),
            Event::ClientError(error) if self.is_told => {
                tracing::debug!(%error, "NATS is not reached");
            }
            Event::ClientError(error) => {
                tracing::warn!(%error, "NATS is not reached: it is tried again and again");
                self.is_told = true;
            }
            Event::LameDuckMode | Event::Draining => {}
        }
        Ok(())
    }

    async fn publish(&self, text: &str) -> Result<(), async_nats::Error> {
        Ok(self.client.publish(self.subject.clone(), text.to_owned().into()).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &str) -> Result<Vec<String>, String> {
        let nats = Nats::new(urls, None, None)?;
        let shown = format!("{nats:?}");
        assert!(!shown.contains("geheim"), "{shown}");
        Ok(nats.servers.into_iter().map(|server| server.into_inner().to_string()).collect())
    }

    #[test]
    fn servers_are_separated_by_commas_and_hold_no_credentials() {
        let found = servers("nats://ada:gehei%6D@one:4222, nats://ada:geheim@two").unwrap();
        assert_eq!(found, ["nats://one:4222", "nats://two"]);
        assert_eq!(servers("tls://geheim@one").unwrap(), ["tls://one"]);
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_password() {
        for urls in [
            "",
            "http://ada:geheim@one",
            "ws://one",
            "nats://one,",
            "nats://ada:geheim@one,nats://eve:geheim@two",
            "tls://one,nats://two",
        ] {
            let error = servers(urls).unwrap_err();
            assert!(!error.contains("geheim"), "{urls}: {error}");
        }
        let missing = Nats::new("nats://one", Some(Path::new("/nowhere/daybook.creds")), None);
        assert!(missing.unwrap_err().contains("daybook.creds"));
    }
}
