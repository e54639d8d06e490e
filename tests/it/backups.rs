//! Backups: their content, permissions, loading, and refused requests.

mod damage;
mod earlier;
mod faults;
mod hostile;
mod on_host;
mod portable;
mod progress;
mod restored;
mod schedule;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{
    Backend, Client, TestDatabase, TestServer, Value, eventually, json, on_each_engine,
};
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};

const START: &str = "mutation($input: StartBackupInput!) { startBackup(input: $input) {
    job { id state scope } replayed userErrors { code message path }
} }";

const BACKUP: &str = "query($id: ID!) { job(id: $id) {
    __typename id kind state attempt organization { id } progress { phase done total fraction }
    error { code message retryable } transitions { to }
    artifact { downloadUrl sizeBytes sha256 recordCount fileName contentType manifest expiresAt }
    ... on BackupJob { scope compression tables { name rows bytes checksum }
        verification { ok verifiedAt restoredRows message } }
} }";

/// Starts a backup, and returns the payload.
pub(crate) async fn start(client: &Client, input: Value) -> Value {
    client.query(START, json!({ "input": input })).await["startBackup"].clone()
}

/// Waits until a backup's job has finished, and returns it.
pub(crate) async fn finished(client: &Client, id: &Value) -> Value {
    eventually("the backup's end", 120, async || {
        let job = client.query(BACKUP, json!({ "id": id })).await["job"].clone();
        matches!(job["state"].as_str(), Some("SUCCEEDED" | "FAILED" | "CANCELED")).then_some(job)
    })
    .await
}

/// Makes a backup, which must succeed, and returns its job and its file.
pub(crate) async fn backed_up(client: &Client, input: Value) -> (Value, Vec<u8>) {
    let payload = start(client, input).await;
    assert_eq!(payload["userErrors"], json!([]));
    let job = finished(client, &payload["job"]["id"]).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let bytes = client.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    (job, bytes)
}

/// Makes a backup of the whole instance, which must succeed, and returns its job and its file, which the
/// host's command line downloads.
pub(crate) async fn instance_backed_up(server: &TestServer, input: Value) -> (Value, Vec<u8>) {
    let operator = server.operator().await;
    let payload = start(&operator, input).await;
    assert_eq!(payload["userErrors"], json!([]));
    let job = finished(&operator, &payload["job"]["id"]).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let bytes = on_host::download(server, job["id"].as_str().unwrap());
    (job, bytes)
}

/// Returns the number of a table's rows in a backup's manifest.
pub(crate) fn rows(job: &Value, table: &str) -> Option<i64> {
    let tables = job["tables"].as_array().unwrap();
    let found = tables.iter().find(|found| found["name"] == table)?;
    Some(found["rows"].as_str().unwrap().parse().unwrap())
}

/// A database that the engine's own client fills.
pub(crate) struct Copy {
    pub(crate) database: TestDatabase,
    folder: tempfile::TempDir,
}

impl Copy {
    pub(crate) async fn empty(backend: Backend) -> Self {
        let folder = tempfile::TempDir::with_prefix("daybook-copy-").unwrap();
        let database = TestDatabase::create(backend, folder.path()).await;
        Self { database, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the file beside the copy.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Loads the file with the engine's own client, as README.md describes.
    pub(crate) fn load(&self, file: &Path) -> Output {
        let mut command = match self.database.backend {
            Backend::Sqlite => {
                let mut command = Command::new(sqlite3());
                command.arg(self.database.url.strip_prefix("sqlite://").unwrap());
                command.stdin(fs::File::open(file).unwrap());
                command
            }
            Backend::Postgres => {
                let mut command = psql(&self.database.url);
                command.args(["-f", file.to_str().unwrap()]);
                command
            }
        };
        command.current_dir(self.folder.path()).output().unwrap()
    }

    pub(crate) fn load_surely(&self, file: &Path) {
        let output = self.load(file);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{complaint}");
        assert_eq!(complaint, "");
    }

    pub(crate) async fn drop(self) {
        self.database.drop().await;
    }
}

/// Returns a `psql` command that stops at the first error.
pub(crate) fn psql(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", url]).stdin(Stdio::null());
    command.env("PGOPTIONS", "-c timezone=Asia/Kathmandu -c datestyle=German");
    command
}

/// Returns the path of the `sqlite3` shell, which is installed if it's missing.
fn sqlite3() -> &'static str {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        if Command::new("sqlite3").arg("-version").output().is_err() {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/install-debian");
            assert!(Command::new(script).arg("sqlite3").status().unwrap().success());
        }
    });
    "sqlite3"
}

/// Returns a table's rows as the engine's own client prints them, sorted.
pub(crate) fn shown(database: &TestDatabase, table: &str) -> Vec<String> {
    let output = match database.backend {
        Backend::Sqlite => Command::new(sqlite3())
            .args([database.url.strip_prefix("sqlite://").unwrap(), ".mode insert"])
            .arg(format!("SELECT * FROM {table}"))
            .output(),
        Backend::Postgres => {
            psql(&database.url).args(["-c", &format!("COPY {table} TO STDOUT")]).output()
        }
    };
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let end = if database.backend == Backend::Sqlite { ");\n" } else { "\n" };
    let mut rows: Vec<_> = text.split(end).map(str::to_owned).collect();
    rows.sort();
    rows
}

#[on_each_engine]
async fn backup_of_an_organization_is_described_and_verified(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_500).await;
    let (job, bytes) = backed_up(&admin, json!({ "organizationId": acme })).await;
    assert_eq!(job["__typename"], "BackupJob");
    assert_eq!((&job["kind"], &job["scope"]), (&json!("BACKUP"), &json!("ORGANIZATION")));
    assert_eq!(job["organization"]["id"], json!(acme));
    assert!(rows(&job, "audit_logs").unwrap() >= 1_500);
    assert_eq!((rows(&job, "organizations"), rows(&job, "jobs")), (Some(1), None));
    let verification = &job["verification"];
    let total: i64 = job["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["rows"].as_str().unwrap().parse::<i64>().unwrap())
        .sum();
    assert_eq!(
        (&verification["ok"], &verification["restoredRows"]),
        (&json!(true), &json!(total.to_string()))
    );

    let artifact = &job["artifact"];
    let sha256 = daybook_service::hex(&Sha256::digest(&bytes));
    assert_eq!(artifact["sha256"], json!(sha256));
    assert_eq!(artifact["sizeBytes"], json!(bytes.len().to_string()));
    assert_eq!(artifact["recordCount"], json!(total.to_string()));
    assert_eq!(job["progress"]["fraction"], 1.0, "{}", job["progress"]);
    let manifest = &artifact["manifest"];
    assert_eq!(manifest["sha256"], json!(sha256));
    let tables: Vec<_> =
        manifest["tables"].as_array().unwrap().iter().map(|t| &t["checksum"]).collect();
    let told: Vec<_> = job["tables"].as_array().unwrap().iter().map(|t| &t["checksum"]).collect();
    assert_eq!(tables, told);
    let last: i64 = manifest["lastSequence"].as_str().unwrap().parse().unwrap();
    assert_eq!(Some(last), rows(&job, "audit_logs"));
}

#[on_each_engine]
async fn who_may_not_have_all_of_it_gets_none_of_it(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let (job, _) = backed_up(&admin, json!({ "organizationId": acme, "verify": false })).await;
    assert_eq!(job["verification"], Value::Null);
    for role in [Role::Auditor, Role::Writer, Role::Member] {
        let client = server.client(&acme, role).await;
        let code = client.error(START, json!({ "input": { "organizationId": acme } })).await;
        assert_eq!(code, "FORBIDDEN", "{role:?}");
    }
    let auditor = server.client(&acme, Role::Auditor).await;
    let seen = auditor.query(BACKUP, json!({ "id": job["id"] })).await["job"].clone();
    assert_eq!(
        (&seen["state"], &seen["artifact"]["downloadUrl"]),
        (&json!("SUCCEEDED"), &Value::Null)
    );
    let cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { userErrors { code } } }";
    assert_eq!(auditor.error(cancel, json!({ "id": job["id"] })).await, "FORBIDDEN");

    let globex = server.organization("globex").await;
    let other = start(&admin, json!({ "organizationId": globex })).await;
    assert_eq!(other["userErrors"][0]["code"], "NOT_FOUND");
    let all = start(&admin, json!({})).await;
    assert_eq!(all["userErrors"][0]["path"], json!(["organizationId"]));
    let operator = server.operator().await;
    let tenant = start(&operator, json!({ "organizationId": acme })).await;
    assert_eq!(tenant["userErrors"][0]["code"], "NOT_FOUND");
    let (job, _) = instance_backed_up(server, json!({})).await;
    assert_eq!((&job["scope"], &job["organization"]), (&json!("INSTANCE"), &Value::Null));
    assert!(rows(&job, "jobs").unwrap() >= 1);
}

#[on_each_engine]
async fn quota_is_exact_and_each_organizations_own(server: &TestServer) {
    let limited = server.start_node(|config| config.backups.backups_per_hour = 3).await;
    let acme = server.organization("acme").await;
    let globex = server.organization("globex").await;
    for organization in [&acme, &globex] {
        server.client(organization, Role::Admin).await;
    }
    let admin = server.client_at(&limited, "admin");
    let ask = |organization: &str, key: usize| {
        let (admin, organization) = (admin.clone(), organization.to_owned());
        async move {
            let input = json!({ "organizationId": organization, "idempotencyKey": key.to_string(), "verify": false });
            start(&admin, input).await
        }
    };
    let answers = futures::future::join_all((0..12).map(|key| ask(&acme, key))).await;
    let started: Vec<_> = answers.iter().filter(|answer| answer["job"].is_object()).collect();
    assert_eq!(started.len(), 3);
    let refused: Vec<_> = answers.iter().filter(|answer| answer["job"].is_null()).collect();
    assert!(
        refused.iter().all(|answer| answer["userErrors"][0]["code"] == "RATE_LIMITED"),
        "{refused:?}"
    );
    assert!(ask(&globex, 0).await["job"].is_object(), "another organization's quota");
    server.clock.advance(std::time::Duration::from_secs(3601));
    // Tokens hold for an hour here, too.
    let admin = server.client_at(&limited, "admin");
    let later = json!({ "organizationId": acme, "idempotencyKey": "later" });
    assert!(start(&admin, later).await["job"].is_object(), "an hour later");
    for answer in started {
        finished(&admin, &answer["job"]["id"]).await;
    }
    limited.stop().await.unwrap();
}

#[on_each_engine]
async fn key_gives_the_same_backup(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let input = json!({ "organizationId": acme, "idempotencyKey": "k" });
    let first = start(&admin, input.clone()).await;
    let again = start(&admin, input.clone()).await;
    assert_eq!((&again["job"]["id"], &again["replayed"]), (&first["job"]["id"], &json!(true)));
    let mut other = input;
    other["verify"] = json!(false);
    assert_eq!(start(&admin, other.clone()).await["userErrors"][0]["code"], "CONFLICT");
    other["idempotencyKey"] = json!("");
    assert_eq!(start(&admin, other).await["userErrors"][0]["path"], json!(["idempotencyKey"]));
    finished(&admin, &first["job"]["id"]).await;
}

/// As while a deploy is under way: rows of what its successor added are nothing that it knows of.
#[on_each_engine]
async fn process_older_than_the_schema_leaves_a_backup_to_others(server: &TestServer) {
    let db = server.database.connect().await;
    let newer = "m20991231_000001_expand_all";
    let sql = format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{newer}', 1)");
    db.execute_unprepared(&sql).await.unwrap();
    let operator = server.operator().await;
    let payload = start(&operator, json!({})).await;
    let id = &payload["job"]["id"];
    eventually("an attempt's end", 60, async || {
        let job = operator.query(BACKUP, json!({ "id": id })).await["job"].clone();
        assert!(matches!(job["state"].as_str(), Some("QUEUED" | "RUNNING")), "{job}");
        let message = job["error"]["message"].as_str()?;
        assert!(message.contains("is older than the database's schema"), "{job}");
        Some(())
    })
    .await;
    let sql = format!("DELETE FROM seaql_migrations WHERE version = '{newer}'");
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
    let job = finished(&operator, id).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
}
