//! `daybook import notes` imports a tree of Markdown files, updates changed notes, and names files that it
//! skips.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, binary, json, on_each_engine};

const NOTES: &str = "query($id: ID!) { organization(id: $id) { workspaces { nodes {
    name notes { nodes { path title body tags version } }
} } } }";

#[on_each_engine]
async fn tree_becomes_notes_and_what_changed_is_updated(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let root = folder(server);
    write(&root, "readme.md", "# Read me #\n\nText\r\n");
    write(
        &root,
        "guides/setup.markdown",
        "---\ntitle: 'Setup: the \"how\"'\ntags: [a, b]\n---\nBody\n",
    );
    write(&root, "guides/De\u{301}j\u{e0} vu.MD", "No heading");
    let output = import(server, &root);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.is_empty());
    let said = binary::stderr(&output);
    assert!(said.contains("3 created, 0 updated, 0 unchanged, 0 not imported"), "{said}");
    let expected = json!([
        { "path": "guides/D\u{e9}j\u{e0} vu", "title": "D\u{e9}j\u{e0} vu", "body": "No heading", "tags": [], "version": 1 },
        { "path": "guides/setup", "title": "Setup: the \"how\"", "body": "Body\n", "tags": ["a", "b"], "version": 1 },
        { "path": "readme", "title": "Read me", "body": "# Read me #\n\nText\r\n", "tags": [], "version": 1 },
    ]);
    assert_eq!(notes(&admin, &acme).await, expected);

    let said = binary::stderr(&import(server, &root));
    assert!(said.contains("0 created, 0 updated, 3 unchanged"), "{said}");
    fs::remove_file(root.join("readme.md")).unwrap();
    write(&root, "guides/setup.markdown", "---\ntitle: Setup\n---\nBody\n");
    write(&root, "new.md", "");
    let said = binary::stderr(&import(server, &root));
    assert!(said.contains("1 created, 1 updated, 1 unchanged"), "{said}");
    let found = notes(&admin, &acme).await;
    assert_eq!((&found[0], &found[3]), (&expected[0], &expected[2]), "a note without a file stays");
    assert_eq!(
        found[1],
        json!({ "path": "guides/setup", "title": "Setup", "body": "Body\n", "tags": [], "version": 2 })
    );
    assert_eq!(
        found[2],
        json!({ "path": "new", "title": "new", "body": "", "tags": [], "version": 1 })
    );
    let log = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"note.*\" }) {
        nodes { action recordedBy } totalCount } }";
    let log = admin.query(log, json!({ "id": acme })).await["auditLogs"].clone();
    assert_eq!(log["totalCount"], 5);
    assert!(log["nodes"][0]["recordedBy"].as_str().unwrap().starts_with("os-user:"), "{log}");
}

#[on_each_engine]
async fn what_is_not_taken_is_named(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let root = folder(server);
    write(&root, "good.md", "---\nauthor: Ada\ndate: 2026-01-01\n---\nx");
    for (file, content) in [
        ("same.markdown", &b"first"[..]),
        ("same.md", b"second"),
        ("latin1.md", b"caf\xe9"),
        ("nul.md", b"a\0b"),
        ("yaml.md", b"---\na: 1\ntitle: a: b\n---\nx"),
        ("large.md", &[b'x'; 1024 * 1024 + 1]),
        ("huge.md", &[b'x'; 2 * 1024 * 1024]),
        ("back\\slash.md", b"x"),
        ("picture.png", b"x"),
        ("LICENSE", b"x"),
        (".git/config.md", b"x"),
    ] {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    std::os::unix::fs::symlink(&root, root.join("loop")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("link.md")).unwrap();
    let output = import(server, &root);
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in [
        "same.md: would have the same path as",
        "latin1.md: is not valid UTF-8 at byte 3",
        "nul.md: body: must not contain a NUL",
        "yaml.md: front matter: mapping values are not allowed in this context (line 3)",
        "large.md: body: must have at most 1048576 bytes",
        "huge.md: has 2097152 bytes",
        "back\\slash.md: path: must not contain a backslash",
        "loop: symbolic links are not followed",
        "link.md: symbolic links are not followed",
        "2 created, 0 updated, 0 unchanged, 7 not imported",
        "symbolic links that were not followed (see above): 2",
        "not Markdown: .png (1), without an extension (1)",
        "begin with a dot: 1 ",
        "front matter keys author (1), date (1)",
        "daybook: 7 files were not imported",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    let notes = notes(&admin, &acme).await;
    let bodies: Vec<_> =
        notes.as_array().unwrap().iter().map(|note| note["body"].clone()).collect();
    assert_eq!(bodies, ["x", "first"]);
}

#[on_each_engine]
async fn title_is_found_where_front_matter_has_none(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let root = folder(server);
    let long = "é".repeat(600);
    for (file, content, _) in titled(&long) {
        write(&root, file, &content);
    }
    let output = import(server, &root);
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for (file, _, title) in titled(&long) {
        let path = file.strip_suffix(".md").unwrap();
        let found = notes(&admin, &acme).await;
        let note = found.as_array().unwrap().iter().find(|note| note["path"] == path);
        assert_eq!(note.map(|note| &note["title"]), Some(&json!(title)), "{file}");
    }
    for name in ["long.md", "long-heading.md"] {
        assert!(
            said.contains(&format!(
                "{name}: its title has 600 characters and was shortened to 500"
            )),
            "{said}"
        );
    }
    assert!(said.contains("titles that were too long and were shortened (see above): 2"), "{said}");
    assert!(
        said.contains("unended.md: its front matter has no closing line of three hyphens"),
        "{said}"
    );
    let said = binary::stderr(&import(server, &root));
    assert!(said.contains("0 created, 0 updated, 17 unchanged, 0 not imported"), "{said}");
}

#[on_each_engine]
async fn linked_folders_are_passed_over_and_said(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let root = folder(server);
    let elsewhere = server.folder().join("elsewhere");
    write(&elsewhere, "secret.md", "x");
    write(&root, "a.md", "x");
    for (target, name) in [
        (elsewhere.as_path(), "docs"),
        (&root, "loop"),
        (&elsewhere.join("secret.md"), "b.md"),
        (Path::new("/nowhere"), "gone.md"),
    ] {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    }
    let output = import(server, &root);
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for name in ["docs", "loop", "b.md", "gone.md"] {
        assert!(said.contains(&format!("/{name}: symbolic links are not followed")), "{said}");
    }
    assert!(said.contains("1 created, 0 updated, 0 unchanged, 0 not imported"), "{said}");
    assert!(said.contains("symbolic links that were not followed (see above): 4"), "{said}");
    assert_eq!(notes(&admin, &acme).await.as_array().unwrap().len(), 1);
}

#[on_each_engine]
async fn tags_that_do_not_fit_are_left_out_and_said(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let root = folder(server);
    let many: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
    write(&root, "many.md", &format!("---\ntags: [{}]\n---\nx", many.join(", ")));
    write(
        &root,
        "odd.md",
        &format!(
            "---\r\ntags:\r\n  - a\r\n  - {}\r\n  - a\r\n  - ''\r\n  -\r\n  - b\r\n---\r\nx",
            "x".repeat(65)
        ),
    );
    let output = import(server, &root);
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("many.md: some tags were left out: 8 after the first 32"), "{said}");
    assert!(
        said.contains(
            "odd.md: some tags were left out: 1 longer than 64 characters, 1 given twice, 1 blank"
        ),
        "{said}"
    );
    assert!(said.contains("notes with tags that were left out (see above): 2"), "{said}");
    let found = notes(&admin, &acme).await;
    assert_eq!(found[0]["tags"], json!(many[..32]));
    assert_eq!(found[1]["tags"], json!(["a", "b"]));
}

#[on_each_engine]
async fn odd_names_are_taken_or_named(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let root = folder(server);
    let deep = (0..130).map(|_| "d").collect::<Vec<_>>().join("/");
    for file in [
        "Case.md",
        "case.md",
        "caf\u{e9}.md",
        "cafe\u{301}.md",
        &format!("{deep}/deep.md"),
        &format!("{deep}/{deep}/{deep}/deeper.md"),
    ] {
        write(&root, file, "x");
    }
    let strange = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9.md");
    fs::write(root.join(strange), "x").unwrap();
    write(&root, "a.\u{1b}[31m", "x");
    let output = import(server, &root);
    let said = binary::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in [
        "would have the same path as",
        "has a name that is not valid UTF-8",
        "deeper.md: path: must have 1 to 500 characters",
        "4 created, 0 updated, 0 unchanged, 3 not imported",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let found = notes(&admin, &acme).await;
    let paths: Vec<_> =
        found.as_array().unwrap().iter().map(|note| note["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["Case", "caf\u{e9}", "case", &format!("{deep}/deep")]);
}

#[on_each_engine]
async fn wrong_names_are_said(server: &TestServer) {
    acme(server).await;
    let root = folder(server);
    for (arguments, words) in [
        (["nobody", "w", root.to_str().unwrap()], "there is no organization nobody"),
        (["acme", " w", root.to_str().unwrap()], "name: must not begin or end with a blank"),
        (["acme", "w", "/nowhere"], "can't read /nowhere"),
    ] {
        let [organization, workspace, folder] = arguments;
        let mut command = binary::daybook_of(server);
        command.args([
            "import",
            "notes",
            "--organization",
            organization,
            "--workspace",
            workspace,
            folder,
        ]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(binary::stderr(&output).contains(words), "{output:?}");
    }
}

/// Returns files with their content, and the title that each note gets.
fn titled(long: &str) -> Vec<(&'static str, String, String)> {
    let files = [
        ("empty.md", "---\ntitle: ''\n---\n# From the heading", "From the heading"),
        ("null.md", "---\ntitle:\ntags: [a]\n---\n\n# From the heading #\n", "From the heading"),
        ("tilde.md", "---\ntitle: ~\n---\nSetext\n=====\n", "Setext"),
        ("blank.md", "---\ntitle: \" \\t\u{200b}\"\n---\ntext", "blank"),
        ("crlf.md", "\u{feff}---\r\ntitle: 'With CRLF'\r\n---\r\ntext\r\n", "With CRLF"),
        ("crlf-heading.md", "\u{feff}Setext\r\n======\r\n", "Setext"),
        (
            "markup.md",
            "# The *one* `and` [only](http://acme.test) &amp; ![image](x.png)",
            "The one and only & image",
        ),
        ("fence.md", "```sh\n# no\n```\n\n# Yes", "Yes"),
        ("comment.md", "<!--\n# no\n-->\n# Yes ###\n", "Yes"),
        ("indented.md", "    # no\n\nYes\n===", "Yes"),
        ("quoted.md", "> # no\n\n# Yes", "Yes"),
        ("second.md", "Two\nlines\n---\ntext", "Two lines"),
        ("none.md", "#no\n\ntext", "none"),
        ("unended.md", "---\ntitle: It goes on\n\ntext", "unended"),
        ("number.md", "---\ntitle: 2026\n---\n", "2026"),
    ];
    let cut = || "é".repeat(500);
    let long = [
        ("long.md", format!("---\ntitle: {long}\n---\ntext"), cut()),
        ("long-heading.md", format!("{long}\n==="), cut()),
    ];
    let files = files.map(|(file, content, title)| (file, content.to_owned(), title.to_owned()));
    files.into_iter().chain(long).collect()
}

async fn acme(server: &TestServer) -> (String, Client) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    (acme, admin)
}

fn folder(server: &TestServer) -> PathBuf {
    let folder = server.folder().join("tree");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(root: &Path, file: &str, content: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

fn import(server: &TestServer, folder: &Path) -> Output {
    let mut command = binary::daybook_of(server);
    command.args(["import", "notes", "--organization", "acme", "--workspace", "docs"]);
    command.arg(folder).output().unwrap()
}

/// The notes of the one workspace, which the import has made.
async fn notes(client: &Client, organization: &str) -> Value {
    let data = client.query(NOTES, json!({ "id": organization })).await;
    let workspaces = &data["organization"]["workspaces"]["nodes"];
    assert_eq!((workspaces.as_array().unwrap().len(), &workspaces[0]["name"]), (1, &json!("docs")));
    workspaces[0]["notes"]["nodes"].clone()
}
