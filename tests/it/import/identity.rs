//! A line is recorded once by each source, wherever it stands in a file that is imported again.

use std::time::Duration;

use daybook_entity::import_line;
use daybook_service::{
    Permission,
    retention::{self, prune},
};
use daybook_tests::{TestServer, entry, json, on_each_engine, on_each_idle_engine};
use sea_orm::{EntityTrait, PaginatorTrait};

use super::{acme, actions, code, import, import_with, line, lines, write};

/// Imports lines, and returns how many were recorded and how many were there.
fn counts(server: &TestServer, options: &[&str], lines: &[String]) -> (usize, usize) {
    let file = write(server, lines);
    let output = import_with(server, &[options, &[&file]].concat(), None);
    let said = daybook_tests::binary::stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    let summary = said.lines().find(|line| line.contains(" recorded, ")).unwrap();
    let numbers: Vec<usize> =
        summary.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

#[on_each_engine]
async fn only_new_lines_of_a_changed_file_are_recorded(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let all = lines(2_300);
    assert_eq!(counts(server, &[], &all[..2_000]), (2_000, 0));
    assert_eq!(counts(server, &[], &all[700..2_100]), (100, 1_300), "its head was cut");
    let mut sorted = all.clone();
    sorted.sort_unstable_by_key(|line| line.chars().rev().collect::<String>());
    assert_eq!(counts(server, &[], &sorted), (200, 2_100), "sorted anew, and longer");
    assert_eq!(counts(server, &[], &all), (0, 2_300));
    // Line ends and blanks around a line are not its content.
    let spaced: Vec<_> = all.iter().map(|line| format!("  {line}\t\r")).collect();
    assert_eq!(counts(server, &[], &spaced), (0, 2_300));
    assert_eq!(counts(server, &["--source", "other"], &all[..10]), (10, 0));
    assert_eq!(counts(server, &["--source", "other"], &all[..10]), (0, 10));
    assert_eq!(actions(&admin, &acme).await.len(), 2_310);
}

#[on_each_engine]
async fn equal_lines_of_a_file_are_entries_of_their_own(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    // Some stand together, and some in other transactions.
    let mut file = lines(1_500);
    file.extend([line(1), line(1), line(1_400), line(1_501), line(1_501)]);
    assert_eq!(counts(server, &[], &file), (1_505, 0));
    assert_eq!(counts(server, &[], &file), (0, 1_505));
    file.rotate_left(300);
    assert_eq!(counts(server, &[], &file), (0, 1_505));
    file.push(line(1));
    file.insert(0, line(2));
    assert_eq!(counts(server, &[], &file), (2, 1_505));
    let found = actions(&admin, &acme).await;
    for (number, expected) in [(1, 4), (2, 2), (3, 1), (1_400, 2), (1_501, 2)] {
        let action = format!("line.{number}");
        assert_eq!(found.iter().filter(|it| **it == action).count(), expected, "{action}");
    }
}

#[on_each_engine]
async fn line_without_a_timestamp_is_always_new(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let file = [line(1), entry("line.now").to_string(), entry("line.now").to_string()];
    assert_eq!(counts(server, &[], &file), (3, 0));
    assert_eq!(counts(server, &[], &file), (2, 1));
    assert_eq!(actions(&admin, &acme).await.len(), 5);
}

#[on_each_engine]
async fn invalid_lines_are_left_out_and_named(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let mut file = lines(2_500);
    let mut long = entry("line.3");
    long["actor"]["name"] = json!("x".repeat(501));
    long["action"] = json!("");
    file[2] = long.to_string();
    file[1_700] = "{".to_owned();
    file[1_701] = "x".repeat(1024 * 1024 + 1);
    file.push("[]".to_owned());
    let path = write(server, &file);
    for recorded in [2_497, 0] {
        let output = import_with(server, &["--skip-invalid", &path], None);
        let said = daybook_tests::binary::stderr(&output);
        assert_eq!(code(&output), 1, "{said}");
        for words in [
            "line 3: actor.name: must have at most 500 characters, has 501; action: must not be empty",
            "line 1701: EOF while parsing an object (column 1)",
            "line 1702: is longer than 1048576 bytes",
            "line 2501: invalid type: sequence, expected an entry",
            &format!("{recorded} recorded, {} already there, 4 left out", 2_497 - recorded),
            "daybook: 4 lines are not valid and were left out",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    assert_eq!(actions(&admin, &acme).await.len(), 2_497);
}

#[on_each_engine]
async fn import_goes_on_after_a_bad_line(server: &TestServer) {
    let (acme, admin) = acme(server).await;
    let mut file: Vec<_> = (1..=10).map(|n| entry(&format!("line.{n}")).to_string()).collect();
    file[1] = line(7);
    file[8] = line(7);
    file[5] = "{}".to_owned();
    let path = write(server, &file);
    let stopped = import(server, &path, None);
    let said = daybook_tests::binary::stderr(&stopped);
    assert!(said.contains("line 6: missing field") && said.contains("--from 6"), "{said}");
    assert_eq!(actions(&admin, &acme).await.len(), 5);
    file[5] = line(6);
    assert_eq!(counts(server, &["--from", "6"], &file), (5, 1));
    assert_eq!(counts(server, &["--from", "9"], &file), (1, 3), "the first seven was there");
}

#[on_each_engine]
async fn run_that_another_has_overtaken_ends(server: &TestServer) {
    use daybook_service::audit::{ImportLine, begin_import, import};
    let (acme, _) = acme(server).await;
    let line = || {
        let entry = daybook_service::audit::read_line(&line(1)).unwrap();
        ImportLine::new(entry, [7; 32]).unwrap()
    };
    server
        .as_system(&acme, Permission::RecordAuditLogs, async |scope| {
            let first = begin_import(scope, "a").await.unwrap();
            let other = begin_import(scope, "b").await.unwrap();
            assert_eq!(import(scope, &first, vec![line()]).await.unwrap().recorded, 1);
            let second = begin_import(scope, "a").await.unwrap();
            let refused = import(scope, &first, vec![line()]).await.unwrap_err().to_string();
            assert!(refused.contains("another import of this source has begun"), "{refused}");
            assert_eq!(import(scope, &second, vec![line()]).await.unwrap().known, 1);
            assert_eq!(import(scope, &other, vec![line()]).await.unwrap().recorded, 1);
            assert!(begin_import(scope, "").await.is_err());
        })
        .await;
}

#[on_each_idle_engine]
async fn retention_forgets_lines_with_their_entries(server: &TestServer) {
    let (acme, _) = acme(server).await;
    assert_eq!(counts(server, &[], &lines(1_200)), (1_200, 0));
    server
        .as_system(&acme, Permission::SetRetention, async |scope| {
            retention::set(scope, Some(30)).await.unwrap();
        })
        .await;
    server.clock.advance(Duration::from_secs(40 * 24 * 3_600));
    prune(&server.instance().core).await.unwrap();
    let db = server.database.connect().await;
    assert_eq!(import_line::Entity::find().count(&db).await.unwrap(), 0);
    db.close().await.unwrap();
    assert_eq!(counts(server, &[], &lines(1_200)), (1_200, 0));
}
