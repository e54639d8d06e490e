//! The manifest: a list of a file's contents, by which the file is checked.
//!
//! The manifest is at the end of the file, in SQL comments. They contain only names, numbers and
//! hashes of Daybook's own, because a line break from a tenant's data would end the comment and
//! turn what follows into a command.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    RestoreError, TableDigest,
    row::unhex,
    tables::{BackupScope, Table, tables},
};
use crate::{Engine, Purpose, Secret, hex};

/// First line of a manifest.
pub(super) const BEGIN: &str = "-- daybook: manifest";
/// Version of the format of files and manifests.
pub(super) const FORMAT: u32 = 1;

/// Description of a file's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) engine: Engine,
    pub(super) scope: BackupScope,
    /// ID of the job that made the backup.
    pub(super) job: Uuid,
    pub(super) taken_at: DateTime<Utc>,
    pub(super) migrations: Vec<String>,
    /// Index and digest of each table, in the file's order.
    pub(super) tables: Vec<(usize, TableDigest)>,
    /// Last sequence and hash of the organization's log, or of the instance's own log.
    pub(super) head: (i64, [u8; 32]),
    /// SHA-256 of everything in the file before the manifest.
    pub(super) content: [u8; 32],
}

/// Extent to which a file could be checked.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The file is complete, was made with this secret and has not been changed since.
    Authentic,
    /// The file is complete, but without a secret its origin can't be verified.
    Whole,
    /// The file is complete, but was made with another secret, so its origin can't be verified.
    OtherSecret,
}

/// Returns the name of an engine in files.
pub(super) fn engine_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}

impl Manifest {
    /// Renders the manifest, signed with `secret`: the last lines of the file.
    pub(super) fn seal(&self, secret: &Secret) -> String {
        let mut text = self.lines();
        // Writing to a string does not fail.
        let _ = writeln!(text, "-- key {}", key(secret));
        let mac = secret.sign(Purpose::Backup, &[text.as_bytes()]);
        let _ = writeln!(text, "-- mac {}", hex(&mac));
        let sum = hex(&Sha256::digest(&text));
        let _ = writeln!(text, "-- sum {sum}");
        text
    }

    fn lines(&self) -> String {
        let Self { engine, scope, job, taken_at, migrations, tables: parts, head, content } = self;
        let mut text = format!("{BEGIN}\n-- format {FORMAT}\n-- engine {}\n", engine_name(*engine));
        let scope = match scope {
            BackupScope::Instance => "instance".to_owned(),
            BackupScope::Organization(id) => format!("organization {id}"),
        };
        let taken_at = taken_at.timestamp_micros();
        text += &format!("-- scope {scope}\n-- job {job}\n-- taken {taken_at}\n");
        for name in migrations {
            text += &format!("-- migration {name}\n");
        }
        for (index, digest) in parts {
            let TableDigest { rows, bytes, .. } = digest;
            let (name, checksum) = (tables()[*index].name, digest.checksum());
            text += &format!("-- table {name} {rows} {bytes} {checksum}\n");
        }
        let (sequence, hash) = head;
        text += &format!("-- head {sequence} {}\n-- content {}\n", hex(hash), hex(content));
        text
    }

    /// Parses and verifies a manifest. Returns it with the extent to which `secret` could check it.
    pub(super) fn open(
        text: &str,
        secret: Option<&Secret>,
    ) -> Result<(Self, Coverage), RestoreError> {
        let altered = || RestoreError::file("its manifest was altered");
        let truncated = || RestoreError::file("it is truncated: its manifest is not whole");
        let (signed, sum) = split_last(text, "-- sum ").ok_or_else(truncated)?;
        if unhex(sum) != Some(Sha256::digest(signed).into()) {
            return Err(altered());
        }
        let (keyed, mac) = split_last(signed, "-- mac ").ok_or_else(altered)?;
        let (lines, key_id) = split_last(keyed, "-- key ").ok_or_else(altered)?;
        let manifest = parse(lines).filter(|manifest| manifest.lines() == lines);
        let manifest = manifest.ok_or_else(altered)?;
        let Some(ring) = secret else { return Ok((manifest, Coverage::Whole)) };
        let coverage = match ring.each().find(|secret| key_id == key(secret)) {
            None => Coverage::OtherSecret,
            Some(secret) => {
                let mac: [u8; 32] = unhex(mac).ok_or_else(altered)?;
                if !secret.verify(Purpose::Backup, &[keyed.as_bytes()], &mac) {
                    return Err(altered());
                }
                Coverage::Authentic
            }
        };
        Ok((manifest, coverage))
    }

    /// Compares the tallies in `found` with the manifest. `of` names their source in errors, e.g.
    /// `the restored copy`.
    pub(super) fn compare(
        &self,
        found: &[(usize, TableDigest)],
        of: &str,
    ) -> Result<(), RestoreError> {
        for (index, expected) in &self.tables {
            let found = found.iter().find(|(found, _)| found == index).map(|(_, digest)| *digest);
            differ(&tables()[*index], *expected, found.unwrap_or_default(), of)?;
        }
        let stranger = found.iter().find(|(index, digest)| {
            digest.rows > 0 && !self.tables.iter().any(|(known, _)| known == index)
        });
        match stranger {
            Some((index, _)) => Err(RestoreError::table(
                &tables()[*index],
                &format!("it is in {of}, but not in the manifest"),
            )),
            None => Ok(()),
        }
    }
}

fn differ(
    table: &Table,
    expected: TableDigest,
    found: TableDigest,
    of: &str,
) -> Result<(), RestoreError> {
    let message = if expected.rows != found.rows {
        format!("{of} has {} rows, the manifest says {}", found.rows, expected.rows)
    } else if expected != found {
        format!("the content of {of} is not the one that the manifest tells of")
    } else {
        return Ok(());
    };
    Err(RestoreError::table(table, &message))
}

/// Returns an identifier of a secret that reveals nothing about the secret.
fn key(secret: &Secret) -> String {
    hex(&secret.sign(Purpose::Backup, &[b"key"])[..8])
}

/// Splits off the last line of `text`. Returns the rest, and what follows `label` in that line;
/// none if the line does not begin with `label`.
fn split_last<'a>(text: &'a str, label: &str) -> Option<(&'a str, &'a str)> {
    let whole = text.strip_suffix('\n')?;
    let start = whole.rfind('\n')? + 1;
    Some((&text[..start], whole[start..].strip_prefix(label)?))
}

fn parse(lines: &str) -> Option<Manifest> {
    let mut lines = lines.lines().skip(2).peekable();
    let mut next = |label: &str| lines.next()?.strip_prefix("-- ")?.strip_prefix(label);
    let engine = match next("engine ")? {
        "sqlite" => Engine::Sqlite,
        "postgres" => Engine::Postgres,
        _ => return None,
    };
    let scope = match next("scope ")?.split_once(' ') {
        None => BackupScope::Instance,
        Some((_, id)) => BackupScope::Organization(Uuid::parse_str(id).ok()?),
    };
    let job = Uuid::parse_str(next("job ")?).ok()?;
    let taken_at = DateTime::from_timestamp_micros(next("taken ")?.parse().ok()?)?;
    let (mut migrations, mut parts) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next_if(|line| line.starts_with("-- migration ")) {
        migrations.push(line["-- migration ".len()..].to_owned());
    }
    while let Some(line) = lines.next_if(|line| line.starts_with("-- table ")) {
        parts.push(parse_table(&line["-- table ".len()..])?);
    }
    let mut next = |label: &str| lines.next()?.strip_prefix("-- ")?.strip_prefix(label);
    let (sequence, hash) = next("head ")?.split_once(' ')?;
    let head = (sequence.parse().ok()?, unhex(hash)?);
    let content = unhex(next("content ")?)?;
    Some(Manifest { engine, scope, job, taken_at, migrations, tables: parts, head, content })
}

fn parse_table(text: &str) -> Option<(usize, TableDigest)> {
    let mut words = text.split(' ');
    let (index, _) = super::tables::find(words.next()?)?;
    let rows = words.next()?.parse().ok()?;
    let bytes = words.next()?.parse().ok()?;
    Some((index, TableDigest::of(rows, bytes, unhex(words.next()?)?)))
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited_text, edits, text};
    use proptest::{collection::vec, prelude::*, sample::subsequence};

    fn digest() -> impl Strategy<Value = TableDigest> {
        any::<(u64, u64, [u8; 32])>()
            .prop_map(|(rows, bytes, sum)| TableDigest::of(rows, bytes, sum))
    }

    fn manifest() -> impl Strategy<Value = Manifest> {
        let all: Vec<_> = (0..tables().len()).collect();
        let parts = subsequence(all, 0..=tables().len());
        let parts = (parts, vec(digest(), tables().len()));
        let parts = parts.prop_map(|(indices, digests)| indices.into_iter().zip(digests).collect());
        let engine = prop::bool::ANY
            .prop_map(|is_sqlite| if is_sqlite { Engine::Sqlite } else { Engine::Postgres });
        let scope = prop::option::of(any::<u128>()).prop_map(|id| match id {
            Some(id) => BackupScope::Organization(Uuid::from_u128(id)),
            None => BackupScope::Instance,
        });
        let taken_at = (0..4_000_000_000_000_000_i64).prop_map(|micros| {
            DateTime::from_timestamp_micros(micros).expect("within the calendar")
        });
        let migrations = vec("m[0-9]{8}_[a-z_]{1,9}", 0..3);
        let rest = any::<(u128, i64, [u8; 32], [u8; 32])>();
        (engine, scope, taken_at, migrations, parts, rest).prop_map(
            |(engine, scope, taken_at, migrations, tables, (job, sequence, hash, content))| {
                let (job, head) = (Uuid::from_u128(job), (sequence, hash));
                Manifest { engine, scope, job, taken_at, migrations, tables, head, content }
            },
        )
    }

    fn secret(seed: &str) -> Secret {
        Secret::new(&seed.repeat(32)).expect("long enough")
    }

    proptest! {
        #[test]
        fn manifests_read_back_and_nothing_else_does(
            manifest in manifest(),
            edits in edits(),
            any in text(),
        ) {
            let (ours, other) = (secret("s"), secret("o"));
            let sealed = manifest.seal(&ours);
            let open = |text: &str, secret| Manifest::open(text, secret).map_err(|error| error.to_string());
            prop_assert_eq!(open(&sealed, Some(&ours)), Ok((manifest.clone(), Coverage::Authentic)));
            prop_assert_eq!(open(&sealed, Some(&other)), Ok((manifest.clone(), Coverage::OtherSecret)));
            prop_assert_eq!(open(&sealed, None), Ok((manifest, Coverage::Whole)));
            for text in [edited_text(&sealed, &edits), any] {
                if text == sealed {
                    continue;
                }
                for secret in [Some(&ours), Some(&other), None] {
                    prop_assert!(open(&text, secret).is_err());
                }
            }
        }

        /// An attacker who changes a file can recompute its sum, but not its MAC.
        #[test]
        fn changed_manifests_with_a_right_sum_are_not_authentic(
            manifest in manifest(),
            edits in edits(),
        ) {
            let ours = secret("s");
            let sealed = manifest.seal(&ours);
            let (signed, _) = split_last(&sealed, "-- sum ").expect("ours");
            let changed = edited_text(signed, &edits);
            let sum = hex(&Sha256::digest(&changed));
            let text = format!("{changed}-- sum {sum}\n");
            let found = Manifest::open(&text, Some(&ours));
            let coverage = found.as_ref().map(|(_, coverage)| *coverage).ok();
            prop_assert!(text == sealed || coverage != Some(Coverage::Authentic));
            // Whatever is parsed must equal the text that it was parsed from.
            if let Ok((found, _)) = Manifest::open(&text, None) {
                prop_assert!(changed.starts_with(&found.lines()));
            }
        }
    }
}
