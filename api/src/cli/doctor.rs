//! `daybook doctor`: checks the configuration and all dependencies of an instance, and changes
//! nothing.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use daybook_migration::SchemaStatus;
use daybook_service::{
    Database, Secret,
    doctor::{self, Finding, Health},
    store::Store,
};

use super::{instance::name_database, output::say, report::reason, settings};
use crate::{config::Config, http, redact};

/// Free disk space below which the check warns, in bytes.
const LOW_DISK_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Free disk space below which the check fails, in bytes, since the next write may fail.
const FULL_DISK_BYTES: u64 = 100 * 1024 * 1024;

/// Runs all checks and prints a line, or an object, for each.
///
/// # Errors
/// Fails if a check fails.
pub(super) async fn doctor(config: &Config, is_json: bool) -> Result<()> {
    let mut findings = examine(config).await;
    name_database(&config.database_name());
    for Finding { found, advice, .. } in &mut findings {
        *found = redact::text(found);
        *advice = advice.as_deref().map(redact::text);
    }
    let failed = findings.iter().filter(|finding| finding.health == Health::Fail).count();
    if is_json {
        let report = serde_json::json!({ "ok": failed == 0, "checks": findings });
        say(&format!("{report:#}"))?;
    } else {
        for finding in &findings {
            say(&line(finding))?;
        }
    }
    match failed {
        0 => Ok(()),
        1 => bail!("one check failed"),
        more => bail!("{more} checks failed"),
    }
}

fn line(Finding { check, health, found, advice }: &Finding) -> String {
    let health = match health {
        Health::Ok => "ok",
        Health::Warn => "warn",
        Health::Fail => "fail",
    };
    // Errors of libraries may have line breaks.
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let advice = advice.as_deref().map(|advice| format!(": {}", flat(advice)));
    format!("{health:<5} {check:<13} {}{}", flat(found), advice.unwrap_or_default())
}

async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![configuration(config)];
    let secret = config.known_secret();
    if let Err(error) = &secret {
        let advice = "set DAYBOOK_SECRET to the secret that this instance was made with";
        findings.push(Finding::fail("secret", reason(error), advice));
    }
    findings.extend(database(config, secret.ok()).await);
    findings.push(artifacts(config).await);
    findings.push(doctor::files(&config.paths()));
    findings.extend(disk(config));
    findings.push(match config.messages.nats() {
        Ok(None) => Finding::ok("nats", "not used"),
        Ok(Some(nats)) => doctor::nats(&nats).await,
        Err(error) => Finding::fail("nats", reason(&error), "correct DAYBOOK_NATS_…"),
    });
    findings.push(match config.identity.oidc() {
        Ok(None) => Finding::ok("oidc", "not used"),
        Ok(Some(oidc)) => doctor::oidc(&oidc).await,
        Err(error) => Finding::fail("oidc", reason(&error), "correct DAYBOOK_OIDC_…"),
    });
    findings.push(match &config.public_url {
        None => Finding::ok("public-url", "not set; links begin with the listen address"),
        Some(url) => doctor::public_url(url.trim_end_matches('/')).await,
    });
    findings
}

fn configuration(config: &Config) -> Finding {
    let unknown = settings::unknown_variables();
    match config.options().and_then(|_| http::check_documents(&config.server_limits)) {
        Ok(()) if unknown.is_empty() => Finding::ok("configuration", "all options are valid"),
        Ok(()) => {
            Finding::fail("configuration", unknown.join("; "), "correct or unset these variables")
        }
        Err(error) => Finding::fail("configuration", reason(&error), "see `daybook serve --help`"),
    }
}

/// Checks the database. `secret` is none if the secret can't be read.
async fn database(config: &Config, secret: Option<Option<Secret>>) -> Vec<Finding> {
    if let Some(file) = config.missing_database() {
        let found = format!("{} does not exist yet", file.display());
        return vec![Finding::warn("database", found, "`daybook serve` creates it")];
    }
    let advice = "check that it is running and reachable, and that DAYBOOK_DATABASE_URL is correct";
    if let Err(error) = config.check_file() {
        return vec![Finding::fail("database", reason(&error), advice)];
    }
    let db = match config.database().await {
        Ok(db) => db,
        Err(error) => return vec![Finding::fail("database", reason(&error), advice)],
    };
    let mut findings = Vec::new();
    let mut add = |check: &'static str, found: daybook_service::Result<Finding>| {
        findings
            .push(found.unwrap_or_else(|error| Finding::fail(check, error.to_string(), advice)));
    };
    add("database", doctor::version(&db).await);
    add("settings", doctor::settings(&db).await);
    add("clock", doctor::clock(&db).await);
    let (schema, is_there) = schema(&db).await;
    let is_current = schema.health == Health::Ok;
    add("replica", Ok(doctor::replica(&db).await));
    add("schema", Ok(schema));
    add("row-security", Ok(doctor::row_security(&db)));
    if is_there {
        add("append-only", doctor::append_only(&db).await);
        add("newest-entry", doctor::newest_entry(&db).await);
        if is_current {
            add("retention", doctor::retention(&db).await);
        }
        let store = match config.missing_artifacts() {
            Some(folder) => Ok(Store::missing_folder(&folder)),
            None => config.store(),
        };
        if is_current && let Ok(store) = store {
            let found = doctor::sharing(&db, &store).await;
            let advice = "see the results of the checks `artifacts` and `database`";
            add(
                "sharing",
                Ok(found
                    .unwrap_or_else(|error| Finding::fail("sharing", error.to_string(), advice))),
            );
        }
        if let Some(secret) = secret {
            add("secret", doctor::secret(&db, secret.as_ref()).await);
        }
    }
    if let Err(error) = db.close().await {
        tracing::debug!(%error, "failed to close the database");
    }
    findings
}

/// Compares the schema with this version. Also returns false if the database has no schema at all.
async fn schema(db: &Database) -> (Finding, bool) {
    let up = "`daybook serve` or `daybook migrate up` brings it up to date";
    match daybook_migration::schema_status(db.access().connections()).await {
        Ok(SchemaStatus::Current) => (Finding::ok("schema", "up to date"), true),
        Ok(SchemaStatus::Older(missing)) => {
            let found = format!("{} migrations are missing", missing.len());
            let is_there = missing.len() < daybook_migration::names().len();
            (Finding::warn("schema", found, up), is_there)
        }
        Ok(SchemaStatus::Newer(names)) => {
            let found =
                format!("newer than this version, which does not know {}", names.join(", "));
            let advice = "run the version of Daybook that migrated it, or a later one";
            (Finding::fail("schema", found, advice), true)
        }
        Ok(SchemaStatus::Unreleased) => {
            let found = "made by a development version from before the first release";
            let advice = "such databases are not migrated: use a new, empty database";
            (Finding::fail("schema", found, advice), true)
        }
        Err(error) => (Finding::fail("schema", error.to_string(), up), false),
    }
}

async fn artifacts(config: &Config) -> Finding {
    if let Some(folder) = config.missing_artifacts() {
        let found = format!("{} does not exist yet", folder.display());
        return Finding::warn("artifacts", found, "`daybook serve` creates it");
    }
    match config.store() {
        Ok(store) => match unusable(config, &store).await {
            Some(why) => {
                Finding::fail("artifacts", why, "`daybook serve` does not start without the bucket")
            }
            None => doctor::artifacts(&store).await,
        },
        Err(error) => {
            let advice = "set DAYBOOK_ARTIFACTS_URL to file:PATH or s3://BUCKET/PREFIX";
            Finding::fail("artifacts", reason(&error), advice)
        }
    }
}

/// Returns the reason why a bucket can't be used, as `daybook serve` would report it.
async fn unusable(config: &Config, store: &Store) -> Option<String> {
    let url = config.artifacts_url.as_deref().filter(|url| url.starts_with("s3:"))?;
    store.try_bucket(url).await.err().map(|error| error.to_string())
}

/// Checks the free space of each file system that Daybook writes to.
fn disk(config: &Config) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for folder in config.folders() {
        let folder = existing(&folder);
        let found = match nix::sys::statvfs::statvfs(&folder) {
            Ok(found) => found,
            Err(error) => {
                let found = format!("{}: {error}", folder.display());
                findings.push(Finding::warn("disk", found, "check that the folder can be read"));
                continue;
            }
        };
        if seen.contains(&found.filesystem_id()) {
            continue;
        }
        seen.push(found.filesystem_id());
        #[allow(clippy::useless_conversion, reason = "macOS counts in 32 bits")]
        let free = u64::from(found.blocks_available()).saturating_mul(found.fragment_size());
        findings.push(judge(&folder, free));
    }
    findings
}

/// Returns the folder itself or its nearest ancestor that exists.
fn existing(folder: &Path) -> PathBuf {
    let is_there = |folder: &&Path| folder.is_dir();
    let named = |folder: &&Path| !folder.as_os_str().is_empty();
    let found = folder.ancestors().filter(named).find(is_there);
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn judge(folder: &Path, free: u64) -> Finding {
    let found = format!("{} MiB free in {}", free / (1024 * 1024), folder.display());
    let advice = "free some disk space; recording and exports stop when the disk is full";
    match free {
        FULL_DISK_BYTES.. if free >= LOW_DISK_BYTES => Finding::ok("disk", found),
        FULL_DISK_BYTES.. => Finding::warn("disk", found, advice),
        _ => Finding::fail("disk", found, advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_space_is_told_before_there_is_none() {
        for (free, health) in [
            (0, Health::Fail),
            (FULL_DISK_BYTES, Health::Warn),
            (LOW_DISK_BYTES, Health::Ok),
            (u64::MAX, Health::Ok),
        ] {
            assert_eq!(judge(Path::new("/"), free).health, health, "{free}");
        }
    }

    #[test]
    fn finding_is_one_line() {
        let finding = Finding::warn("nats", "it\nbroke", "look");
        assert_eq!(line(&finding), "warn  nats          it broke: look");
    }

    #[test]
    fn folder_that_is_not_there_is_on_the_disk_of_the_one_above() {
        assert_eq!(existing(Path::new("/nowhere/at/all")), Path::new("/"));
        assert_eq!(existing(Path::new("nowhere")), Path::new("."));
    }
}
