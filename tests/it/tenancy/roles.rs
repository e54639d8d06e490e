//! Visibility of each field for each role of the organization, on every path to the field.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::FieldDefinition;
use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, TestServer, Value, fields::Things, json, on_each_backend};

use super::{
    answers::{Cursors, answer},
    attempts::{Attempt, Special, nodes},
    rights::rights,
    schema::{Schema, base},
    walk::{fill, start, with_key},
    writer::Writer,
};

/// A viewer with its client.
struct Asker {
    name: &'static str,
    client: Client,
}

/// A way down from a root: what is written before and after what is selected there.
#[derive(Clone)]
struct Way {
    /// The root field.
    root: String,
    /// The kind of thing that the root field is asked for.
    node: String,
    before: String,
    after: String,
    /// The keys of the answer on the way.
    keys: Vec<String>,
    variables: BTreeMap<&'static str, &'static str>,
    cursor: Option<String>,
}

struct Walk<'a> {
    server: &'a TestServer,
    schema: &'a Schema,
    asker: &'a Asker,
    things: &'a Things,
    cursors: &'a Cursors,
    /// Fields that came, and whether ever with a value.
    came: BTreeMap<String, bool>,
    /// Fields below which everything was asked for.
    walked: BTreeSet<String>,
}

impl Walk<'_> {
    /// Asks for everything below the root fields that read.
    async fn everything(&mut self) {
        for root in ["Query", "Subscription"] {
            for field in self.schema.fields(root) {
                for node in nodes(self.schema, root, field) {
                    let way = Way {
                        root: root.to_owned(),
                        node: node.to_owned(),
                        before: String::new(),
                        after: String::new(),
                        keys: Vec::new(),
                        variables: BTreeMap::new(),
                        cursor: None,
                    };
                    self.field(&way, root, field).await;
                }
            }
        }
    }

    /// Asks for a field, and for all below it, whatever it can be.
    async fn field(&mut self, way: &Way, parent: &str, field: &FieldDefinition) {
        let key = &field.name.node;
        let (name, of) = (format!("{parent}.{key}"), base(&field.ty.node));
        let (head, mut next) = self.head(way, parent, field);
        let possible = self.schema.possible(of);
        if possible.is_empty() {
            if let Some(has_value) = self.ask(&next, &head, key).await {
                *self.came.entry(name).or_default() |= has_value;
            }
            return;
        }
        next.keys.push(key.to_string());
        for object in possible {
            // Once for each thing that is there, by whatever way it is come to from its neighbours.
            let step = format!("{name}: {object}");
            if self.walked.contains(&step) {
                continue;
            }
            let fragment =
                if of == object { String::new() } else { format!("... on {object} {{ ") };
            next.before = format!("{} {head} {{ {fragment}", way.before);
            next.after = format!("{} }}{}", if of == object { "" } else { " }" }, way.after);
            let came = self.ask(&next, "__typename", "__typename").await;
            if let Some(has_value) = came {
                *self.came.entry(name.clone()).or_default() |= has_value;
            }
            // The instance's own organization is its operators', and none that the table is about.
            if came == Some(true) && name != "Viewer.instance" {
                self.walked.insert(step);
                for field in self.schema.fields(object) {
                    Box::pin(self.field(&next, object, field)).await;
                }
            }
        }
    }

    fn head(&self, way: &Way, parent: &str, field: &FieldDefinition) -> (String, Way) {
        let mut unknown = BTreeSet::new();
        let mut writer = Writer {
            schema: self.schema,
            special: Special::Node(&way.node),
            depth: 0,
            node: way.node.clone(),
            variables: way.variables.clone(),
            cursor: way.cursor.clone(),
            selects: BTreeSet::new(),
            gives: BTreeSet::new(),
            unknown: &mut unknown,
        };
        let head = writer.head(parent, field);
        let Writer { variables, cursor, .. } = writer;
        assert_eq!(unknown, BTreeSet::new(), "tests/it/tenancy/writer.rs has no");
        (head, Way { variables, cursor, ..way.clone() })
    }

    /// Returns whether a selection at the end of a path had a value, and none if the path did not reach it.
    /// A refusal must be reported as an error.
    async fn ask(&self, way: &Way, selection: &str, key: &str) -> Option<bool> {
        let variables: Vec<_> =
            way.variables.iter().map(|(name, ty)| format!("${name}: {ty}")).collect();
        let variables = if variables.is_empty() {
            String::new()
        } else {
            format!("({})", variables.join(", "))
        };
        let word = way.root.to_lowercase();
        let document =
            format!("{word} Ask{variables} {{{} {selection}{} }}", way.before, way.after);
        let attempt = Attempt {
            name: String::new(),
            field: format!("{}.", way.root),
            document,
            things: way.variables.keys().copied().filter(|name| *name != "cursor").collect(),
            cursor: way.cursor.clone(),
            selects: BTreeSet::new(),
            gives: BTreeSet::new(),
            is_of_strangers: false,
        };
        let answer =
            answer(self.server, &self.asker.client, &attempt, (self.things, self.cursors)).await;
        for error in answer["errors"].as_array().into_iter().flatten() {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            let is_refusal = ["FORBIDDEN", "NOT_FOUND"].contains(&code);
            assert!(is_refusal, "{} {}: {answer}", self.asker.name, attempt.document);
        }
        let keys: Vec<_> = way.keys.iter().map(String::as_str).chain([key]).collect();
        let has_value = has_value(&answer["data"], &keys)?;
        answer.get("errors").is_none().then_some(has_value)
    }
}

/// Returns whether there is a value at the end of the keys, and none if nothing could have one.
fn has_value(value: &Value, keys: &[&str]) -> Option<bool> {
    match (value, keys) {
        (Value::Array(items), [_, ..]) => {
            items.iter().filter_map(|item| has_value(item, keys)).max()
        }
        (value, []) => Some(!value.is_null()),
        (Value::Null, [_, ..]) => Some(false),
        (value, [key, keys @ ..]) => has_value(value.get(key)?, keys),
    }
}

/// The actions of all entries with the outcome DENIED.
async fn refused_actions(owner: &Client, organization: &str) -> BTreeSet<String> {
    let refused = "query($id: ID!, $after: String) {
        auditLogs(organizationId: $id, filter: { outcome: DENIED }, first: 100, after: $after) {
            nodes { action } pageInfo { hasNextPage endCursor }
        }
    }";
    let (mut actions, mut after) = (BTreeSet::new(), Value::Null);
    loop {
        let page = owner.query(refused, json!({ "id": organization, "after": after })).await;
        let page = &page["auditLogs"];
        let nodes = page["nodes"].as_array().unwrap().iter();
        actions.extend(nodes.map(|entry| entry["action"].as_str().unwrap().to_owned()));
        if page["pageInfo"]["hasNextPage"] == false {
            return actions;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn askers(server: &TestServer, owner: &Client, organization: &str) -> Vec<Asker> {
    let mut askers = Vec::new();
    for (name, role) in [
        ("admin", Role::Admin),
        ("auditor", Role::Auditor),
        ("writer", Role::Writer),
        ("member", Role::Member),
    ] {
        server.set_member(organization, name, role).await;
        askers.push(Asker { name, client: server.client_of(name) });
    }
    for (name, role) in [("auditor's key", "AUDITOR"), ("writer's key", "WRITER")] {
        let made = owner.create_api_key(organization, role, json!({})).await;
        askers.push(Asker { name, client: with_key(server, &made) });
    }
    askers.push(Asker { name: "operator", client: server.operator().await });
    askers
}

#[on_each_backend]
async fn each_role_sees_what_the_table_says(backend: Backend) {
    let server = start(backend).await;
    let schema = Schema::read();
    let (owner, mut globex) = fill(&server).await;
    // The one of which nothing is left out.
    let whole =
        "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"globex.secret\" }) {
        nodes { id }
    } }";
    let whole = owner.query(whole, json!({ "id": globex.organization })).await;
    whole["auditLogs"]["nodes"][0]["id"].as_str().unwrap().clone_into(&mut globex.entry);
    let cursors =
        Cursors::from([("Subscription.auditLogRecorded".to_owned(), globex.cursor.clone())]);
    let mut all = Vec::new();
    for asker in &askers(&server, &owner, &globex.organization).await {
        let mut walk = Walk {
            server: &server,
            schema: &schema,
            asker,
            things: &globex,
            cursors: &cursors,
            came: BTreeMap::new(),
            walked: BTreeSet::new(),
        };
        walk.everything().await;
        all.push((asker.name, walk.came));
    }
    let (_, of_admin) = &all[0];
    let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (asker, came) in &all {
        for (field, has_value) in came {
            // What an admin finds empty may be empty for others, too.
            if *has_value || of_admin.get(field) == Some(&false) {
                found.entry(field.clone()).or_default().insert(asker);
            }
        }
    }
    let differ: Vec<_> = rights()
        .into_iter()
        // Of several exports, the walk asks for one alone, which is not that of notes.
        .filter(|(field, _)| field != "ExportedNotes.workspaceId")
        .filter(|(field, who)| found.get(field) != Some(who))
        .map(|(field, who)| format!("{field}: {who:?}, found {:?}", found.get(&field)))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let reads = [
        "api_key.read",
        "audit_log.read",
        "job.read",
        "member.read",
        "note.read",
        "retention.read",
        "workspace.read",
    ];
    let refused = refused_actions(&owner, &globex.organization).await;
    assert_eq!(refused, reads.map(str::to_owned).into(), "a refused read is recorded as one");
    server.finish().await;
}
