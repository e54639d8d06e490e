//! Each function of the domain crate that takes a scope, with a scope of each permission: it refuses every right
//! but its own, whoever holds it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use daybook_entity::{job, membership::Role};
use daybook_service::{
    Error, GlobalId, Instance, Permission, Result, Scope, Viewer, artifacts, audit, backups,
    exports::{self, ExportSource, StartExport},
    jobs, notes,
    organizations::{api_keys, members, tokens},
    page::PageArgs,
    permission::JobWork,
    retention,
    store::Compression,
    tenancy,
};
use daybook_tests::{TestServer, fields, on_each_engine, raw_organization};
use futures::future::BoxFuture;
use syn::{FnArg, ImplItem, Item, Visibility};
use uuid::Uuid;

/// Every permission.
const PERMISSIONS: [Permission; 32] = {
    use Permission::*;
    [
        ReadOrganization,
        CreateOrganization,
        ReadMembers,
        SetMembers,
        RemoveMembers,
        AddOperators,
        RemoveOperators,
        ReadApiKeys,
        CreateApiKeys,
        RevokeApiKeys,
        ReadRetention,
        SetRetention,
        PlaceHolds,
        ReleaseHolds,
        ReadAuditLog,
        RecordAuditLogs,
        ExportAuditLog,
        BackUp,
        ReadJobs,
        CancelJobs(JobWork::ExportAuditLog),
        CancelJobs(JobWork::ExportNotes),
        CancelJobs(JobWork::BackUp),
        RetryJobs(JobWork::ExportAuditLog),
        RetryJobs(JobWork::ExportNotes),
        RetryJobs(JobWork::BackUp),
        ReadWorkspaces,
        CreateWorkspaces,
        ReadNotes,
        CreateNotes,
        UpdateNotes,
        DeleteNotes,
        ExportNotes,
    ]
};

/// Public functions that take a scope and accept every right, and why.
const OPEN: [(&str, &str); 5] = [
    ("artifacts::availability", "determines itself if the viewer may download"),
    ("artifacts::issue_link", "determines itself if the viewer may download"),
    ("jobs/list::feed_cursor", "reads no rows"),
    ("jobs/list::is_everywhere", "reads no rows"),
    ("organizations::get", "every right in an organization includes reading it"),
];

/// A function, the permissions that include it, and a call of it.
struct Function {
    name: &'static str,
    allowed: Vec<Permission>,
    call: fn(Things, Scope) -> BoxFuture<'static, Result<()>>,
}

macro_rules! function {
    ($name:literal, [$($permission:expr),+], |$things:ident, $scope:ident| $call:expr) => {
        Function {
            name: $name,
            allowed: vec![$($permission),+],
            call: |$things: Things, $scope: Scope| Box::pin(async move { $call.map(drop) }),
        }
    };
}

/// The rows that the functions are called for.
#[derive(Clone)]
struct Things {
    instance: Arc<Instance>,
    entry: (i64, Uuid),
    export: job::Model,
    workspace: Uuid,
    note: Uuid,
    key: Uuid,
}

#[on_each_engine]
async fn each_function_refuses_every_right_but_its_own(server: &TestServer) {
    let organization = server.organization("acme").await;
    let admin = server.client(&organization, Role::Admin).await;
    let made = fields::Things::of(&admin, &organization, "acme").await;
    let instance = server.instance();
    let (id, viewer) = (raw_organization(&organization), Viewer::command_line("test"));
    // As the command line does, which may reach every organization.
    let scope = async |permission| {
        tenancy::system(instance.enter(&viewer, id, permission, &[])).await.unwrap()
    };
    let read = scope(Permission::ReadJobs).await;
    let export = tenancy::system(jobs::find(&read, local(&made.job))).await;
    let things = Things {
        instance: Arc::clone(instance),
        entry: entry(&made.entry),
        export: export.unwrap().unwrap(),
        workspace: local(&made.workspace),
        note: local(&made.note),
        key: local(&made.key),
    };
    let functions: Vec<_> = [
        functions_of_notes(),
        functions_of_organizations(),
        functions_of_the_log(),
        functions_of_jobs(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let known: BTreeSet<_> = functions.iter().map(|function| function.name.to_owned()).collect();
    let open: BTreeSet<_> = OPEN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(functions_with_a_scope(), &known | &open);
    let mut wrong = BTreeMap::new();
    for function in &functions {
        // The refused calls first: the others may remove what they are for.
        for permission in PERMISSIONS.iter().filter(|it| !function.allowed.contains(it)) {
            let call = (function.call)(things.clone(), scope(*permission).await);
            let refused = tenancy::system(call).await;
            if !matches!(refused, Err(Error::Forbidden(_))) {
                wrong.insert((function.name, format!("{permission:?}")), format!("{refused:?}"));
            }
        }
    }
    for function in &functions {
        for permission in &function.allowed {
            let call = (function.call)(things.clone(), scope(*permission).await);
            let called = tenancy::system(call).await;
            if let Err(error @ (Error::Forbidden(_) | Error::Fault(_))) = called {
                wrong.insert((function.name, format!("{permission:?}")), format!("{error:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn functions_of_notes() -> Vec<Function> {
    use Permission::*;
    use notes::{Bodies, workspace};
    vec![
        function!("notes/list::list", [ReadNotes], |things, scope| {
            notes::list(&scope, things.workspace, &PageArgs::default(), Bodies::LeftOut).await
        }),
        function!("notes/list::count", [ReadNotes, ExportNotes], |things, scope| {
            notes::count(&scope, things.workspace).await
        }),
        function!("notes/list::get", [ReadNotes], |things, scope| notes::get(&scope, things.note)
            .await),
        function!("notes/list::find_by_path", [ReadNotes, CreateNotes], |things, scope| {
            notes::find_by_path(&scope, things.workspace, "first").await
        }),
        function!("notes/write::create", [CreateNotes], |things, scope| {
            notes::create(&scope, new_note(things.workspace)).await
        }),
        function!("notes/write::update", [UpdateNotes], |things, scope| {
            notes::update(&scope, change(things.note)).await
        }),
        function!("notes/write::delete", [DeleteNotes], |things, scope| notes::delete(
            &scope,
            things.note
        )
        .await),
        function!("notes/workspaces::create", [CreateWorkspaces], |_things, scope| {
            workspace::create(&scope, "another").await
        }),
        function!("notes/workspaces::list", [ReadWorkspaces], |_things, scope| {
            workspace::list(&scope, &PageArgs::default()).await
        }),
        function!("notes/workspaces::count", [ReadWorkspaces], |_things, scope| {
            workspace::count(&scope).await
        }),
        function!(
            "notes/workspaces::get",
            [ReadWorkspaces, ReadNotes, CreateNotes, UpdateNotes, ExportNotes],
            |things, scope| { workspace::get(&scope, things.workspace).await }
        ),
        function!("notes/workspaces::find_by_name", [ReadWorkspaces], |_things, scope| {
            workspace::find_by_name(&scope, "another").await
        }),
    ]
}

fn functions_of_organizations() -> Vec<Function> {
    use Permission::*;
    vec![
        function!("organizations/members::set", [SetMembers], |_things, scope| {
            members::set(&scope, "bob", None, Role::Member).await
        }),
        function!("organizations/members::remove", [RemoveMembers], |_things, scope| {
            members::remove(&scope, "bob").await
        }),
        function!(
            "organizations/members::has_admin",
            [ReadMembers, SetMembers, RemoveMembers],
            |_things, scope| members::has_admin(&scope).await
        ),
        function!(
            "organizations/members::list",
            [ReadMembers, SetMembers, RemoveMembers],
            |_things, scope| members::list(&scope).await
        ),
        function!("organizations/members::page", [ReadMembers], |_things, scope| {
            members::page(&scope, &PageArgs::default()).await
        }),
        function!("organizations/members::count", [ReadMembers], |_things, scope| {
            members::count(&scope).await
        }),
        function!("organizations/api_keys::create", [CreateApiKeys], |_things, scope| {
            api_keys::create(&scope, new_key()).await
        }),
        function!("organizations/api_keys::page", [ReadApiKeys], |_things, scope| {
            api_keys::page(&scope, &PageArgs::default()).await
        }),
        function!("organizations/api_keys::count", [ReadApiKeys], |_things, scope| {
            api_keys::count(&scope).await
        }),
        function!("organizations/api_keys::get", [ReadApiKeys, RevokeApiKeys], |things, scope| {
            api_keys::get(&scope, things.key).await
        }),
        function!(
            "organizations/api_keys::find_by_prefix",
            [ReadApiKeys, RevokeApiKeys],
            |_things, scope| { api_keys::find_by_prefix(&scope, "dbk_none").await }
        ),
        function!("organizations/api_keys::revoke", [RevokeApiKeys], |things, scope| {
            api_keys::revoke(&scope, things.key).await
        }),
        function!(
            "organizations/tokens::record_issue",
            [SetMembers, AddOperators],
            |things, scope| {
                let expires_at = scope.core().clock.now();
                tokens::record_issue(&things.instance.recorder, &scope, "bob", "member", expires_at)
                    .await
            }
        ),
    ]
}

#[allow(clippy::too_many_lines, reason = "it is a table")]
fn functions_of_the_log() -> Vec<Function> {
    use Permission::*;
    vec![
        function!("audit/import::begin_import", [RecordAuditLogs], |_things, scope| {
            audit::begin_import(&scope, "a").await
        }),
        function!("audit/import::import", [RecordAuditLogs], |_things, scope| {
            let run = audit::begin_import(&scope, "a").await?;
            audit::import(&scope, &run, Vec::new()).await
        }),
        function!("audit/record::record", [RecordAuditLogs], |things, scope| {
            let entry = serde_json::from_value(daybook_tests::entry("thing.make")).unwrap();
            things.instance.recorder.record(&scope, vec![entry], None).await
        }),
        function!("audit/record::record_valid", [RecordAuditLogs], |things, scope| {
            let entry = serde_json::from_value(daybook_tests::entry("thing.make")).unwrap();
            things.instance.recorder.record_valid(&scope, vec![Ok(entry)], None).await
        }),
        function!("audit/list::list", [ReadAuditLog], |_things, scope| {
            audit::list(
                &scope,
                &audit::Filter::default(),
                audit::Order::default(),
                &PageArgs::default(),
            )
            .await
        }),
        function!("audit/list::count", [ReadAuditLog], |_things, scope| audit::count(
            &scope,
            &audit::Filter::default()
        )
        .await),
        function!("audit/list::get", [ReadAuditLog], |things, scope| audit::get(
            &scope,
            things.entry.0,
            things.entry.1
        )
        .await),
        function!("audit/list::get_many", [ReadAuditLog], |things, scope| {
            audit::get_many(&scope, &[things.entry]).await
        }),
        function!("audit/histogram::histogram", [ReadAuditLog], |_things, scope| {
            audit::histogram(&scope, &audit::Filter::default(), 10).await
        }),
        function!("audit/values::values", [ReadAuditLog], |_things, scope| {
            audit::values(&scope, audit::Facet::Action, "", 10).await
        }),
        function!("audit/tail::tail", [ReadAuditLog], |_things, scope| audit::tail(
            scope,
            audit::Filter::default(),
            None
        )
        .await),
        function!("audit/tail::end", [ReadAuditLog], |_things, scope| audit::end(&scope).await),
        function!(
            "retention::find",
            [ReadRetention, SetRetention, ReleaseHolds],
            |_things, scope| { retention::find(&scope).await }
        ),
        function!("retention::set", [SetRetention], |_things, scope| retention::set(
            &scope,
            Some(9)
        )
        .await),
        function!(
            "retention/outlook::outlook",
            [ReadRetention, SetRetention, ReleaseHolds],
            |_things, scope| { retention::outlook(&scope).await }
        ),
        function!(
            "retention/preview::preview",
            [ReadRetention, SetRetention, ReleaseHolds],
            |_things, scope| { retention::preview(&scope, Some(9)).await }
        ),
        function!("retention/holds::place_hold", [PlaceHolds], |_things, scope| {
            retention::place_hold(&scope, "case", "a lawsuit").await
        }),
        function!("retention/holds::release_hold", [ReleaseHolds], |_things, scope| {
            retention::release_hold(&scope, "case").await
        }),
        function!(
            "retention/holds::holds",
            [ReadRetention, SetRetention, ReleaseHolds],
            |_things, scope| { retention::holds(&scope).await }
        ),
    ]
}

#[allow(clippy::too_many_lines, reason = "it is a table")]
fn functions_of_jobs() -> Vec<Function> {
    use Permission::*;
    let work = JobWork::ExportAuditLog;
    vec![
        function!("jobs/list::list", [ReadJobs], |_things, scope| {
            jobs::list(&scope, &jobs::Filter::default(), &PageArgs::default()).await
        }),
        function!("jobs/list::count", [ReadJobs], |_things, scope| {
            jobs::count(&scope, &jobs::Filter::default()).await
        }),
        function!(
            "jobs/list::find",
            [ReadJobs, ExportAuditLog, CancelJobs(work), RetryJobs(work)],
            |things, scope| jobs::find(&scope, things.export.id).await
        ),
        function!(
            "jobs/list::retried",
            [ReadJobs, ExportAuditLog, CancelJobs(work), RetryJobs(work)],
            |things, scope| jobs::retried(&scope, &things.export).await
        ),
        function!(
            "jobs/list::transitions",
            [ReadJobs, ExportAuditLog, CancelJobs(work), RetryJobs(work)],
            |things, scope| jobs::transitions(&scope, &things.export).await
        ),
        function!(
            "artifacts::find",
            [ReadJobs, ExportAuditLog, CancelJobs(work), RetryJobs(work)],
            |things, scope| artifacts::find(&scope, &things.export).await
        ),
        function!("jobs/feed::watch", [ReadJobs], |_things, scope| jobs::watch(
            scope,
            jobs::Watch::default()
        )),
        function!("jobs/cancel::cancel", [CancelJobs(work)], |things, scope| jobs::cancel(
            &scope,
            things.export.id
        )
        .await),
        function!("jobs/enqueue::retry", [RetryJobs(work)], |things, scope| jobs::retry(
            &scope,
            things.export.id
        )
        .await),
        function!("exports/start::start", [ExportAuditLog], |_things, scope| {
            exports::start(&scope, new_export()).await
        }),
        function!("exports/estimate::estimate", [ReadAuditLog], |_things, scope| {
            exports::estimate(&scope, &source()).await
        }),
        function!("exports/start::inline_data_url", [ExportAuditLog], |things, scope| {
            exports::inline_data_url(&things.instance.recorder, &scope, &things.export).await
        }),
        function!("backups/start::start", [BackUp], |_things, scope| backups::start(
            &scope,
            new_backup()
        )
        .await),
    ]
}

fn new_note(workspace_id: Uuid) -> notes::NewNote {
    notes::NewNote {
        workspace_id,
        path: "second".to_owned(),
        title: "Second".to_owned(),
        body: String::new(),
        tags: Vec::new(),
    }
}

fn change(id: Uuid) -> notes::NoteChange {
    notes::NoteChange {
        id,
        expected_version: 1,
        path: None,
        title: Some("Changed".to_owned()),
        body: None,
        tags: None,
    }
}

fn new_key() -> api_keys::NewApiKey {
    api_keys::NewApiKey { name: "a key".to_owned(), role: Role::Writer, expires_at: None }
}

fn source() -> ExportSource {
    ExportSource::AuditLogs { filter: Box::default(), order_by: audit::Order::default() }
}

fn new_export() -> StartExport {
    StartExport {
        source: source(),
        format: exports::Format::Csv,
        compression: Compression::None,
        csv_byte_order_mark: false,
        csv_neutralize: true,
        after: None,
        idempotency_key: None,
    }
}

fn new_backup() -> backups::StartBackup {
    backups::StartBackup {
        verify: false,
        compression: Compression::None,
        idempotency_key: None,
        scheduled_for: None,
    }
}

fn local(global: &str) -> Uuid {
    match global.parse().unwrap() {
        GlobalId::Job { id, .. }
        | GlobalId::Workspace { id, .. }
        | GlobalId::Note { id, .. }
        | GlobalId::ApiKey { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

fn entry(global: &str) -> (i64, Uuid) {
    match global.parse().unwrap() {
        GlobalId::AuditLog { sequence, id, .. } => (sequence, id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_permission_is_tried() {
    let file = syn::parse_file(&std::fs::read_to_string(sources().join("permission.rs")).unwrap());
    let variants = file.unwrap().items.into_iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == "Permission" => Some(item.variants.len()),
        _ => None,
    });
    let works = 3;
    assert_eq!(PERMISSIONS.len(), variants.unwrap() + 2 * (works - 1));
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../service/src")
}

/// Returns the public functions that take a scope, as `folder/file::function`.
fn functions_with_a_scope() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![sources()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(sources()).unwrap().with_extension("");
                let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
                let functions = file.items.iter().flat_map(public_functions);
                let takers = functions.filter(|signature| signature.inputs.iter().any(is_scope));
                found.extend(takers.map(|it| format!("{}::{}", name.display(), it.ident)));
            }
        }
    }
    found
}

fn public_functions(item: &Item) -> Vec<&syn::Signature> {
    match item {
        Item::Fn(function) if matches!(function.vis, Visibility::Public(_)) => vec![&function.sig],
        Item::Impl(block) => block.items.iter().filter_map(public_method).collect(),
        _ => Vec::new(),
    }
}

fn public_method(item: &ImplItem) -> Option<&syn::Signature> {
    match item {
        ImplItem::Fn(method) if matches!(method.vis, Visibility::Public(_)) => Some(&method.sig),
        _ => None,
    }
}

fn is_scope(argument: &FnArg) -> bool {
    let FnArg::Typed(argument) = argument else { return false };
    let named = match &*argument.ty {
        syn::Type::Reference(reference) => &*reference.elem,
        other => other,
    };
    matches!(named, syn::Type::Path(path) if path.path.is_ident("Scope"))
}
