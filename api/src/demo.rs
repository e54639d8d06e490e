//! Sample data for `daybook serve --demo`.

mod handbook;

use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::audit_log::{ActorType, AuditOutcome};
use daybook_service::{
    Instance, Permission, Viewer,
    audit::{self, Actor, Change, Metadata, NewEntry, Resource},
    organizations,
};

/// Number of audit entries in the sample data.
const ENTRIES: u32 = 3_000;
const SLUG: &str = "acme";

const PEOPLE: [(&str, &str, &str); 6] = [
    ("ada", "Ada Lovelace", "ada@acme.test"),
    ("grace", "Grace Hopper", "grace@acme.test"),
    ("andre", "André Ampère", "andre@acme.test"),
    ("chien", "Chien-Shiung Wu", "chien@acme.test"),
    ("alan", "Alan Turing", "alan@acme.test"),
    ("rosalind", "Rosalind Franklin", "rosalind@acme.test"),
];

const ACTIONS: [(&str, &str); 8] = [
    ("device.assign", "device"),
    ("device.retire", "device"),
    ("user.invite", "user"),
    ("user.role.change", "user"),
    ("session.start", "session"),
    ("session.end", "session"),
    ("report.download", "report"),
    ("policy.update", "policy"),
];

/// Creates the organization `acme` with 3,000 entries and some notes, unless it exists already.
///
/// # Errors
/// Fails if the database fails.
pub async fn fill(instance: &Arc<Instance>) -> Result<()> {
    if organizations::find_by_slug(instance, SLUG).await?.is_some() {
        return Ok(());
    }
    let viewer = Viewer::command_line("daybook-demo");
    let acme = organizations::create(&instance.core, &viewer, SLUG, "Acme Corporation").await?;
    let scope = instance.enter(&viewer, acme.id, Permission::RecordAuditLogs, &[]).await?;
    let now = instance.clock.now();
    let entries: Vec<_> = (0..ENTRIES).map(|index| entry(index, now)).collect();
    for batch in entries.chunks(audit::MAX_ENTRIES) {
        instance.recorder.record(&scope, batch.to_vec(), None).await?;
    }
    let scope = instance.enter(&viewer, acme.id, Permission::CreateNotes, &[]).await?;
    handbook::fill(&scope).await?;
    tracing::info!(entries = ENTRIES, organization.slug = SLUG, "recorded sample data");
    Ok(())
}

/// Creates a varied entry; entries are the same at each start, except for their times.
fn entry(index: u32, now: DateTime<Utc>) -> NewEntry {
    // A multiplicative hash (Knuth) spreads the choices.
    let mixed = index.wrapping_mul(2_654_435_761);
    let pick = |salt: u32, count: usize| (mixed.rotate_left(salt) >> 8) as usize % count;
    let (id, name, email) = PEOPLE[pick(3, PEOPLE.len())];
    let (action, kind) = ACTIONS[pick(11, ACTIONS.len())];
    let number = pick(17, 400);
    let is_service = pick(23, 10) == 0;
    let minutes = i64::from(ENTRIES - index) * 30;
    NewEntry {
        timestamp: Some(
            now - TimeDelta::minutes(minutes) - TimeDelta::seconds(i64::from(mixed % 900)),
        ),
        actor: Actor {
            id: if is_service { "sync".to_owned() } else { id.to_owned() },
            r#type: if is_service { ActorType::Service } else { ActorType::User },
            email: (!is_service).then(|| email.to_owned()),
            name: (!is_service).then(|| name.to_owned()),
        },
        on_behalf_of: None,
        action: action.to_owned(),
        outcome: match pick(29, 20) {
            0 => AuditOutcome::Denied,
            1 => AuditOutcome::Failure,
            _ => AuditOutcome::Success,
        },
        resource: Resource {
            r#type: kind.to_owned(),
            id: format!("{kind}-{number}"),
            name: (kind == "device").then(|| format!("Laptop {number}")),
        },
        related_resources: Vec::new(),
        changes: if action == "user.role.change" {
            let (old, new) = (Some("member".into()), Some("admin".into()));
            vec![Change { field: "role".to_owned(), old, new }]
        } else {
            Vec::new()
        },
        metadata: Some(Metadata {
            ip_address: Some(format!("198.51.100.{}", pick(7, 254) + 1)),
            user_agent: Some("Mozilla/5.0 (demonstration)".to_owned()),
            request_id: Some(format!("req-{mixed:08x}")),
            extra: None,
        }),
    }
}
