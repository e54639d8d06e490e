//! `retention set` and `hold release` show what they would remove, and ask for confirmation.

use std::{
    io::Write,
    process::{Output, Stdio},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use daybook_entity::{audit_log, membership::Role};
use daybook_service::retention::prune;
use daybook_tests::{Backend, TestServer, binary, json, on_each_backend, raw_organization};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};

/// Entries of each day that the log goes back.
const A_DAY: i64 = 40;
const DAYS: i64 = 30;

fn daybook(server: &TestServer, arguments: &[&str]) -> Output {
    let mut command = binary::daybook_of(server);
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn succeed(server: &TestServer, arguments: &[&str]) -> (String, String) {
    let output = daybook(server, arguments);
    let said = binary::stderr(&output);
    assert!(output.status.success(), "{arguments:?}: {said}");
    (binary::stdout_of(&output), said)
}

fn set<'a>(days: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["retention", "set", "--organization", "acme", "--days", days], more].concat()
}

fn release<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["hold", "release", "--organization", "acme", "case-7"], more].concat()
}

/// A log of the last days, and when its entries were recorded: entry `n` of them in the middle of a minute of
/// its own. What says when was written past the triggers, since no clock of the command line goes back.
async fn old_log(server: &TestServer, organization: &str) -> Vec<DateTime<Utc>> {
    let admin = server.client(organization, Role::Admin).await;
    for _ in 0..DAYS * A_DAY / 100 {
        admin.record(organization, 100).await;
    }
    let db = server.database.connect().await;
    let organization = raw_organization(organization);
    let rows = audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(organization))
        .count(&db)
        .await
        .unwrap();
    let rows = i64::try_from(rows).unwrap();
    let start = server.clock.now() - Duration::from_secs(DAYS as u64 * 24 * 3600 + 1800);
    let step = Duration::from_secs(24 * 3600 / A_DAY as u64);
    let times: Vec<_> =
        (0..rows).map(|number| start + step * u32::try_from(number).unwrap()).collect();
    let unlock = match server.backend() {
        Backend::Sqlite => "DROP TRIGGER audit_logs_no_update",
        Backend::Postgres => "ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_no_change",
    };
    db.execute_unprepared(unlock).await.unwrap();
    for (number, time) in times.iter().enumerate() {
        let update = audit_log::Entity::update_many()
            .set(audit_log::ActiveModel { recorded_at: sea_orm::Set(*time), ..Default::default() })
            .filter(audit_log::Column::OrganizationId.eq(organization))
            .filter(audit_log::Column::Sequence.eq(i64::try_from(number).unwrap() + 1));
        update.exec(&db).await.unwrap();
    }
    if server.backend() == Backend::Postgres {
        let lock = "ALTER TABLE audit_logs ENABLE TRIGGER audit_logs_no_change";
        db.execute_unprepared(lock).await.unwrap();
    }
    db.close().await.unwrap();
    times
}

/// The number of entries that are gone.
async fn gone(server: &TestServer, organization: &str) -> i64 {
    let query =
        "query($id: ID!) { organization(id: $id) { retention { days prunedThroughSequence } } }";
    let admin = server.client(organization, Role::Admin).await;
    let found = admin.query(query, json!({ "id": organization })).await;
    found["organization"]["retention"]["prunedThroughSequence"].as_str().unwrap().parse().unwrap()
}

fn days(server: &TestServer) -> String {
    let (shown, _) = succeed(server, &["retention", "show", "--organization", "acme"]);
    shown.split('\t').next().unwrap().to_owned()
}

/// The entries that a preview must name, if those older than so many days go after `gone`.
fn preview(times: &[DateTime<Utc>], days: u64, gone: usize, now: DateTime<Utc>) -> (i64, String) {
    let cutoff = now - Duration::from_secs(days * 24 * 3600);
    let last = times.iter().filter(|time| **time < cutoff).count();
    let shown = |index: usize| times[index].to_rfc3339_opts(SecondsFormat::Secs, true);
    let text = format!(
        "{} entries, sequence {} to {last}, recorded between {} and {} (age counts from recordedAt)",
        last - gone,
        gone + 1,
        shown(gone),
        shown(last - 1)
    );
    (i64::try_from(last).unwrap(), text)
}

#[on_each_backend]
async fn what_goes_is_shown_before_and_asked_about(backend: Backend) {
    let server = TestServer::start_idle(backend).await;
    let acme = server.organization("acme").await;
    let times = old_log(&server, &acme).await;
    let (last, text) = preview(&times, 20, 0, server.clock.now());
    assert!(last > 300, "{last}");
    let expected = format!("{text}, will be permanently removed within a day");

    // Nobody is there who could be asked.
    let refused = daybook(&server, &set("20", &[]));
    let said = binary::stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&expected) && said.contains("--yes"), "{said}");
    // Only to look.
    assert_eq!(succeed(&server, &set("20", &["--dry-run"])).0.trim(), expected);
    assert_eq!(days(&server), "forever");
    prune(&server.instance().core).await.unwrap();
    assert_eq!(gone(&server, &acme).await, 0);
    // Where nothing would go, nobody is asked.
    succeed(&server, &set("31", &[]));
    assert_eq!(days(&server), "31");

    let (printed, said) = succeed(&server, &set("20", &["--yes"]));
    assert!(printed.is_empty() && said.contains(&expected), "{said}");
    prune(&server.instance().core).await.unwrap();
    assert_eq!(gone(&server, &acme).await, last, "as many as were shown");

    // The next ones are counted from what is left.
    let (next, text) = preview(&times, 10, usize::try_from(last).unwrap(), server.clock.now());
    succeed(&server, &set("25", &[]));
    let (printed, _) = succeed(&server, &set("10", &["--dry-run"]));
    assert!(printed.starts_with(&text), "{printed}");
    succeed(&server, &set("10", &["--yes"]));
    prune(&server.instance().core).await.unwrap();
    assert_eq!(gone(&server, &acme).await, next);
    for days in ["0", "365251"] {
        let output = daybook(&server, &set(days, &["--dry-run"]));
        assert!(binary::stderr(&output).contains("days: must be 1 to"), "{output:?}");
    }
    let forever = ["retention", "set", "--organization", "acme", "--forever"];
    succeed(&server, &forever);
    server.stop().await;
}

#[on_each_backend]
async fn hold_that_frees_entries_is_asked_about(backend: Backend) {
    let server = TestServer::start_idle(backend).await;
    let acme = server.organization("acme").await;
    let times = old_log(&server, &acme).await;
    for name in ["case-7", "case-8"] {
        succeed(
            &server,
            &["hold", "place", "--organization", "acme", "--reason", "a lawsuit", name],
        );
    }
    // While it is held, nothing goes, which is said.
    let (last, text) = preview(&times, 20, 0, server.clock.now());
    let (_, said) = succeed(&server, &set("20", &[]));
    let held = format!(
        "{text}, are old enough to be removed, but are kept by these holds: case-7 (a lawsuit), case-8 (a lawsuit)"
    );
    assert!(said.contains(&held), "{said}");
    prune(&server.instance().core).await.unwrap();
    assert_eq!(gone(&server, &acme).await, 0);

    // The other hold keeps them.
    succeed(&server, &["hold", "release", "--organization", "acme", "case-8"]);
    let refused = daybook(&server, &release(&[]));
    let said = binary::stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&text) && said.contains("--yes"), "{said}");
    assert!(succeed(&server, &release(&["--dry-run"])).0.starts_with(&text));
    assert_eq!(succeed(&server, &["hold", "list", "--organization", "acme"]).0.lines().count(), 1);
    // On a terminal it is asked: no, and then yes.
    for (answer, is_there) in [("no", true), ("", true), ("yes", false)] {
        let said = on_terminal(&server, &release(&[]), answer);
        assert!(said.contains("Type yes to continue"), "{said}");
        let listed = succeed(&server, &["hold", "list", "--organization", "acme"]).0;
        assert_eq!(!listed.is_empty(), is_there, "{answer}: {said}");
    }
    prune(&server.instance().core).await.unwrap();
    assert_eq!(gone(&server, &acme).await, last);
    server.stop().await;
}

/// Runs a command on a terminal of its own, where somebody types `answer`; what is seen there.
fn on_terminal(server: &TestServer, arguments: &[&str], answer: &str) -> String {
    let script = "import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b''
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if seen.endswith(b'continue: '):
        os.write(terminal, sys.argv[1].encode() + b'\\n')
os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)";
    let daybook = binary::daybook_of(server);
    let mut python = std::process::Command::new("python3");
    python.args(["-c", script, answer]).arg(binary::path()).args(arguments);
    python.envs(daybook.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = python.output().unwrap();
    std::io::stderr().write_all(&output.stderr).unwrap();
    binary::stdout_of(&output)
}
