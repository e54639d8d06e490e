//! Only the owner can read stored files, regardless of the umask and of files from earlier versions.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use daybook_tests::{Backend, Client, Process, TestDatabase, binary, entry, json};
use tempfile::TempDir;

use crate::{
    backups::backed_up,
    exports::{export, input},
};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder and everything in it.
fn tree(root: &Path) -> Vec<PathBuf> {
    let (mut rest, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
        }
        found.push(path);
    }
    found
}

/// Files must be 0600 and folders 0700.
fn assert_private(root: &Path, least: usize) {
    let found = tree(root);
    assert!(found.len() >= least, "{found:#?}");
    for path in found {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(format!("{:o}", mode(&path)), format!("{wanted:o}"), "{}", path.display());
    }
}

/// Returns the binary under a umask, with its data in a folder that does not exist yet.
fn under(umask: &str, data: &Path) -> Command {
    let daybook = binary::daybook(data);
    let mut command = Command::new("sh");
    for (name, value) in daybook.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(binary::path());
    command.env("DAYBOOK_LISTEN", "127.0.0.1:0").env("DAYBOOK_LOG", "info");
    command.env("DAYBOOK_EXPORT_INLINE_RECORDS", "0");
    command
}

async fn serve(command: &mut Command, folder: &Path) -> (Process, String) {
    let log = folder.join(format!("{:x}.log", crate::faults::random::<u64>()));
    let server = Process::spawn(command.arg("serve"), log);
    let url = server.url().await;
    (server, url)
}

/// Makes an organization, entries, an export and a backup; the organization's backup.
async fn use_it(umask: &str, data: &Path, url: &str) -> Vec<u8> {
    let run = |arguments: &[&str]| binary::stdout(under(umask, data).args(arguments));
    let acme = run(&["organization", "create", "acme", "--name", "Acme"]);
    let token = run(&["token", "--organization", "acme", "--role", "admin"]);
    let admin = Client::new(url.to_owned(), Some(token));
    admin.record(&acme, 20).await;
    export(&admin, input(&acme, &json!({}), "RECORDED_ASC", "CSV")).await;
    let lines = data.with_file_name("entries.jsonl");
    fs::write(&lines, entry("imported").to_string()).unwrap();
    run(&["import", "audit-logs", "--organization", "acme", lines.to_str().unwrap()]);
    backed_up(&admin, json!({ "organizationId": acme })).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_made_is_its_owner_s_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let (mut server, url) = serve(&mut under(umask, &data), folder.path()).await;
        let backup = use_it(umask, &data, &url).await;
        // Database, log, shared memory, secret, two artifacts and the folders that they are in.
        assert_private(&data, 12);
        server.stop().await;

        let file = folder.path().join("backup.sql");
        fs::write(&file, backup).unwrap();
        let restored = folder.path().join("restored/here");
        let into = format!("sqlite://{}", restored.join("copy.db").display());
        let mut restore = under(umask, &data);
        restore.arg("restore").arg(&file).args(["--into", &into]);
        binary::stdout(&mut restore);
        assert_private(&folder.path().join("restored"), 3);
        assert_private(&data, 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_open_is_told_by_the_doctor_and_closed_by_the_next_start() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let (mut server, url) = serve(&mut under("022", &data), folder.path()).await;
    use_it("022", &data, &url).await;
    server.stop().await;
    for path in tree(&data) {
        set_mode(&path, if path.is_dir() { 0o777 } else { 0o666 });
    }
    let doctor = || binary::daybook(&data).arg("doctor").output().unwrap();
    let report = String::from_utf8(doctor().stdout).unwrap();
    let secret = data.join("secret");
    assert!(report.contains(&format!("chmod 0600 '{}'", secret.display())), "{report}");
    assert!(report.contains(&format!("chmod 0700 '{}'", data.display())), "{report}");
    assert_eq!((mode(&secret), doctor().status.code()), (0o666, Some(1)), "it only looks");

    let (mut server, _) = serve(&mut under("000", &data), folder.path()).await;
    assert_private(&data, 10);
    assert!(server.log().contains("daybook.db has mode 0666"), "{}", server.log());
    server.stop().await;
    let report = String::from_utf8(doctor().stdout).unwrap();
    assert!(report.contains("ok    files"), "{report}");
}

/// Files of others and what links lead to stay as they are, and so does the folder that they share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_daybook_s_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let [data, elsewhere] = ["data", "elsewhere"].map(|name| folder.path().join(name));
    for path in [&data, &elsewhere, &data.join("artifacts"), &data.join("artifacts/exports")] {
        fs::create_dir(path).unwrap();
        set_mode(path, 0o755);
    }
    let others =
        [data.join("notes.txt"), data.join("artifacts/logo.svg"), elsewhere.join("theirs")];
    for path in &others {
        fs::write(path, "theirs").unwrap();
        set_mode(path, 0o644);
    }
    std::os::unix::fs::symlink(&elsewhere, data.join("artifacts/exports/link")).unwrap();
    let (mut server, _) = serve(&mut under("022", &data), folder.path()).await;
    server.stop().await;
    for path in &others {
        assert_eq!(mode(path), 0o644, "{}", path.display());
    }
    for path in [&data, &elsewhere, &data.join("artifacts")] {
        assert_eq!(mode(path), 0o755, "{}", path.display());
    }
    for path in [data.join("daybook.db"), data.join("secret")] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!(mode(&data.join("artifacts/exports")), 0o700);
    set_mode(&data, 0o777);
    let report = binary::daybook(&data).arg("doctor").output().unwrap();
    let report = String::from_utf8(report.stdout).unwrap();
    let told = format!(
        "fail  files         {} has mode 0777: lets other accounts replace",
        data.display()
    );
    assert!(report.contains(&told), "{report}");
}

/// With PostgreSQL, too, there are a secret and artifacts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_beside_postgres_are_private() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
    let mut command = under("000", &data);
    command.env("DAYBOOK_DATABASE_URL", &database.url);
    let (mut server, _) = serve(&mut command, folder.path()).await;
    server.stop().await;
    assert_private(&data, 3);
    database.drop().await;
}
