//! Permissions of roles and operators.

use daybook_entity::membership::Role;
use daybook_service::{Viewer, organizations::operators, tenancy};
use daybook_tests::{
    TestServer, Value,
    fields::{OPERATIONS, Things, ask, verdict},
    json, on_each_engine,
};

const ROLES: [Role; 4] = [Role::Admin, Role::Auditor, Role::Writer, Role::Member];

/// Returns the roles that may run an operation, and the action that records a refused attempt.
fn rule(name: &str) -> (&'static [Role], &'static str) {
    use Role::{Admin, Auditor, Member, Writer};
    match name {
        "Query.viewer"
        | "Query.node: Organization"
        | "Query.nodes: Organization"
        | "Query.organization: id"
        | "Query.organization: slug"
        | "Query.organization: exportQuota" => {
            (&[Admin, Auditor, Writer, Member], "organization.read")
        }
        "Query.node: AuditLog"
        | "Query.nodes: AuditLog"
        | "Query.auditLogs"
        | "Query.auditLog"
        | "Query.auditLogHistogram"
        | "Query.auditLogValues"
        | "Query.exportEstimate"
        | "Subscription.auditLogRecorded" => (&[Admin, Auditor], "audit_log.read"),
        "Query.node: BackupJob"
        | "Query.nodes: BackupJob"
        | "Query.node: ExportJob"
        | "Query.nodes: ExportJob"
        | "Query.job"
        | "Query.jobs"
        | "Subscription.jobUpdates: organizationId"
        | "Subscription.jobUpdates: jobId" => (&[Admin, Auditor], "job.read"),
        "Mutation.recordAuditLogs" => (&[Admin, Writer], "audit_log.record"),
        "Mutation.startBackup" => (&[Admin], "backup.start"),
        "Query.organization: retention" => (&[Admin, Auditor], "retention.read"),
        "Mutation.startExport" => (&[Admin, Auditor], "audit_log.export"),
        "Mutation.cancelJob" => (&[Admin, Auditor], "job.cancel"),
        "Mutation.retryJob" => (&[Admin, Auditor], "job.retry"),
        "Query.node: Workspace" | "Query.nodes: Workspace" | "Query.organization: workspaces" => {
            (&[Admin, Member], "workspace.read")
        }
        "Query.node: Note" | "Query.nodes: Note" | "Query.exportEstimate: notes" => {
            (&[Admin, Member], "note.read")
        }
        "Mutation.createWorkspace" => (&[Admin, Member], "workspace.create"),
        "Mutation.createNote" => (&[Admin, Member], "note.create"),
        "Mutation.updateNote" => (&[Admin, Member], "note.update"),
        "Mutation.deleteNote" => (&[Admin, Member], "note.delete"),
        "Mutation.startExport: notes" => (&[Admin, Member], "note.export"),
        "Query.organization: members" => (&[Admin], "member.read"),
        "Mutation.setMember" => (&[Admin], "member.set"),
        "Mutation.removeMember" => (&[Admin], "member.remove"),
        "Query.node: ApiKey" | "Query.nodes: ApiKey" | "Query.organization: apiKeys" => {
            (&[Admin], "api_key.read")
        }
        "Mutation.createApiKey" => (&[Admin], "api_key.create"),
        "Mutation.revokeApiKey" => (&[Admin], "api_key.revoke"),
        other => panic!("say here who may run {other}"),
    }
}

const DENIALS: &str = "query($organization: ID!, $actor: String!) {
    auditLogs(organizationId: $organization, filter: { outcome: DENIED, actorId: $actor }, first: 1) {
        totalCount nodes { action recordedBy actor { externalId type email } metadata { requestId } }
    }
}";

const COUNT: &str = "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }";

#[on_each_engine]
async fn without_a_token_every_field_is_unauthenticated(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let things = Things::of(&admin, &acme, "acme").await;
    for operation in OPERATIONS {
        let answer = ask(server, None, operation, things.variables()).await;
        assert_eq!(verdict(&answer), "UNAUTHENTICATED", "{}: {answer}", operation.name);
    }
}

#[on_each_engine]
async fn each_role_may_do_its_own_and_what_it_may_not_is_recorded(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for role in ROLES {
        // Each deletes a note, where it may.
        let things = Things::of(&admin, &acme, "acme").await;
        let client = server.client(&acme, role).await;
        let subject = format!("{role:?}").to_lowercase();
        let variables = json!({ "organization": acme, "actor": subject });
        let mut denials = 0;
        for operation in OPERATIONS {
            let answer = ask(server, client.token.as_deref(), operation, things.variables()).await;
            let (allowed, action) = rule(operation.name);
            if allowed.contains(&role) {
                // The job has succeeded: there is nothing to stop or to repeat.
                let is_about_a_job =
                    ["Mutation.cancelJob", "Mutation.retryJob"].contains(&operation.name);
                let wanted = if is_about_a_job { "CONFLICT" } else { "OK" };
                assert_eq!(verdict(&answer), wanted, "{role:?} {}: {answer}", operation.name);
                let data = answer["data"].as_object().unwrap().values().next().unwrap();
                assert!(
                    *data != json!(null) && *data != json!([null]),
                    "{role:?} {}",
                    operation.name
                );
            } else {
                assert_eq!(verdict(&answer), "FORBIDDEN", "{role:?} {}: {answer}", operation.name);
                denials += 1;
                let log = admin.query(DENIALS, variables.clone()).await["auditLogs"].clone();
                let entry = &log["nodes"][0];
                assert_eq!(log["totalCount"], denials, "{role:?} {}", operation.name);
                assert_eq!(
                    (&entry["action"], &entry["recordedBy"]),
                    (&json!(action), &json!(subject))
                );
                let email = format!("{subject}@test.example");
                assert_eq!(
                    entry["actor"],
                    json!({ "externalId": subject, "type": "USER", "email": email })
                );
                assert!(entry["metadata"]["requestId"].is_string(), "{entry}");
            }
        }
        let log = admin.query(DENIALS, variables).await["auditLogs"].clone();
        assert_eq!(log["totalCount"], denials, "what was allowed is not recorded as denied");
    }
}

#[on_each_engine]
async fn refused_decision_over_a_job_is_recorded_as_that_whatever_the_job_does(
    server: &TestServer,
) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let workspace = admin.create_workspace(&acme, "notes").await;
    let source = json!({ "notes": { "workspaceId": workspace } });
    let input = json!({ "organizationId": acme, "source": source, "format": "MARKDOWN" });
    let of_notes = admin.start_export(input).await["job"]["id"].clone();
    let things = Things::of(&admin, &acme, "acme").await;
    let auditor = server.client(&acme, Role::Auditor).await;
    let denials = json!({ "organization": acme, "actor": "auditor" });
    for job in [of_notes, json!(things.backup)] {
        for (field, action) in [("cancelJob", "job.cancel"), ("retryJob", "job.retry")] {
            let document = format!(
                "mutation($id: ID!) {{ {field}(input: {{ jobId: $id }}) {{ job {{ id }} }} }}"
            );
            assert_eq!(auditor.error(&document, json!({ "id": job })).await, "FORBIDDEN");
            let log = admin.query(DENIALS, denials.clone()).await["auditLogs"].clone();
            assert_eq!(log["nodes"][0]["action"], action);
        }
    }
}

#[on_each_engine]
async fn role_that_is_taken_away_is_gone_at_once(server: &TestServer) {
    let acme = server.organization("acme").await;
    let auditor = server.client(&acme, Role::Auditor).await;
    let count = json!({ "id": acme });
    assert_eq!(auditor.query(COUNT, count.clone()).await["auditLogs"]["totalCount"], 2);
    server.set_member(&acme, "auditor", Role::Member).await;
    assert_eq!(auditor.error(COUNT, count.clone()).await, "FORBIDDEN");
    server.set_member(&acme, "auditor", Role::Auditor).await;
    assert!(auditor.send(COUNT, count.clone()).await.body.get("errors").is_none());
    server.remove_member(&acme, "auditor").await;
    assert_eq!(auditor.error(COUNT, count).await, "NOT_FOUND");
    let organization =
        "query($id: ID!) { organization(id: $id) { slug } viewer { memberships { role } } }";
    let data = auditor.query(organization, json!({ "id": acme })).await;
    assert_eq!(data, json!({ "organization": null, "viewer": { "memberships": [] } }));
}

#[on_each_engine]
async fn operator_sees_all_jobs_and_no_tenant_s_log(server: &TestServer) {
    let mut jobs = Vec::new();
    let mut things = Vec::new();
    for slug in ["acme", "globex"] {
        let organization = server.organization(slug).await;
        let admin = server.client(&organization, Role::Admin).await;
        let of = Things::of(&admin, &organization, slug).await;
        for id in [&of.job, &of.backup] {
            jobs.insert(0, json!({ "id": id, "organization": { "slug": slug } }));
        }
        things.push(of);
    }
    let all = "{ jobs { totalCount nodes { id organization { slug } } } }";
    let admin = server.client_of("admin");
    let answer = admin.send(all, json!({})).await;
    assert_eq!(answer.code(), "BAD_USER_INPUT", "who is no operator must say which organization");
    assert_eq!(answer.body["errors"][0]["extensions"]["argument"], "organizationId");
    let operator = server.operator().await;
    let seen = operator.query(all, json!({})).await;
    assert_eq!(seen["jobs"], json!({ "totalCount": 4, "nodes": jobs }));

    for operation in OPERATIONS {
        let variables = things[1].variables();
        let answer = ask(server, operator.token.as_deref(), operation, variables).await;
        let (_, action) = rule(operation.name);
        let is_seen = action == "job.read" || operation.name == "Query.viewer";
        let data = answer["data"].as_object().and_then(|data| data.values().next()).cloned();
        let is_empty = matches!(data, None | Some(Value::Null)) || data == Some(json!([null]));
        let shows = verdict(&answer) == "OK" && !is_empty;
        assert_eq!(shows, is_seen, "{}: {answer}", operation.name);
    }
    let link = "query($id: ID!) { job(id: $id) { artifact { sizeBytes downloadUrl } } }";
    let job = operator.query(link, json!({ "id": things[0].job })).await["job"].clone();
    assert!(job["artifact"]["sizeBytes"].is_string());
    assert_eq!(job["artifact"]["downloadUrl"], json!(null), "a link leads to the tenant's log");
}

#[on_each_engine]
async fn operator_sees_no_values_of_an_exports_filter(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let operator = server.operator().await;
    let filter = json!({ "actorId": "of-acme-alone", "search": "of-acme-alone" });
    let source = json!({ "auditLogs": { "filter": filter } });
    let input = json!({ "organizationId": acme, "format": "CSV", "source": source });
    let id = admin.start_export(input).await["job"]["id"].clone();
    admin.finished(id.as_str().unwrap()).await;
    let fields =
        "id state progress { phase } error { message } retryOf { id } transitions { reason }
        artifact { fileName manifest downloadUrl } ... on ExportJob { continuation }";
    let queries = [
        format!("query($id: ID!) {{ job(id: $id) {{ {fields} }} }}"),
        format!("query($id: ID!) {{ job(id: $id) {{ id }} jobs {{ nodes {{ {fields} }} }} }}"),
        format!("query($id: ID!) {{ node(id: $id) {{ ... on ExportJob {{ {fields} }} }} }}"),
    ];
    for query in queries {
        let seen = operator.query(&query, json!({ "id": id })).await.to_string();
        assert!(seen.contains("audit-logs-") && !seen.contains("of-acme-alone"), "{seen}");
        let own = admin
            .send(
                &query.replace("jobs {", &format!("jobs(organizationId: \"{acme}\") {{")),
                json!({ "id": id }),
            )
            .await;
        assert!(own.body.to_string().contains("of-acme-alone"), "{}", own.body);
    }
    let retry =
        "mutation($id: ID!) { retryJob(input: { jobId: $id }) { job { id } userErrors { code } } }";
    let refused = operator.query(retry, json!({ "id": id })).await;
    assert_eq!(refused["retryJob"]["userErrors"][0]["code"], "NOT_FOUND");
}

#[on_each_engine]
async fn operator_watches_every_organization_until_it_is_none(server: &TestServer) {
    let operator = server.operator().await;
    let mut socket = server.socket(operator.token.as_ref().unwrap()).await;
    let watch = "subscription { jobUpdates { type job { organization { slug } } } }";
    socket.subscribe("1", watch, json!({})).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
    for slug in ["acme", "globex"] {
        let organization = server.organization(slug).await;
        let admin = server.client(&organization, Role::Admin).await;
        let id = admin.export(&organization, "CSV").await["job"]["id"].clone();
        admin.finished(id.as_str().unwrap()).await;
        let mut transitions = 0;
        while transitions < 3 {
            let update = socket.data().await["jobUpdates"].clone();
            assert_eq!(update["job"]["organization"]["slug"], slug);
            transitions += u32::from(update["type"] == "TRANSITION");
        }
    }
    let viewer = Viewer::command_line("test");
    let removed = operators::remove(&server.instance().core, &viewer, "operator");
    assert!(tenancy::system(removed).await.unwrap());
    assert_eq!(operator.error("{ jobs { totalCount } }", json!({})).await, "BAD_USER_INPUT");
    let viewer = operator.query("{ viewer { isOperator } }", json!({})).await;
    assert_eq!(viewer["viewer"]["isOperator"], false);
    let end = socket.next().await;
    assert_eq!(end["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN", "{end}");
}
