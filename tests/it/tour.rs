//! The README's tour, copied command by command as a newcomer does.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use daybook_tests::{Process, TestServer, Value, binary, clients, eventually, on_each_engine};
use sha2::{Digest, Sha256};

const README: &str = include_str!("../../README.md");
/// Placeholders in the README, each with the key of its value in an answer.
const OPEN: [(&str, &str); 3] =
    [("…", "organization"), ("<the job'\"'\"'s id>", "job"), ("<downloadUrl>", "downloadUrl")];

/// The commands in the `sh` blocks of a section. Lines after a command's first are indented.
fn commands(section: &str) -> Vec<String> {
    let (_, rest) = README.split_once(&format!("\n## {section}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut commands = Vec::<String>::new();
    for line in blocks.flat_map(str::lines) {
        match commands.last_mut().filter(|_| line.starts_with(' ')) {
            Some(command) => *command += &format!("\n{line}"),
            None => commands.push(line.to_owned()),
        }
    }
    commands
}

/// A reader with a shell, who fills in values from the answers.
struct Reader<'a> {
    server: &'a TestServer,
    address: String,
    folder: PathBuf,
    /// Earlier commands that set variables, which run before each command.
    remembered: String,
    found: HashMap<&'static str, String>,
}

impl Reader<'_> {
    fn fill_in(&self, command: &str) -> String {
        let mut command = command
            .replace("target/release/daybook", binary::path().to_str().unwrap())
            .replace("tests/clients/watch.mjs", clients::script("watch.mjs").to_str().unwrap())
            .replace("127.0.0.1:8080", &self.address);
        for (open, key) in OPEN {
            if command.contains(open) {
                command = command.replace(open, &self.found[key]);
            }
        }
        command
    }

    fn shell(&self, command: &str) -> Command {
        let script = format!(
            "set -euo pipefail; shopt -s expand_aliases\n{}\n{}",
            self.remembered,
            self.fill_in(command)
        );
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &script])
            .current_dir(&self.folder)
            .env("DAYBOOK_DATA_DIR", self.server.folder())
            .env("DAYBOOK_DATABASE_URL", &self.server.database.url);
        shell
    }

    fn remember(&mut self, command: &str) {
        self.remembered = format!("{}\n{}", self.remembered, self.fill_in(command));
    }

    /// Asks a question, and takes what later commands need from the answer.
    fn ask(&mut self, command: &str) -> Value {
        let text = binary::stdout(&mut self.shell(command));
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert!(answer.get("errors").is_none(), "{command}\n{answer}");
        self.find(&answer["data"]);
        answer["data"].clone()
    }

    fn find(&mut self, answer: &Value) {
        match answer {
            Value::Array(items) => items.iter().for_each(|item| self.find(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    assert!(name != "userErrors" || value == &Value::Array(vec![]), "{value}");
                    let id = value.get("id").unwrap_or(value).as_str();
                    if let (Some((_, key)), Some(id)) =
                        (OPEN.iter().find(|(_, key)| key == name), id)
                    {
                        self.found.insert(key, id.to_owned());
                    }
                    self.find(value);
                }
            }
            _ => {}
        }
    }

    /// Asks for a job until it has ended.
    async fn wait(&mut self, command: &str) -> Value {
        let job = eventually("the job's end", 60, async || {
            let job = self.ask(command)["job"].clone();
            (!["QUEUED", "RUNNING"].contains(&job["state"].as_str().unwrap())).then_some(job)
        })
        .await;
        assert_eq!(job["state"], "SUCCEEDED", "{job}");
        job
    }

    /// Starts a watch, and returns once it has caught up.
    fn watch(&self, command: &str) -> Watch {
        let command = format!("exec {command} --timeout 60");
        let mut process = self.shell(&command).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut watch = Watch { process, lines };
        while watch.next()["type"] != "SYNCED" {}
        watch
    }

    /// Follows commands in their order; the watch that one of them began.
    async fn follow(&mut self, commands: &[String]) -> Option<Watch> {
        let (mut watch, mut job) = (None, Value::Null);
        for command in commands {
            match command.split([' ', '(', '=']).next().unwrap() {
                "alias" | "export" => self.remember(command),
                "graphql" if command.starts_with("graphql()") => self.remember(command),
                "graphql" if command.contains(OPEN[1].0) => job = self.wait(command).await,
                "graphql" => _ = self.ask(command),
                "node" => watch = Some(self.watch(command)),
                "curl" => self.download(command, &job["artifact"]),
                // `make clients` did it, in the folder that all tests share.
                "npm" | "#" | "" => {}
                _ => panic!("the test does not know how to follow this: {command}"),
            }
        }
        watch
    }

    fn download(&self, command: &str, artifact: &Value) {
        let output = self.shell(command).output().unwrap();
        assert!(output.status.success(), "{command}: {}", binary::stderr(&output));
        let bytes =
            std::fs::read(self.folder.join(artifact["fileName"].as_str().unwrap())).unwrap();
        assert_eq!(bytes.len().to_string(), artifact["sizeBytes"].as_str().unwrap());
        assert_eq!(
            daybook_service::hex(&Sha256::digest(&bytes)),
            artifact["sha256"].as_str().unwrap()
        );
    }
}

/// A client that prints updates, one a line.
struct Watch {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("the watch goes on").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The states in which it saw a job that succeeded.
    fn states(mut self) -> Vec<String> {
        let mut states = Vec::new();
        while states.last().is_none_or(|state| state != "SUCCEEDED") {
            let update = self.next();
            if update["type"] == "TRANSITION" {
                states.push(update["job"]["state"].as_str().unwrap().to_owned());
            }
        }
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        states
    }
}

async fn demonstration(server: &TestServer) -> (Process, String) {
    let process = Process::serve(&server.config, &["--demo"]).await;
    let address = process.url().await.replace("http://", "");
    (process, address)
}

fn folder(server: &TestServer) -> PathBuf {
    let folder = Path::new(server.folder()).join("reader");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[on_each_engine]
async fn every_command_of_the_tour_works(server: &TestServer) {
    let (mut process, address) = demonstration(server).await;
    let (remembered, found) = (String::new(), HashMap::new());
    let mut reader = Reader { server, address, folder: folder(server), remembered, found };
    let watch = reader.follow(&commands("A tour")).await.unwrap();
    let seen = tokio::task::spawn_blocking(|| watch.states()).await.unwrap();
    assert_eq!(seen, ["QUEUED", "RUNNING", "SUCCEEDED"]);

    let mut backup = commands("Backups");
    backup.retain(|command| command.starts_with("graphql"));
    assert_eq!(backup.len(), 2);
    reader.follow(&backup).await;
    process.stop().await;
}
