//! Start-up: Daybook reports every obstacle at once, by name, with a remedy.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use daybook_tests::{Process, Signal, Value, binary, eventually, postgres_server};
use tempfile::TempDir;

/// Password that no output may contain.
const PASSWORD: &str = "geheim-und-lang";

/// Returns the error of a command that must fail with `code` and within `limit`.
pub(crate) fn failure(command: &mut Command, code: i32, limit: Duration) -> String {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < 4 * limit {
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = begun.elapsed();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = binary::stderr(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{said}");
    assert!(took < limit, "it took {took:?}: {said}");
    assert!(!said.contains(PASSWORD), "{said}");
    said
}

fn serve(folder: &Path) -> Command {
    let mut command = binary::daybook(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

fn nobody() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The lines of standard error, each of which must be an object with level and message.
fn objects(said: &str) -> Vec<Value> {
    let object = |line: &str| {
        let object: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} in {said}"));
        assert!(object["level"].is_string() && object["fields"]["message"].is_string(), "{object}");
        object
    };
    said.lines().map(object).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_database_is_for_one_at_a_time() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut first =
        Process::spawn(serve(&data).env("DAYBOOK_LOG", "info"), folder.path().join("1.log"));
    first.url().await;
    let file = data.join("daybook.db");
    let holder = std::fs::read_to_string(data.join("daybook.db.lock")).unwrap();
    let told = format!("is in use by another Daybook (process {})", holder.trim());
    let backup = folder.path().join("none.sql");
    let url = format!("sqlite://{}", data.join("../data/daybook.db").display());
    let mut worker = binary::daybook(&data);
    let mut elsewhere = serve(&folder.path().join("other"));
    for command in
        [&mut serve(&data), worker.arg("worker"), elsewhere.env("DAYBOOK_DATABASE_URL", &url)]
    {
        let said = failure(command, 1, Duration::from_secs(20));
        assert!(said.contains(&told) && said.contains("stop that one first"), "{said}");
        assert!(said.contains(file.canonicalize().unwrap().to_str().unwrap()), "{said}");
    }
    let mut restore = binary::daybook(&data);
    restore.arg("restore").arg(&backup).args(["--unauthenticated", "--into", &url]);
    failure(&mut restore, 1, Duration::from_secs(20));
    // Short commands need no turn.
    binary::stdout(binary::daybook(&data).args(["token", "--operator"]));
    assert!(first.is_alive());

    first.kill();
    let mut second =
        Process::spawn(serve(&data).env("DAYBOOK_LOG", "info"), folder.path().join("2.log"));
    second.url().await;
    second.signal(Signal::Terminate);
    assert!(second.exit(30).await.success());
    assert!(!data.join("daybook.db.lock").exists());
}

#[tokio::test]
async fn postgres_that_cannot_be_used_is_told_at_once() {
    let folder = TempDir::new().unwrap();
    let server = postgres_server();
    let (_, place) = server.split_once('@').unwrap();
    let (place, _) = place.split_once('/').unwrap();
    let (_, password) = server.split_once("://daybook:").unwrap();
    let (password, _) = password.split_once('@').unwrap();
    let away = nobody();
    for (url, words) in [
        (
            format!("postgres://ada:{PASSWORD}@{away}/daybook"),
            vec![format!("{away}: connection refused")],
        ),
        (
            format!("postgres://daybook:{PASSWORD}@{place}/postgres"),
            vec![place.to_owned(), "refuses the password of daybook".to_owned()],
        ),
        (
            format!("postgres://daybook:{password}@{place}/no_such_place"),
            vec![place.to_owned(), "has no database no_such_place".to_owned()],
        ),
        (
            format!("postgres://ada:{PASSWORD}@no-such-host.invalid/daybook"),
            vec!["the host no-such-host.invalid".to_owned(), "is not known".to_owned()],
        ),
        (
            format!("postgres://daybook:{password}@{place}/postgres?sslmode=require"),
            vec![format!("no TLS with PostgreSQL at {place}"), "sslmode".to_owned()],
        ),
        (format!("postgres://ada:{PASSWORD}@host:port/daybook"), vec!["can't be read".to_owned()]),
    ] {
        for name in ["DAYBOOK_DATABASE_URL", "DAYBOOK_DATABASE_DIRECT_URL"] {
            let mut command = serve(folder.path());
            let said = failure(
                command.env("DAYBOOK_DATABASE_URL", &url).env(name, &url),
                1,
                Duration::from_secs(15),
            );
            assert!(said.contains(&format!("{name} can't be used")), "{said}");
            assert!(!said.contains(password), "{said}");
            for words in &words {
                assert!(said.contains(words.as_str()), "{words}: {said}");
            }
        }
    }
    // A flag is called by its own name.
    let mut command = serve(folder.path());
    command.args(["--database-url", &format!("postgres://ada:{PASSWORD}@{away}/daybook")]);
    let said = failure(&mut command, 1, Duration::from_secs(15));
    assert!(
        said.contains("--database-url can't be used") && !said.contains("DAYBOOK_DATABASE_URL"),
        "{said}"
    );
}

/// A store that refuses each request in one way, for as long as the test runs; its URL.
fn refusing_store(status: &'static str, code: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = format!("<Error><Code>{code}</Code></Error>");
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // Whatever it is, it comes in one piece.
            let _ = connection.read(&mut [0; 16 * 1024]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn bucket_that_cannot_be_used_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let away = format!("http://{}", nobody());
    let with = |mut command: Command, environment: &[(&str, &str)]| {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("DAYBOOK_ARTIFACTS_URL", "s3://artifacts/a").env("DAYBOOK_LOG", "info");
        command.env("AWS_METADATA_ENDPOINT", &away).env("AWS_REGION", "us-east-1");
        command.envs(environment.iter().copied());
        command
    };
    let [no_bucket, wrong_key] =
        [("404 Not Found", "NoSuchBucket"), ("403 Forbidden", "SignatureDoesNotMatch")]
            .map(|(status, code)| refusing_store(status, code));
    let id = ("AWS_ACCESS_KEY_ID", "someone");
    let secret = ("AWS_SECRET_ACCESS_KEY", PASSWORD);
    let at = |endpoint| ("AWS_ENDPOINT_URL", endpoint);
    for (environment, words) in [
        (vec![at(away.as_str())], "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (vec![id], "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"),
        (vec![secret], "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not"),
        (vec![id, secret, at(&away)], "AWS_REGION or AWS_ENDPOINT_URL"),
        (vec![id, secret, at(&no_bucket)], "there is no bucket for s3://artifacts/a"),
        (vec![id, secret, at(&wrong_key)], "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ] {
        let limit = Duration::from_secs(40);
        let said = failure(&mut with(serve(folder.path()), &environment), 1, limit);
        let is_named = said.contains("DAYBOOK_ARTIFACTS_URL can't be used");
        assert!(said.contains(words) && is_named, "{words}: {said}");
        assert!(!said.contains("18446744073709551615") && !said.contains("retries"), "{said}");
        let mut doctor = with(binary::daybook(folder.path()), &environment);
        let found = binary::stdout_of(&doctor.arg("doctor").output().unwrap());
        assert!(found.contains(words) && found.contains("fail  artifacts"), "{words}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_log_holds_json_alone() {
    let folder = TempDir::new().unwrap();
    let json = |arguments: &[&str]| {
        let mut command = binary::daybook(folder.path());
        command.env("DAYBOOK_LOG_FORMAT", "json").env("DAYBOOK_LOG", "info").args(arguments);
        command
    };
    let short = Duration::from_secs(20);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let away = format!("postgres://ada:{PASSWORD}@{}/daybook", nobody());
    for (arguments, code, words) in [
        (&["fly"][..], 2, "unrecognized subcommand"),
        (&[][..], 2, "Usage"),
        (&["serve", "--listen", "nowhere"], 2, "--listen"),
        (&["serve", "--listen", &taken], 1, "can't listen"),
        (
            &["serve", "--export-max-records", "0"],
            1,
            "--export-max-records must be at least 1 (it is 0)",
        ),
        (&["serve", "--log", "daybook=loud"], 1, "--log is not valid (it is daybook=loud)"),
        (&["serve", "--database-url", &away], 1, "connection refused"),
        (&["migrate", "status", "--database-url", &away], 1, "connection refused"),
        (&["restore", "nothing.sql", "--into", "sqlite://x/y.db"], 1, "nothing.sql"),
    ] {
        let said = failure(&mut json(arguments), code, short);
        let objects = objects(&said);
        let last = &objects.last().unwrap_or_else(|| panic!("{arguments:?}"))["fields"]["message"];
        assert!(last.as_str().unwrap().contains(words), "{arguments:?}: {said}");
    }
    let said = failure(binary::daybook(folder.path()).args(["--log-format=json", "fly"]), 2, short);
    assert_eq!(objects(&said).len(), 1);

    let log = folder.path().join("serve.log");
    let mut server =
        Process::spawn(json(&["serve", "--listen", "127.0.0.1:0"]).env("DAYBOOK_LISTN", "x"), log);
    eventually("the greeting", 60, async || server.log().contains("Daybook is at ").then_some(()))
        .await;
    server.signal(Signal::Terminate);
    assert!(server.exit(30).await.success());
    let warned = objects(&server.log()).into_iter().filter(|line| line["level"] == "WARN");
    let warned: Vec<_> = warned.map(|line| line["fields"]["message"].to_string()).collect();
    assert!(warned.iter().any(|line| line.contains("did you mean DAYBOOK_LISTEN?")), "{warned:?}");
}

#[test]
fn misspelt_variable_is_told() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = binary::daybook(folder.path());
        command.args(arguments).envs(variables.iter().copied()).output().unwrap()
    };
    let misspelt = [("DAYBOOK_DATABASEURL", PASSWORD), ("DAYBOOK_PUBLIC_ULR", "x")];
    let said = binary::stderr(&run(&["schema"], &misspelt));
    for name in ["DAYBOOK_DATABASE_URL", "DAYBOOK_PUBLIC_URL"] {
        assert!(said.contains(&format!("did you mean {name}?")), "{said}");
    }
    assert!(said.contains("WARN") && !said.contains(PASSWORD), "{said}");
    let doctor = run(&["doctor"], &misspelt);
    let report = String::from_utf8(doctor.stdout).unwrap();
    assert_eq!(doctor.status.code(), Some(1), "{report}");
    assert!(
        report.contains("fail  configuration") && report.contains("DAYBOOK_PUBLIC_ULR"),
        "{report}"
    );
    let of_kubernetes = [
        ("DAYBOOK_SERVICE_HOST", "10.0.0.1"),
        ("DAYBOOK_PORT", "tcp://10.0.0.1:80"),
        ("DAYBOOK_PORT_80_TCP_PROTO", "tcp"),
    ];
    assert_eq!(binary::stderr(&run(&["schema"], &of_kubernetes)), "");
}

#[test]
fn setting_is_called_by_the_name_that_was_used() {
    let folder = TempDir::new().unwrap();
    let short = Duration::from_secs(20);
    // Each is refused before anybody listens.
    let serve = || {
        let mut serve = binary::daybook(folder.path());
        serve.arg("serve");
        serve
    };
    for (name, flag, value, code, words) in [
        ("DAYBOOK_LISTEN", "--listen", "nowhere", 2, "invalid value 'nowhere'"),
        ("DAYBOOK_JOB_CONCURRENCY", "--job-concurrency", "0", 1, "must be at least 1 (it is 0)"),
        ("DAYBOOK_JOB_LEASE", "--job-lease", "999ms", 1, "must be at least 1s (it is 999ms)"),
        ("DAYBOOK_ARTIFACT_TTL", "--artifact-ttl", "soon", 2, "invalid value 'soon'"),
        ("DAYBOOK_LOG_FORMAT", "--log-format", "xml", 2, "[possible values: text, json]"),
        ("DAYBOOK_GRAPHIQL", "--graphiql", "perhaps", 2, "[possible values: true, false]"),
        ("DAYBOOK_PUBLIC_URL", "--public-url", "acme.test", 1, "(it is acme.test)"),
        ("DAYBOOK_SECRET", "--secret", PASSWORD, 1, "at least 32 characters"),
    ] {
        let said = failure(serve().env(name, value), code, short);
        assert!(
            said.contains(name) && !said.contains(flag) && said.contains(words),
            "{name}: {said}"
        );
        let said = failure(serve().args([flag, value]), code, short);
        assert!(
            !said.contains(name) && said.contains(flag) && said.contains(words),
            "{flag}: {said}"
        );
    }
}
