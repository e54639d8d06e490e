//! Texts that nobody should send, in every place of the schema that takes one: each is kept as it is
//! or refused by name, on both engines alike.

use std::collections::BTreeSet;

use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type};
use daybook_entity::membership::Role;
use daybook_tests::{
    Client, Socket, TestServer, Value,
    fields::{Things, verdict},
    json, on_each_engine,
};

use crate::tenancy::schema::{Schema, base, is_required};

/// Texts that every place refuses.
const REFUSED: [&str; 2] = ["\0", "a\0b"];

fn nasty() -> Vec<String> {
    let texts = [
        "",
        " a",
        "\r\n",
        "\u{85}",
        "\u{202e}abc",
        "\u{10ffff}",
        "%_\\",
        "\\u0000",
        "'; --",
        "\\N",
        "daybook-cli",
        "$1",
    ];
    let texts = texts.into_iter().chain(REFUSED).map(str::to_owned);
    texts.chain(["é".repeat(35_000)]).collect()
}

/// Makes valid inputs from the schema.
struct Maker<'a> {
    schema: &'a Schema,
    admin: &'a Client,
    things: Things,
    made: usize,
}

/// A place for a text: the keys on the way, and the scalar that it is.
#[derive(Clone, Debug)]
struct Place {
    path: Vec<String>,
    scalar: String,
}

impl Maker<'_> {
    /// A value of what must be given alone, with no text that was given before.
    async fn value(&mut self, ty: &Type, name: &str) -> Value {
        self.made += 1;
        if let BaseType::List(inner) = &ty.base {
            return json!([Box::pin(self.value(inner, name)).await]);
        }
        let Some((inputs, is_one_of)) = self.schema.inputs(base(ty)) else {
            return self.scalar(base(ty), name).await;
        };
        if is_one_of {
            return json!({ "auditLogs": {} });
        }
        let mut object = json!({});
        for input in inputs.into_iter().filter(|input| is_given(input)) {
            let name = input.name.node.as_str();
            object[name] = Box::pin(self.value(&input.ty.node, name)).await;
        }
        // The place of a value in `extra` is a JSON Pointer.
        if object.get("equals").is_some() {
            object["path"] = json!("/a");
        }
        object
    }

    async fn scalar(&mut self, ty: &str, name: &str) -> Value {
        let Things { organization, workspace, key, job, .. } = &self.things;
        match (ty, name) {
            ("ID", "workspaceId") => json!(workspace),
            ("ID", "apiKeyId") => json!(key),
            ("ID", "jobId") => json!(job),
            ("ID", "noteId") => {
                let path = format!("note {}", self.made);
                self.admin.create_note(workspace, json!({ "path": path })).await["note"]["id"]
                    .clone()
            }
            ("ID", _) => json!(organization),
            ("String", _) => json!(format!("text {}", self.made)),
            ("Int", _) => json!(1),
            ("JSON", _) => json!({}),
            ("Role", _) => json!("WRITER"),
            (other, _) => {
                json!(self.schema.first_value(other).unwrap_or_else(|| panic!("a {other}?")))
            }
        }
    }

    /// Every place for a text in an argument.
    fn places(&self, above: &[String], input: &InputValueDefinition) -> Vec<Place> {
        // A filter within a filter takes what a filter does.
        if ["not", "anyOf"].contains(&input.name.node.as_str()) {
            return Vec::new();
        }
        let mut path = above.to_vec();
        path.push(input.name.node.to_string());
        let ty = &input.ty.node;
        if let BaseType::List(_) = ty.base {
            path.push("0".to_owned());
        }
        match self.schema.inputs(base(ty)) {
            Some((inputs, _)) => inputs.into_iter().flat_map(|it| self.places(&path, it)).collect(),
            None if ["String", "ID", "JSON"].contains(&base(ty)) => {
                vec![Place { path, scalar: base(ty).to_owned() }]
            }
            None => Vec::new(),
        }
    }

    /// The arguments of a field, as variables: what must be given, and `text` at a place.
    async fn arguments(&mut self, field: &FieldDefinition, place: &Place, text: &str) -> Value {
        let mut all = json!({});
        for argument in field.arguments.iter().map(|it| &it.node) {
            let name = argument.name.node.as_str();
            if is_given(argument) || place.path[0] == name {
                all[name] = self.value(&argument.ty.node, name).await;
            }
        }
        let leaf = match place.scalar.as_str() {
            "JSON" => json!({ "a": [text], "b": { text: 1 } }),
            _ => json!(text),
        };
        self.put(&mut all, field, place, leaf).await;
        all
    }

    async fn put(&mut self, all: &mut Value, field: &FieldDefinition, place: &Place, leaf: Value) {
        let mut inputs: Vec<_> = field.arguments.iter().map(|it| &it.node).collect();
        let mut at = all;
        for (index, key) in place.path.iter().enumerate() {
            if index + 1 == place.path.len() {
                match key.parse::<usize>() {
                    Ok(number) => at[number] = leaf,
                    Err(_) => at[key.as_str()] = leaf,
                }
                return;
            }
            if key == "0" {
                at = &mut at[0];
                continue;
            }
            let input = inputs.iter().find(|input| input.name.node == *key).unwrap();
            if at.get("auditLogs").is_some() && key != "auditLogs" {
                *at = json!({});
            }
            if at.get(key).is_none() {
                at[key.as_str()] = self.value(&input.ty.node, key).await;
            }
            at = &mut at[key.as_str()];
            inputs = self
                .schema
                .inputs(base(&input.ty.node))
                .map(|(inputs, _)| inputs)
                .unwrap_or_default();
        }
    }

    fn document(&self, root: &str, field: &FieldDefinition, given: &Value) -> String {
        let given = given.as_object().unwrap();
        let arguments = field.arguments.iter().map(|it| &it.node);
        let arguments: Vec<_> =
            arguments.filter(|it| given.contains_key(it.name.node.as_str())).collect();
        let variables: Vec<_> =
            arguments.iter().map(|it| format!("${}: {}", it.name.node, it.ty.node)).collect();
        let uses: Vec<_> = arguments.iter().map(|it| format!("{0}: ${0}", it.name.node)).collect();
        let selection = match self.schema.possible(base(&field.ty.node)).is_empty() {
            true => "",
            false if root == "Mutation" => "{ userErrors { code path message } }",
            false => "{ __typename }",
        };
        let (word, name) = (root.to_lowercase(), &field.name.node);
        format!("{word} T({}) {{ {name}({}) {selection} }}", variables.join(", "), uses.join(", "))
    }
}

/// True for required inputs, and for the organization, which only operators may leave out.
fn is_given(input: &InputValueDefinition) -> bool {
    is_required(input) || input.name.node == "organizationId"
}

/// True if a refusal names the place.
fn names(answer: &Value, place: &Place) -> bool {
    let leaf = place.path.iter().rev().find(|key| key.parse::<usize>().is_err()).unwrap();
    let error = &answer["errors"][0];
    let payload = answer["data"].as_object().and_then(|data| data.values().next());
    let path = payload.map(|payload| payload["userErrors"][0]["path"].to_string());
    let said = [
        error["extensions"]["argument"].to_string(),
        error["message"].to_string(),
        path.unwrap_or_default(),
    ];
    said.iter().any(|said| said.contains(leaf.as_str()))
}

async fn try_all(server: &TestServer, maker: &mut Maker<'_>, root: &str) -> BTreeSet<String> {
    let mut tried = BTreeSet::new();
    for field in maker.schema.fields(root) {
        let places: Vec<_> =
            field.arguments.iter().flat_map(|argument| maker.places(&[], &argument.node)).collect();
        for place in places {
            for text in nasty() {
                let given = maker.arguments(field, &place, &text).await;
                let document = maker.document(root, field, &given);
                let start: String = text.chars().take(20).collect();
                let about = || format!("{root}.{} {:?} {start:?}", field.name.node, place.path);
                let answer = if root == "Subscription" {
                    // What is taken is silent.
                    if !text.contains('\0') {
                        continue;
                    }
                    first_message(server, maker.admin, &document, given).await
                } else {
                    maker.admin.send(&document, given).await.body
                };
                assert!(!answer.to_string().contains("INTERNAL"), "{}: {answer}", about());
                // No organization has such a slug, which is all that is asked.
                if text.contains('\0') && place.path != ["slug"] {
                    assert_ne!(verdict(&answer), "OK", "{}: {answer}", about());
                    assert!(names(&answer, &place), "{}: {answer}", about());
                }
            }
            tried.insert(format!("{}({})", field.name.node, place.path.join(".")));
        }
    }
    tried
}

async fn first_message(
    server: &TestServer,
    client: &Client,
    document: &str,
    given: Value,
) -> Value {
    let mut socket = Socket::connect(&server.url("/graphql"), client.token.as_ref().unwrap()).await;
    socket.subscribe("1", document, given).await;
    let message = socket.next().await;
    // Errors of coercion are the message's own.
    if message["payload"].is_array() {
        json!({ "errors": message["payload"] })
    } else {
        message["payload"].clone()
    }
}

#[on_each_engine]
async fn nasty_text_is_kept_or_refused_by_name(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let things = things(&admin, &acme).await;
    let schema = Schema::read();
    let mut maker = Maker { schema: &schema, admin: &admin, things, made: 0 };
    let tried = try_all(server, &mut maker, "Mutation").await;
    for place in [
        "setMember(input.email)",
        "createNote(input.tags.0)",
        "recordAuditLogs(input.entries.0.changes.0.old)",
    ] {
        assert!(tried.contains(place), "{place} is not among {tried:?}");
    }
    try_all(server, &mut maker, "Query").await;
    try_all(server, &mut maker, "Subscription").await;
    for field in ["members", "apiKeys", "workspaces"] {
        for text in nasty() {
            let document = format!(
                "query($id: ID!, $text: String) {{
                organization(id: $id) {{ {field}(after: $text) {{ __typename }} }} }}"
            );
            let answer = admin.send(&document, json!({ "id": acme, "text": text })).await.body;
            assert_eq!(verdict(&answer), "BAD_USER_INPUT", "{field} {text:?}: {answer}");
        }
    }
    // What was taken can be backed up, and restored on either engine.
    let backup = "mutation($id: ID!) { startBackup(input: { organizationId: $id, verify: true }) { job { id } } }";
    let started = admin.query(backup, json!({ "id": acme })).await;
    let job = admin.finished(started["startBackup"]["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
}

#[on_each_engine]
async fn escapes_that_stand_for_no_character_are_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for escape in ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800a", "\\u0000"] {
        let mutation = |subject: &str| {
            format!(
                "mutation {{ setMember(input: {{
            organizationId: \\\"{acme}\\\", subject: {subject}, role: WRITER
        }}) {{ member {{ subject }} userErrors {{ path }} }} }}"
            )
            .replace('\n', " ")
        };
        let inline = format!("{{\"query\": \"{}\"}}", mutation(&format!("\\\"a\\{escape}\\\"")));
        let variable = format!(
            "{{\"query\": \"query($slug: String) {{ organization(slug: $slug) {{ id }} }}\",
            \"variables\": {{\"slug\": \"a{escape}\"}}}}"
        );
        for body in [inline, variable] {
            let request =
                admin.http.post(server.url("/graphql")).bearer_auth(admin.token.as_ref().unwrap());
            let request = request.header("content-type", "application/json").body(body.clone());
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let answer = answer.text().await.unwrap();
            assert!(
                [200, 400].contains(&status) && !answer.contains("INTERNAL"),
                "{body}: {status} {answer}"
            );
            assert!(!answer.contains("\"member\":{"), "{body}: {answer}");
            if escape != "\\u0000" {
                assert!(
                    answer.contains("surrogate") || answer.contains("Syntax error"),
                    "{body}: {answer}"
                );
            }
        }
    }
}

/// Creates what mutations need in an organization.
async fn things(admin: &Client, acme: &str) -> Things {
    let workspace = admin.create_workspace(acme, "first").await;
    let note = admin.create_note(&workspace, json!({ "path": "first" })).await;
    let key = admin.create_api_key(acme, "WRITER", json!({})).await;
    let job = admin.export(acme, "CSV").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Things {
        organization: acme.to_owned(),
        slug: "acme".to_owned(),
        entry: String::new(),
        job: text(&job["job"]["id"]),
        backup: String::new(),
        cursor: String::new(),
        workspace,
        note: text(&note["note"]["id"]),
        key: text(&key["apiKey"]["id"]),
        name: String::new(),
    }
}
