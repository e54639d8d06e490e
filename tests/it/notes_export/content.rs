//! Content of the ZIP: hostile notes unchanged, names that stay distinct, broken links.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use daybook_tests::{TestServer, Value, json, on_each_engine};
use sha2::{Digest, Sha256};

use super::{acme, create, export, read};

/// Titles that are no plain YAML, and bodies that look like something else.
fn hostile() -> Vec<(String, String)> {
    let titles = [
        "plain",
        "\"quoted\" 'too'",
        "a: b # c",
        "- x",
        "---",
        "...",
        "yes",
        "null",
        "~",
        "1984",
        "1e3",
        "2026-01-01",
        "line\nbreak\r\nand\ttab",
        "\n---\nbody: no\n",
        "back\\slash \\n \\u0041",
        "{a: b}",
        "[a]",
        "!tag",
        "&anchor *alias",
        "%directive",
        "@at `tick`",
        "| pipe",
        "> fold",
        "? key",
        " space ",
        "\u{1}\u{7f}\u{85}\u{a0}\u{2028}\u{2029}\u{feff}",
        "\u{202e}rtl אבג",
        "🦀👩‍👩‍👧",
        "é e\u{301}",
    ];
    let bodies = [
        "",
        "\n",
        "---\n",
        "---\ntitle: no\n---\n",
        "\u{feff}bom",
        "no newline",
        "\r\n\r\n",
        "a\u{0c}b\u{1b}[31m",
        "\u{2028}",
        "# T\n\n```\n---\n```\n",
        "  indented\n",
        "tail  \n\n\n",
        "\u{202e}rtl",
        "🦀",
    ];
    titles
        .iter()
        .enumerate()
        .map(|(i, t)| ((*t).to_owned(), bodies[i % bodies.len()].to_owned()))
        .collect()
}

#[on_each_engine]
async fn notes_are_files_that_others_read(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let mut expected = Vec::new();
    for (index, (title, body)) in hostile().into_iter().enumerate() {
        let path = format!("hostile/{index:02} {}", if index % 2 == 0 { "日本語" } else { "x" });
        let tags = json!([title.chars().take(64).collect::<String>(), "a, b", "yes"]);
        let fields = json!({ "path": path, "title": title, "body": body, "tags": tags });
        let note = create(&member, &workspace, fields.clone()).await;
        expected.push((note, fields));
    }
    let largest = json!({ "path": "z", "title": "z", "tags": ["a", "b", "c"], "body": "\u{1f980}".repeat(262_144) });
    expected.push((create(&member, &workspace, largest.clone()).await, largest));
    let (job, bytes) = export(&member, &acme, &workspace).await;
    let found = read(&bytes);
    let notes = found["notes"].as_array().unwrap();
    assert_eq!(notes.len(), expected.len());
    for (file, (note, fields)) in notes.iter().zip(&expected) {
        assert_eq!(file["name"], format!("{}.md", fields["path"].as_str().unwrap()));
        let body = STANDARD.decode(file["body"].as_str().unwrap()).unwrap();
        assert!(body == fields["body"].as_str().unwrap().as_bytes(), "{}", fields["path"]);
        let metadata = &file["metadata"];
        let [title, tags, path] = [&metadata["title"], &metadata["tags"], &metadata["path"]];
        assert_eq!((title, tags, path), (&fields["title"], &fields["tags"], &fields["path"]));
        assert_eq!((&metadata["id"], &metadata["version"]), (&note["id"], &json!(1)));
        assert_eq!(
            (&metadata["workspace"], &metadata["workspace_id"]),
            (&json!("Hand: \"book\"\u{1f4d6}"), &json!(workspace))
        );
        for (key, field) in [("created", "createdAt"), ("updated", "updatedAt")] {
            let time =
                |value: &Value| DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
            assert_eq!(time(&metadata[key]), time(&note[field]), "{key}");
        }
    }
    let links: Vec<_> =
        found["index"]["links"].as_array().unwrap().iter().map(|link| link[1].clone()).collect();
    let names: Vec<_> = notes.iter().map(|note| note["name"].clone()).collect();
    assert_eq!(links, names, "the index leads to each note");

    let artifact = &job["artifact"];
    assert!(artifact["fileName"].as_str().unwrap().starts_with("notes-"), "{artifact}");
    assert!(artifact["fileName"].as_str().unwrap().ends_with(".zip"), "{artifact}");
    assert_eq!(
        (&artifact["contentType"], &job["format"]),
        (&json!("application/zip"), &json!("MARKDOWN"))
    );
    let manifest = &artifact["manifest"];
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (&manifest["sha256"], &manifest["sizeBytes"]),
        (&json!(digest), &json!(bytes.len()))
    );
    let count = expected.len();
    assert_eq!((&manifest["noteCount"], &manifest["recordCount"]), (&json!(count), &json!(count)));
    assert_eq!((&manifest["kind"], &manifest["formatVersion"]), (&json!("notes"), &json!(1)));
    let place = json!({ "id": workspace, "name": "Hand: \"book\"\u{1f4d6}" });
    assert_eq!((&manifest["workspace"], &manifest["brokenLinks"]), (&place, &json!(0)));
    assert!(manifest["startedAt"].as_str() <= manifest["finishedAt"].as_str());
    assert!(manifest["software"].as_str().unwrap().starts_with("daybook "));
}

/// Paths that some operating systems can't distinguish, or don't allow as file names.
const PATHS: &[&str] = &[
    "README",
    "readme",
    "ReadMe",
    "index",
    "Index",
    "_broken-links",
    "CON",
    "con",
    "nul.txt",
    "a/COM1/b",
    "a:b",
    "a?b",
    "a_b",
    "a",
    "a.md/b",
    "A.md/b",
    "dots./x",
    "dots_/x",
    "end ",
    "end",
    "STRASSE",
    "straße",
    "K",
    "k",
    "...",
    "..x/y",
    "<>|\"*",
    "a%2fb",
    "~",
    "-rf",
    "$(id)",
    "`id`",
];

#[on_each_engine]
async fn each_note_has_a_file_of_its_own_on_every_system(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    for path in PATHS {
        create(&member, &workspace, json!({ "path": path, "title": path, "body": path })).await;
    }
    let (job, bytes) = export(&member, &acme, &workspace).await;
    let found = read(&bytes);
    let mut names = HashSet::new();
    for note in found["notes"].as_array().unwrap() {
        let name = note["name"].as_str().unwrap();
        assert!(names.insert(name.to_lowercase().replace("ß", "ss")), "{name}");
        assert!(!name.contains(['<', '>', ':', '"', '|', '?', '*', '\\']), "{name}");
        for segment in name.split('/') {
            let stem = segment.split('.').next().unwrap().to_uppercase();
            assert!(!["CON", "NUL", "COM1", ".", ".."].contains(&&*stem), "{name}");
            assert!(!segment.ends_with(['.', ' ']) && !segment.is_empty(), "{name}");
        }
        let body = STANDARD.decode(note["body"].as_str().unwrap()).unwrap();
        assert_eq!(note["metadata"]["path"], json!(String::from_utf8(body).unwrap()));
    }
    assert_eq!(names.len(), PATHS.len());
    let listed = found["index"]["links"].as_array().unwrap();
    let mut titles: Vec<_> = listed.iter().map(|link| link[0].as_str().unwrap()).collect();
    let mut sorted = PATHS.to_vec();
    sorted.sort();
    titles.sort();
    assert_eq!(titles, sorted, "the index tells of each");
    let renamed = job["artifact"]["manifest"]["renamedFiles"].as_u64().unwrap();
    let kept = found["notes"].as_array().unwrap().iter().filter(|note| {
        note["name"] == format!("{}.md", note["metadata"]["path"].as_str().unwrap())
    });
    assert_eq!(usize::try_from(renamed).unwrap(), PATHS.len() - kept.count());
}

#[on_each_engine]
async fn links_that_lead_nowhere_are_reported(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    for (path, body) in [
        (
            "guides/setup",
            "[up](../readme.md) [beside](./install) [gone](gone.md)\n\n`[code](code.md)`\n",
        ),
        (
            "guides/install",
            "[out](../../x.md)\n\n[a][r] <https://example.test/x.md> ![i](i.png)\n\n[r]: `tick`.md\n",
        ),
        (
            "readme",
            "[guides](guides/) [setup](guides/setup.md#x) [site](https://a.test) [me](#top) [mail](mailto:a@b.test)",
        ),
    ] {
        create(
            &member,
            &workspace,
            json!({ "path": path, "title": format!("T [{path}]"), "body": body }),
        )
        .await;
    }
    let (job, bytes) = export(&member, &acme, &workspace).await;
    assert_eq!(job["artifact"]["manifest"]["brokenLinks"], 3);
    let report = &read(&bytes)["report"];
    let text = report["text"].as_str().unwrap();
    assert!(text.starts_with("# Broken links\n\n3 links in 2 notes lead nowhere.\n"), "{text}");
    assert!(text.contains("- line 1: `gone.md`"), "{text}");
    assert_eq!(report["codes"], json!(["../../x.md", "`tick`.md", "gone.md"]), "{text}");
    let links = json!([
        ["T [guides/install]", "guides/install.md"],
        ["T [guides/setup]", "guides/setup.md"]
    ]);
    assert_eq!(report["links"], links);
}
