//! Files with every kind of damage are refused, and the damaged table is named.

use std::path::Path;

use daybook_entity::membership::Role;
use daybook_service::{Error, Purpose, backups::restore::check, hex};
use daybook_tests::{TestServer, binary, json, on_each_engine};
use sha2::{Digest, Sha256};

use super::{Copy, backed_up, hostile::write_notes, instance_backed_up};
use crate::faults::{random, rounds};

/// Ways to damage a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Damage {
    Flipped,
    Truncated,
    RowDropped,
    RowDoubled,
    RowChanged,
    RowAdded,
    RowsSwapped,
    ValuesSwapped,
    BlockDropped,
    ManifestChanged,
    ManifestResealed,
    Appended,
}

const ALL: [Damage; 12] = [
    Damage::Flipped,
    Damage::Truncated,
    Damage::RowDropped,
    Damage::RowDoubled,
    Damage::RowChanged,
    Damage::RowAdded,
    Damage::RowsSwapped,
    Damage::ValuesSwapped,
    Damage::BlockDropped,
    Damage::ManifestChanged,
    Damage::ManifestResealed,
    Damage::Appended,
];

fn below(bound: usize) -> usize {
    random::<u64>() as usize % bound
}

/// Range of a block's lines, including those around its rows, and the name of its table.
type Block = (usize, usize, String);

fn blocks(lines: &[Vec<u8>]) -> Vec<Block> {
    let (mut blocks, mut begun) = (Vec::new(), None);
    for (index, line) in lines.iter().enumerate() {
        let text = String::from_utf8_lossy(line);
        let is_start = text.starts_with("COPY ") || text.starts_with("INSERT INTO ");
        if begun.is_none() && is_start && (text.ends_with("stdin;") || text.ends_with("VALUES")) {
            let mut words =
                text.split(' ').filter(|word| !["COPY", "INSERT", "INTO"].contains(word));
            begun = words.next().map(|table| (index, table.to_owned()));
        } else if let Some((start, table)) = begun.clone()
            && (text == "\\." || text.ends_with(");"))
        {
            blocks.push((start, index, table));
            begun = None;
        }
    }
    blocks
}

/// The file's rows, as indices of lines, each with its table. Of a COPY block those between its ends,
/// of an INSERT all but the first line.
fn row_lines(lines: &[Vec<u8>], blocks: &[Block]) -> Vec<(usize, String)> {
    let rows = blocks.iter().flat_map(|(start, end, table)| {
        let end = if lines[*end] == b"\\." { *end } else { *end + 1 };
        (start + 1..end).map(|line| (line, table.clone()))
    });
    rows.collect()
}

/// A row of SQLite ends in a comma, or, the last of a statement, in a semicolon.
fn retie(lines: &mut [Vec<u8>], blocks: &[Block]) {
    for (start, end, _) in blocks {
        if lines[*end] == b"\\." {
            continue;
        }
        for (index, line) in lines.iter_mut().enumerate().take(end + 1).skip(start + 1) {
            if let Some(last) = line.last_mut() {
                *last = if index == *end { b';' } else { b',' };
            }
        }
    }
}

/// `bytes` damaged, and the table that the refusal must name, where there is one to name.
fn damaged(bytes: &[u8], damage: Damage) -> (Vec<u8>, Option<String>) {
    loop {
        let (bad, table) = damaged_once(bytes, damage);
        // By chance nothing may have changed.
        if bad != bytes {
            return (bad, table);
        }
    }
}

fn damaged_once(bytes: &[u8], damage: Damage) -> (Vec<u8>, Option<String>) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let blocks = blocks(&lines);
    let rows = row_lines(&lines, &blocks);
    let (line, table) = rows[below(rows.len())].clone();
    let named = Some(table.clone());
    let named = match damage {
        Damage::Flipped => {
            let mut bytes = bytes.to_vec();
            let index = below(bytes.len());
            bytes[index] ^= 1 << below(8);
            return (bytes, None);
        }
        Damage::Truncated => return (bytes[..below(bytes.len())].to_vec(), None),
        Damage::Appended => return ([bytes, b"\n"].concat(), None),
        Damage::RowDropped => {
            lines.remove(line);
            named
        }
        Damage::RowDoubled => {
            insert(&mut lines, line, |_| {});
            named
        }
        Damage::RowAdded => {
            insert(&mut lines, line, change_digit);
            named
        }
        Damage::RowChanged => {
            change_digit(&mut lines[line]);
            named
        }
        Damage::RowsSwapped => {
            let others: Vec<_> = rows.iter().filter(|(_, of)| *of == table).collect();
            lines.swap(others[below(others.len())].0, line);
            retie(&mut lines, &blocks);
            None
        }
        Damage::ValuesSwapped => {
            let is_sqlite = lines[0].ends_with(b"sqlite");
            swap_values(&mut lines[line], if is_sqlite { b',' } else { b'\t' });
            named
        }
        Damage::BlockDropped => {
            let (start, end, table) = blocks[below(blocks.len())].clone();
            let is_empty = end == start + 1 && lines[end] == b"\\.";
            lines.drain(start..=end);
            (!is_empty).then_some(table)
        }
        Damage::ManifestChanged => {
            change_manifest(&mut lines, 1);
            None
        }
        Damage::ManifestResealed => {
            let start = change_manifest(&mut lines, 4);
            let last = lines.len() - 2;
            let signed = [lines[start..last].join(&b'\n'), b"\n".to_vec()].concat();
            lines[last] = format!("-- sum {}", hex(&Sha256::digest(signed))).into_bytes();
            None
        }
    };
    (lines.join(&b'\n'), named)
}

/// Makes the last digit another one, if there is one.
fn change_digit(line: &mut [u8]) {
    if let Some(digit) = line.iter().rposition(u8::is_ascii_digit) {
        line[digit] = if line[digit] == b'1' { b'2' } else { b'1' };
    }
}

/// Puts a copy of a row before it.
fn insert(lines: &mut Vec<Vec<u8>>, line: usize, change: fn(&mut [u8])) {
    let mut row = lines[line].clone();
    change(&mut row);
    if row.ends_with(b");") {
        *row.last_mut().unwrap() = b',';
    }
    lines.insert(line, row);
}

fn swap_values(line: &mut Vec<u8>, separator: u8) {
    let mut fields: Vec<_> = line.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect();
    let (one, other) = (below(fields.len()), below(fields.len()));
    fields.swap(one, other);
    *line = fields.join(&separator);
}

/// Changes a line of the manifest but for the last ones; where it begins.
fn change_manifest(lines: &mut [Vec<u8>], last: usize) -> usize {
    let start = lines.iter().rposition(|line| line == b"-- daybook: manifest").unwrap();
    let end = lines.len() - last;
    change_digit(&mut lines[start + 1 + below(end - start - 1)]);
    start
}

async fn refusal(server: &TestServer, path: &Path) -> Option<String> {
    let secret = &server.instance().secret;
    match check(path, &daybook_migration::names(), Some(secret)).await {
        Ok(_) => None,
        Err(Error::Refused(problems)) => Some(problems[0].message.clone()),
        Err(other) => panic!("{other}"),
    }
}

/// Every way in which a copy of a file goes wrong: cut, with bits flipped, with something after it.
fn changes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let last = bytes.len() - 64..bytes.len();
    let mut changes: Vec<_> = last.clone().map(|length| bytes[..length].to_vec()).collect();
    let places = last.flat_map(|at| [1, 0x80, 0xff].map(|mask| (at, mask)));
    let random = (0..200).map(|_| (below(bytes.len()), 1 << below(8)));
    // What a header says that nobody reads.
    let first = (0..16).map(|at| (at, 1 << below(8)));
    for (at, mask) in places.chain(random).chain(first) {
        let mut changed = bytes.to_vec();
        changed[at] ^= mask;
        changes.push(changed);
    }
    let empty_member = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let empty_frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
    let skipped_frame = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    let after: [&[u8]; 7] = [
        b"\n",
        b"\0",
        b"x",
        &empty_member,
        &empty_frame,
        &skipped_frame,
        &bytes[bytes.len() - 58..],
    ];
    changes.extend(after.map(|after| [bytes, after].concat()));
    changes.push([bytes, bytes].concat());
    changes
}

#[on_each_engine]
async fn every_change_of_a_compressed_file_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let copy = Copy::empty(server.backend()).await;
    for compression in ["NONE", "GZIP", "ZSTD"] {
        let input = json!({ "organizationId": acme, "compression": compression, "verify": false });
        let (_, bytes) = backed_up(&admin, input).await;
        assert_eq!(refusal(server, &copy.keep("whole", &bytes)).await, None, "{compression}");
        for (index, changed) in changes(&bytes).into_iter().enumerate() {
            let path = copy.keep("changed", &changed);
            assert!(
                refusal(server, &path).await.is_some(),
                "{compression}: change {index} was not noticed"
            );
        }
        // The command line says so, and nothing is made.
        let path = copy.keep("short", &bytes[..bytes.len() - 1]);
        let mut command = binary::daybook(server.folder());
        let output = command
            .arg("restore")
            .arg(&path)
            .args(["--into", &copy.database.url])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{compression}");
        assert!(binary::stderr(&output).contains("can't restore "), "{}", binary::stderr(&output));
    }
    let whole = copy.keep(
        "whole",
        &backed_up(&admin, json!({ "organizationId": acme, "compression": "GZIP" })).await.1,
    );
    let mut command = binary::daybook(server.folder());
    let output =
        command.arg("restore").arg(&whole).args(["--into", &copy.database.url]).output().unwrap();
    assert!(output.status.success(), "the database is empty still: {}", binary::stderr(&output));
    copy.drop().await;
}

#[on_each_engine]
async fn every_kind_of_damage_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 30).await;
    write_notes(&server.database, &acme, &["a\n'b".to_owned(), "c".to_owned()]).await;
    let (_, bytes) = instance_backed_up(server, json!({})).await;
    let copy = Copy::empty(server.backend()).await;
    let path = copy.keep("whole.sql", &bytes);
    assert_eq!(refusal(server, &path).await, None);
    assert_eq!(server.instance().secret.key(Purpose::Backup).len(), 32);

    let (mut refused, mut named) = (0, 0);
    for _ in 0..rounds(20) {
        for damage in ALL {
            let (bad, table) = damaged(&bytes, damage);
            let path = copy.keep("damaged.sql", &bad);
            let reason = refusal(server, &path).await;
            let reason = reason.unwrap_or_else(|| panic!("{damage:?} was not noticed"));
            if let Some(table) = &table {
                assert!(
                    reason.contains(&format!("table {table}: ")),
                    "{damage:?} of {table}: {reason}"
                );
                named += 1;
            }
            refused += 1;
        }
    }
    let empty = copy.keep("empty.sql", b"");
    assert_eq!(refusal(server, &empty).await.unwrap(), "it is empty");
    let other = copy.keep("other.sql", b"-- PostgreSQL database dump\n");
    assert!(refusal(server, &other).await.unwrap().contains("no backup of Daybook's"));
    println!("{refused} damaged files refused, {named} with their table");
    assert!(named * 3 > refused, "too few damaged rows");

    // The command line says the same, and nothing is touched.
    let (bad, _) = damaged(&bytes, Damage::RowDropped);
    let path = copy.keep("damaged.sql", &bad);
    let mut command = binary::daybook(server.folder());
    let output =
        command.arg("restore").arg(&path).args(["--into", &copy.database.url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(binary::stderr(&output).contains("table "), "{}", binary::stderr(&output));
    if copy.database.backend == daybook_tests::Backend::Sqlite {
        assert!(!copy.folder().join("daybook.db").exists());
    }
    copy.drop().await;
}
