//! The hashes of a log, against vectors that another implementation in another language has computed.

use std::{path::Path, process::Command};

use daybook_entity::audit_log;
use daybook_service::audit::hash::{self, Commitments, Edge, GENESIS};
use daybook_tests::{Value, hashes, json};
use sea_orm::ActiveEnum;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

fn vectors() -> String {
    std::fs::read_to_string(Path::new(FOLDER).join("hashes.json")).unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Returns the entry of a vector as it would be stored.
fn stored(entry: &Value) -> audit_log::Model {
    let optional = |name: &str| entry[name].as_str().map(str::to_owned);
    let text = |name: &str| optional(name).unwrap();
    let id = |name: &str| text(name).parse().unwrap();
    audit_log::Model {
        organization_id: id("organization"),
        sequence: entry["sequence"].as_i64().unwrap(),
        id: id("id"),
        timestamp: text("timestamp").parse().unwrap(),
        recorded_at: text("recordedAt").parse().unwrap(),
        clock_skewed: false,
        recorded_by: text("recordedBy"),
        actor_type: audit_log::ActorType::try_from_value(&text("actorType")).unwrap(),
        actor_id: text("actorId"),
        actor_email: optional("actorEmail"),
        actor_email_folded: None,
        actor_name: optional("actorName"),
        on_behalf_of: optional("onBehalfOf"),
        action: text("action"),
        outcome: audit_log::AuditOutcome::try_from_value(&text("outcome")).unwrap(),
        resource_type: text("resourceType"),
        resource_id: text("resourceId"),
        resource_name: optional("resourceName"),
        related_resources: text("relatedResources"),
        request_id: optional("requestId"),
        ip_address: optional("ipAddress"),
        ip_address_key: None,
        user_agent: optional("userAgent"),
        changes: text("changes"),
        extra: optional("extra"),
        salt: Some(unhex(&entry["salt"])),
        hash: Vec::new(),
    }
}

#[test]
fn hashes_are_those_of_the_vectors() {
    let file: Value = serde_json::from_str(&vectors()).unwrap();
    let mut edge = Edge::read(0, &[]).unwrap();
    assert_eq!(edge.root().to_vec(), unhex(&file["emptyRoot"]));
    let (mut previous, mut leaves) = (GENESIS, Vec::new());
    for vector in file["vectors"].as_array().unwrap() {
        let entry = stored(&vector["entry"]);
        let leaf = hash::leaf(&entry, &Commitments::of(&entry).unwrap());
        assert_eq!(leaf.to_vec(), unhex(&vector["leaf"]), "{vector}");
        previous = hash::chain(&previous, &leaf);
        assert_eq!(previous.to_vec(), unhex(&vector["chain"]), "{vector}");
        edge.push(leaf);
        assert_eq!(edge.root().to_vec(), unhex(&vector["root"]), "{vector}");
        // What the other tests check logs with.
        leaves.push(hashes::leaf(&entry));
        assert_eq!((hashes::root(&leaves), hashes::edge(&leaves)), (edge.root(), edge.to_bytes()));
    }
    assert!(leaves.len() > 8);
}

#[test]
fn each_value_changes_the_leaf() {
    let file: Value = serde_json::from_str(&vectors()).unwrap();
    let entry = &file["vectors"][0]["entry"];
    let leaf = |entry: &Value| {
        let entry = stored(entry);
        hash::leaf(&entry, &Commitments::of(&entry).unwrap())
    };
    let right = leaf(entry);
    for (name, value) in entry.as_object().unwrap() {
        let mut other = entry.clone();
        other[name] = match (name.as_str(), value) {
            ("organization" | "id", _) => json!("0190f3a5-7c1e-7bbb-8a3d-000000000000"),
            ("timestamp" | "recordedAt", _) => json!("2026-02-13T10:30:00.123457+00:00"),
            ("actorType", _) => json!("USER"),
            ("outcome", _) => json!("DENIED"),
            ("salt", _) => json!("00".repeat(32)),
            (_, Value::Number(_)) => json!(2),
            (_, value) => json!(format!("{}x", value.as_str().unwrap())),
        };
        assert_ne!(leaf(&other), right, "{name}");
    }
    assert_eq!(
        Commitments::of(&audit_log::Model { salt: None, ..stored(entry) }),
        Err(hash::MissingSalt)
    );
}

#[test]
fn vectors_are_what_the_script_computes() {
    let output = Command::new("python3").arg(Path::new(FOLDER).join("hashes.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), vectors());
}
