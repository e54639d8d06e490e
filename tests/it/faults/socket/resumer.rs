//! The graphql-ws client that goes on after each cut.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use daybook_tests::{Value, eventually};

use super::tally::Transition;

/// `resume.mjs`, running.
pub(super) struct Resumer {
    pub(super) name: &'static str,
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
}

/// Updates that the client printed from its start to its end.
pub(super) struct Printed(Vec<Value>);

impl Resumer {
    /// A watcher of an organization's jobs, or with `-` of everyone's.
    pub(super) fn start(
        name: &'static str,
        url: &str,
        token: &str,
        organization: &str,
        rest: &[&str],
    ) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
        let is_there = std::path::Path::new(folder).join("node_modules/graphql-ws").is_dir();
        assert!(is_there, "run `make clients` first: this test runs a graphql-ws client");
        let mut child = Command::new("node")
            .arg(format!("{folder}/resume.mjs"))
            .args([&format!("{url}/graphql"), token, organization])
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                sink.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { name, child, lines }
    }

    /// Returns how often the client has cut its connection.
    pub(super) fn cuts(&mut self) -> usize {
        let status = self.child.try_wait().unwrap();
        assert_eq!(status, None, "{} gave up", self.name);
        count(&self.lines.lock().unwrap(), "cut")
    }

    /// Lets it go on to the feed's end, without a cut.
    pub(super) async fn finish(mut self) -> Printed {
        drop(self.child.stdin.take());
        let status =
            eventually("a client's end", 60, async || self.child.try_wait().unwrap()).await;
        assert!(status.success(), "{}: {status}", self.name);
        // All that it printed is read once the reader has let go of it.
        eventually("a client's last line", 10, async || {
            (Arc::strong_count(&self.lines) == 1).then_some(())
        })
        .await;
        Printed(std::mem::take(&mut *self.lines.lock().unwrap()))
    }
}

impl Drop for Resumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Printed {
    /// Connections that it cut.
    pub(super) fn cuts(&self) -> usize {
        count(&self.0, "cut")
    }

    /// Connections that the server ended.
    pub(super) fn closed(&self) -> usize {
        count(&self.0, "closed")
    }

    /// The transitions that it was told, each with its cursor, when nothing but these, progress and
    /// SYNCED may have been told: there was nothing before, and nothing is pruned.
    pub(super) fn transitions(&self) -> Vec<(String, Transition)> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut transitions = Vec::new();
        for update in self.0.iter().filter(|line| line["type"].is_string()) {
            match update["type"].as_str().unwrap() {
                "TRANSITION" => {}
                "SYNCED" | "PROGRESS" => continue,
                _ => panic!("{update}"),
            }
            let job = &update["job"];
            let transition = Transition {
                job: text(&job["id"]).unwrap(),
                from: text(&update["previousState"]),
                to: text(&job["state"]).unwrap(),
                attempt: job["attempt"].as_i64().unwrap(),
            };
            transitions.push((text(&update["cursor"]).unwrap(), transition));
        }
        transitions
    }
}

fn count(lines: &[Value], key: &str) -> usize {
    lines.iter().filter(|line| line.get(key).is_some()).count()
}
