//! A raw client of server-sent events.

use std::time::Duration;

use futures::StreamExt;
use reqwest::{Response, header::HeaderMap};

const PATIENCE: Duration = Duration::from_secs(30);

/// An event or a comment, as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub event: String,
    pub id: Option<String>,
    pub data: String,
    pub comment: bool,
}

/// An open stream of events.
pub struct Events {
    pub status: u16,
    pub headers: HeaderMap,
    bytes: futures::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    buffer: String,
}

impl Events {
    pub fn new(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|chunk| chunk.to_vec())).boxed();
        Self { status, headers, bytes, buffer: String::new() }
    }

    /// Returns the next event or comment, or none at the end of the stream, for whatever reason it ends.
    pub async fn next(&mut self) -> Option<Event> {
        let next = tokio::time::timeout(PATIENCE, self.read()).await;
        next.expect("an event or the end in 30 s")
    }

    /// Returns the next event, skipping heartbeats, or none at the end of the stream.
    pub async fn event(&mut self) -> Option<Event> {
        let event = async {
            loop {
                let event = self.read().await?;
                if !event.comment {
                    return Some(event);
                }
            }
        };
        // As a whole: heartbeats go on for as long as the stream does.
        tokio::time::timeout(PATIENCE, event).await.expect("an event or the end in 30 s")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                return Some(event);
            }
            let chunk = self.bytes.next().await?.ok()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        match line.split_once(':') {
            Some(("", _)) => event.comment = true,
            Some(("event", value)) => event.event = value.trim_start().to_owned(),
            Some(("id", value)) => event.id = Some(value.trim_start().to_owned()),
            Some(("data", value)) => event.data.push_str(value.trim_start()),
            _ => panic!("{line:?} in an event"),
        }
    }
    event
}
