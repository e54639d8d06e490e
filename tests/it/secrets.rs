//! The secret: its sources, its rotation, and recovery after its loss.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use daybook_api::server::Duties;
use daybook_entity::{api_key, instance, membership::Role};
use daybook_tests::{
    Backend, Client, TestDatabase, TestServer, binary, eventually, json, on_each_backend,
    on_each_engine,
};
use sea_orm::EntityTrait;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);
const COUNT: &str = "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }";
const PAGE: &str =
    "query($id: ID!, $after: String) { auditLogs(organizationId: $id, first: 2, after: $after) {
    nodes { sequence } pageInfo { endCursor } } }";

/// Every file under a folder, with what is in it; of folders, their names.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut rest, mut found) = (vec![root.to_owned()], BTreeMap::new());
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
            found.insert(path, Vec::new());
        } else if path.to_string_lossy().contains(".db") {
            // A server of this process has it open, whose locks would end with the reading.
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

/// Returns the error of a run that must fail with `code`.
fn refusal(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = binary::stderr(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{said}");
    said
}

async fn fingerprint(database: &TestDatabase) -> Vec<u8> {
    let db = database.connect().await;
    let found = instance::Entity::find_by_id(1).one(&db).await.unwrap().unwrap();
    db.close().await.unwrap();
    found.secret_fingerprint
}

/// A node with the secret that follows the server's, which holds for an hour more.
async fn rotated(server: &TestServer) -> daybook_api::server::Server {
    let new = "n".repeat(40);
    let text = server.instance().secret.rotated(&new, HOUR, server.clock.now()).unwrap();
    server.start_another_with(Duties::Serve, |config| config.secret = Some(text)).await
}

#[on_each_backend]
async fn start_without_the_secret_is_refused_and_writes_nothing(backend: Backend) {
    let server = TestServer::start(backend).await;
    server.organization("acme").await;
    let TestServer { ref database, .. } = server;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let secret = server.folder().join("secret");
    let kept = folder.path().join("kept");
    fs::rename(&secret, &kept).unwrap();
    // The server gives its store an identity right after it has started, by way of another file.
    let files = || fs::read_dir(server.folder().join("artifacts")).into_iter().flatten().flatten();
    let names = || files().map(|file| file.file_name()).collect::<Vec<_>>();
    eventually("the store has an identity", 60, async || (names() == ["store-id"]).then_some(()))
        .await;
    let known = contents(server.folder());
    let names = |found: &BTreeMap<PathBuf, Vec<u8>>| found.keys().cloned().collect::<Vec<_>>();
    let token = ["token", "--organization", "acme", "--role", "admin"];
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["worker"], &token] {
        for data in [server.folder(), &data] {
            let mut command = binary::daybook(data);
            command.env("DAYBOOK_DATABASE_URL", database.daybook_url()).args(arguments);
            let said = refusal(&mut command, 1);
            assert!(said.contains("made with another secret") && said.contains("adopt"), "{said}");
        }
    }
    assert_eq!(names(&contents(server.folder())), names(&known));
    assert!(!data.exists(), "{:?}", contents(&data));
    fs::rename(&kept, &secret).unwrap();
    server.finish().await;
}

#[on_each_backend]
async fn credentials_are_read_from_files(backend: Backend) {
    let server = TestServer::start(backend).await;
    server.organization("acme").await;
    let folder = TempDir::new().unwrap();
    let [url, secret] = ["url", "key"].map(|name| folder.path().join(name));
    fs::write(&url, format!("{}\n", server.database.daybook_url())).unwrap();
    fs::copy(server.folder().join("secret"), &secret).unwrap();
    let data = folder.path().join("data");
    let daybook = || {
        let mut command = binary::daybook(&data);
        command.env("DAYBOOK_DATABASE_URL_FILE", &url).env("DAYBOOK_SECRET_FILE", &secret);
        command
    };
    let mut token = daybook();
    let token = binary::stdout(token.args(["token", "--organization", "acme", "--role", "admin"]));
    let viewer = Client::new(server.url(""), Some(token));
    viewer.query("{ viewer { subject } }", json!({})).await;
    assert!(!data.join("secret").exists(), "a secret was made beside the one that was given");
    let list = || {
        let mut list = daybook();
        list.args(["operator", "list"]);
        list
    };
    for name in ["DAYBOOK_SECRET", "DAYBOOK_DATABASE_URL"] {
        let said = refusal(list().env(name, "hush"), 1);
        assert!(said.contains(&format!("{name} and {name}_FILE are both set")), "{said}");
    }
    for (name, text) in [
        ("DAYBOOK_SECRET_FILE", None),
        ("DAYBOOK_DATABASE_URL_FILE", None),
        ("DAYBOOK_NATS_URL_FILE", None),
        ("DAYBOOK_DATABASE_DIRECT_URL_FILE", None),
        ("DAYBOOK_DATABASE_REPLICA_URL_FILE", Some("")),
        ("DAYBOOK_SECRET_FILE", Some("hush")),
        ("DAYBOOK_NATS_URL_FILE", Some("nats://hush\nnats://hush")),
    ] {
        let file = folder.path().join("broken");
        let _ = fs::remove_file(&file);
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let said = refusal(list().env(name, &file), 1);
        let path = file.to_str().unwrap();
        assert!(said.contains(name) && said.contains(path) && !said.contains("hush"), "{said}");
    }
    server.finish().await;
}

#[on_each_backend]
async fn lost_secret_is_followed_by_another_when_its_loss_is_accepted(backend: Backend) {
    let server = TestServer::start(backend).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut key = admin.create_api_key(&acme, "WRITER", json!({})).await;
    admin.record(&acme, 3).await;
    let known = fingerprint(&server.database).await;
    let folder = TempDir::new().unwrap();
    let daybook = || {
        let mut command = binary::daybook(folder.path());
        command.env("DAYBOOK_DATABASE_URL", server.database.daybook_url());
        command
    };
    let said = refusal(daybook().args(["secret", "adopt"]), 1);
    assert!(said.contains("nothing was changed") && said.contains("--accept-loss"), "{said}");
    assert!(!folder.path().join("secret").exists());
    assert_eq!(fingerprint(&server.database).await, known);

    let output = daybook().args(["secret", "adopt", "--accept-loss"]).output().unwrap();
    let said = binary::stderr(&output);
    assert!(output.status.success() && said.contains("1 API keys were revoked"), "{said}");
    let again = refusal(daybook().args(["secret", "adopt", "--accept-loss"]), 1);
    assert!(again.contains("nothing is lost"), "{again}");
    let text = fs::read_to_string(folder.path().join("secret")).unwrap();
    let node = server.start_another_with(Duties::Serve, |config| config.secret = Some(text)).await;
    let at = |token: &str| Client::new(format!("http://{}", node.address), Some(token.to_owned()));
    let key = key["key"].take();
    for token in [admin.token.as_deref().unwrap(), key.as_str().unwrap()] {
        assert_eq!(at(token).send(COUNT, json!({ "id": acme })).await.status, 401);
    }
    let token = ["token", "--organization", "acme", "--role", "auditor", "--subject", "eve"];
    let eve = at(&binary::stdout(daybook().args(token)));
    let log =
        "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"api_key.*\" }) {
        nodes { action } } }";
    let log = eve.query(log, json!({ "id": acme })).await;
    assert_eq!(log["auditLogs"]["nodes"][0]["action"], "api_key.revoked");
    node.stop().await.unwrap();
    server.finish().await;
}

#[on_each_engine]
async fn what_the_previous_secret_signed_holds_for_its_time(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 6).await;
    let key = admin.create_api_key(&acme, "AUDITOR", json!({})).await;
    let page = admin.query(PAGE, json!({ "id": acme })).await;
    let after = page["auditLogs"]["pageInfo"]["endCursor"].clone();
    let exported = admin.export(&acme, "CSV").await;
    let link = exported["job"]["artifact"]["downloadUrl"].as_str().unwrap().to_owned();
    let (_, link) = link.split_once("/artifacts/").unwrap();

    let node = rotated(server).await;
    let at = |token: &str| Client::new(format!("http://{}", node.address), Some(token.to_owned()));
    let old = at(&server.token_for("admin", 10 * HOUR));
    let by_key = at(key["key"].as_str().unwrap());
    let next = old.query(PAGE, json!({ "id": acme, "after": after })).await;
    assert_eq!(next["auditLogs"]["nodes"].as_array().unwrap().len(), 2, "{next}");
    let link = format!("http://{}/artifacts/{link}", node.address);
    assert_eq!(reqwest::get(&link).await.unwrap().status(), 200);

    let hash = async || {
        let db = server.database.connect().await;
        let hash = api_key::Entity::find().one(&db).await.unwrap().unwrap().hash;
        db.close().await.unwrap();
        hash
    };
    let kept = hash().await;
    by_key.query(COUNT, json!({ "id": acme })).await;
    eventually("the key to be kept by the new secret", 20, async || {
        (hash().await != kept).then_some(())
    })
    .await;
    by_key.query(COUNT, json!({ "id": acme })).await;

    server.clock.advance(HOUR);
    assert_eq!(old.send(COUNT, json!({ "id": acme })).await.status, 401, "the time is over");
    let variables = json!({ "id": acme, "after": after });
    assert_eq!(by_key.error(PAGE, variables).await, "BAD_USER_INPUT", "cursors end, keys go on");
    by_key.query(PAGE, json!({ "id": acme })).await;
    node.stop().await.unwrap();
}

#[on_each_engine]
async fn secret_is_rotated_by_a_command(server: &TestServer) {
    let acme = server.organization("acme").await;
    let file = server.folder().join("secret");
    let daybook = || binary::daybook_of(server);
    let (first, known) = (fs::read_to_string(&file).unwrap(), fingerprint(&server.database).await);
    let printed = binary::stdout(daybook().args(["secret", "rotate", "--print"]));
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with(&format!("{first} until 2")), "{printed}");
    assert_eq!(fs::read_to_string(&file).unwrap(), first, "printed, not written");
    assert_eq!(fingerprint(&server.database).await, known);

    let mut rotate = daybook();
    rotate.env("DAYBOOK_SECRET", &first).args(["secret", "rotate"]);
    assert!(refusal(&mut rotate, 1).contains("rotate --print"));
    let mut rotate = daybook();
    let output = rotate.args(["secret", "rotate", "--keep-previous-for", "1h"]).output().unwrap();
    let said = binary::stderr(&output);
    assert!(output.status.success() && said.contains("restart every"), "{said}");
    let text = fs::read_to_string(&file).unwrap();
    let new = text.lines().next().unwrap();
    assert!(!said.contains(new) && !said.contains(&first), "{said}");
    assert!(
        new != first && text.contains(&format!("\n{first} until ")),
        "another, with the first behind it"
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(fingerprint(&server.database).await, known, "the database is bound to the new one");

    let node = server.start_another(Duties::Serve).await;
    let token = ["token", "--organization", "acme", "--role", "admin"];
    for token in [server.token("admin"), binary::stdout(daybook().args(token))] {
        let client = Client::new(format!("http://{}", node.address), Some(token));
        client.query(COUNT, json!({ "id": acme })).await;
    }
    node.stop().await.unwrap();
    let left: Vec<_> = contents(server.folder())
        .into_keys()
        .filter(|path| path.to_string_lossy().contains("secret."))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
