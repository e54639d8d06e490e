//! The table of fields with the viewers that may see them in their own organization.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::Schema;

const ADMINS: &[&str] = &["admin"];
/// Viewers that may read notes.
const NOTES: &[&str] = &["admin", "member"];
/// Viewers that may read the log.
const LOG: &[&str] = &["admin", "auditor", "auditor's key"];
/// Viewers that may watch jobs. Operators may watch those of all organizations.
const JOBS: &[&str] = &["admin", "auditor", "auditor's key", "operator"];
/// Viewers that may read at least one paged list.
const PAGES: &[&str] = &["admin", "auditor", "member", "auditor's key", "operator"];
/// Viewers with an e-mail address.
const PEOPLE: &[&str] = &["admin", "auditor", "writer", "member", "operator"];
/// Viewers that belong to the organization.
const MEMBERS: &[&str] = &["admin", "auditor", "writer", "member", "auditor's key", "writer's key"];
const ALL: &[&str] =
    &["admin", "auditor", "writer", "member", "auditor's key", "writer's key", "operator"];

/// Types and fields, each with the viewers that see them. Fields that only a mutation's payload has depend
/// on its root field, for which `tests/it/access.rs` has the table.
const TABLE: &[(&str, &str, &[&str])] = &[
    (
        "ApiKey",
        "createdAt createdBy expiresAt id lastUsedAt name prefix revokedAt role subject",
        ADMINS,
    ),
    ("ApiKeyConnection", "edges nodes pageInfo totalCount", ADMINS),
    ("ApiKeyEdge", "cursor node", ADMINS),
    // A link leads to the tenant's log.
    // So does a manifest, which has the filter.
    ("Artifact", "downloadUrl manifest", LOG),
    (
        "Artifact",
        "availability contentType expired expiresAt fileName recordCount sha256 sizeBytes",
        JOBS,
    ),
    // Whoever asked for a job is one.
    ("AuditActor", "email externalId type", JOBS),
    // Which that has none of.
    ("AuditActor", "name", LOG),
    (
        "AuditLog",
        "action actor changes hash id metadata outcome recordedAt recordedBy resource",
        LOG,
    ),
    ("AuditLog", "clockSkewed onBehalfOf relatedResources sequence timestamp", LOG),
    ("AuditLogBucket", "capped count from to", LOG),
    ("AuditLogConnection", "edges nodes pageInfo tailCursor totalCount", LOG),
    ("AuditLogEdge", "cursor node", LOG),
    ("AuditMetadata", "extra ipAddress requestId userAgent", LOG),
    ("AuditResource", "externalId name type", LOG),
    (
        "BackupJob",
        "artifact attempt cancelRequestedAt compression createdAt error finishedAt id kind",
        JOBS,
    ),
    (
        "BackupJob",
        "maxAttempts organization progress requestedBy retryOf scope startedAt state",
        JOBS,
    ),
    ("BackupJob", "tables transitions verification", JOBS),
    ("BackupVerification", "message ok restoredRows verifiedAt", JOBS),
    ("ExportEstimate", "inline pieces recordCount", LOG),
    (
        "ExportJob",
        "artifact attempt cancelRequestedAt compression continuation createdAt error",
        JOBS,
    ),
    (
        "ExportJob",
        "finishedAt format id kind maxAttempts organization progress recordsMatched",
        JOBS,
    ),
    ("ExportJob", "longCells requestedBy retryOf startedAt state transitions truncated", JOBS),
    ("ExportJob", "source", LOG),
    ("ExportJobSource", "auditLogs", LOG),
    ("ExportJobSource", "notes", LOG),
    ("ExportQuota", "limit remaining resetsAt", ALL),
    ("ExportedAuditLogs", "filter orderBy throughSequence", LOG),
    ("ExportedNotes", "workspaceId", ADMINS),
    ("FieldChange", "field new old", LOG),
    ("Hold", "name placedAt placedBy reason", LOG),
    ("JobConnection", "edges nodes pageInfo totalCount", JOBS),
    ("JobEdge", "cursor node", JOBS),
    ("JobError", "code message retryable", JOBS),
    ("JobProgress", "done fraction phase total updatedAt", JOBS),
    ("JobTransition", "at attempt cursor from reason to", JOBS),
    ("JobUpdate", "cursor job previousState type", JOBS),
    ("Member", "email role since subject", ADMINS),
    ("MemberConnection", "edges nodes pageInfo totalCount", ADMINS),
    ("MemberEdge", "cursor node", ADMINS),
    ("Membership", "organization role", MEMBERS),
    ("Note", "body createdAt id path tags title updatedAt version workspace", NOTES),
    ("NoteConnection", "edges nodes pageInfo totalCount", NOTES),
    ("NoteEdge", "cursor node", NOTES),
    ("Organization", "apiKeys members", ADMINS),
    ("Organization", "exportQuota id name slug", ALL),
    ("Organization", "retention", LOG),
    ("Organization", "workspaces", NOTES),
    ("PageInfo", "endCursor hasNextPage hasPreviousPage startCursor", PAGES),
    ("Query", "auditLog auditLogHistogram auditLogValues auditLogs exportEstimate", LOG),
    ("Query", "job jobs", JOBS),
    ("Query", "organization", MEMBERS),
    ("Query", "node nodes viewer", ALL),
    ("Retention", "days heldBackBy holds nextRemovalAt prunedThroughSequence", LOG),
    ("Subscription", "auditLogRecorded", LOG),
    ("Subscription", "jobUpdates", JOBS),
    ("TableBackup", "bytes checksum name rows", JOBS),
    ("Viewer", "email", PEOPLE),
    ("Viewer", "memberships", MEMBERS),
    // Null for whoever is no operator.
    ("Viewer", "instance", ALL),
    ("Viewer", "isOperator subject", ALL),
    ("Workspace", "createdAt id name notes organization", NOTES),
    ("WorkspaceConnection", "edges nodes pageInfo totalCount", NOTES),
    ("WorkspaceEdge", "cursor node", NOTES),
];

/// [`TABLE`], a field a row.
pub(super) fn rights() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut table = BTreeMap::new();
    for (object, fields, who) in TABLE {
        for field in fields.split(' ') {
            let who = who.iter().copied().collect();
            let before = table.insert(format!("{object}.{field}"), who);
            assert_eq!(before, None, "{object}.{field} is there twice");
        }
    }
    table
}

#[test]
fn every_field_that_can_be_read_has_a_row() {
    let is_read = |field: &String| {
        let object = field.split('.').next().unwrap_or_default();
        !object.ends_with("Payload")
            && !["Mutation", "RecordAuditLogResult", "UserError"].contains(&object)
    };
    let fields: BTreeSet<_> = Schema::read().all_fields().into_iter().filter(is_read).collect();
    let rows: BTreeSet<_> = rights().into_keys().collect();
    assert_eq!(rows, fields, "say in the table of tests/it/tenancy/rights.rs who may see it");
}
