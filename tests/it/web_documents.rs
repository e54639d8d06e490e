//! The dashboard's documents are valid and within every limit.

use std::{collections::BTreeSet, fs, path::Path};

use async_graphql::parser::{
    parse_query,
    types::{BaseType, ExecutableDocument, Selection, SelectionSet},
};
use daybook_tests::{TestServer, Value, json, on_each_engine};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/web/src");

/// Adds the documents in `graphql(`…`)` from the files in a folder and its subfolders.
fn add_documents(folder: &Path, documents: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // What a build makes of them says them again, and has examples in comments.
            if !path.ends_with("graphql/generated") {
                add_documents(&path, documents);
            }
        } else if path.extension().is_some_and(|ending| ending == "ts" || ending == "tsx") {
            let text = fs::read_to_string(&path).unwrap();
            let documents_in_it = text.split("graphql(`").skip(1);
            documents
                .extend(documents_in_it.map(|rest| rest.split('`').next().unwrap().to_owned()));
        }
    }
}

fn add_spreads(set: &SelectionSet, spreads: &mut BTreeSet<String>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => add_spreads(&field.node.selection_set.node, spreads),
            Selection::InlineFragment(fragment) => {
                add_spreads(&fragment.node.selection_set.node, spreads);
            }
            Selection::FragmentSpread(spread) => {
                spreads.insert(spread.node.fragment_name.node.to_string());
            }
        }
    }
}

/// Fragments that `document` spreads and does not hold.
fn missing_fragments(document: &ExecutableDocument) -> BTreeSet<String> {
    let mut spreads = BTreeSet::new();
    for (_, operation) in document.operations.iter() {
        add_spreads(&operation.node.selection_set.node, &mut spreads);
    }
    for fragment in document.fragments.values() {
        add_spreads(&fragment.node.selection_set.node, &mut spreads);
    }
    spreads.retain(|name| !document.fragments.contains_key(name.as_str()));
    spreads
}

/// `operation` with the fragments that it needs, as the client's tools put them together.
fn complete(operation: &str, fragments: &[String]) -> String {
    let mut text = operation.to_owned();
    loop {
        let missing = missing_fragments(&parse_query(&text).unwrap());
        let Some(name) = missing.first() else { return text };
        let start = format!("fragment {name} on ");
        let fragment = fragments.iter().find(|fragment| fragment.trim().starts_with(&start));
        text.push_str(fragment.unwrap_or_else(|| panic!("no fragment {name}")));
    }
}

/// Values for the variables that must have one and are of a plain type.
fn variables(text: &str) -> Value {
    let document = parse_query(text).unwrap();
    let mut values = serde_json::Map::new();
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            let value = match &variable.node.var_type.node.base {
                BaseType::Named(name) => match name.as_str() {
                    "ID" | "String" => json!("x"),
                    "Int" => json!(100),
                    _ => continue,
                },
                BaseType::List(_) => json!([]),
            };
            values.insert(variable.node.name.node.to_string(), value);
        }
    }
    values.into()
}

#[on_each_engine]
async fn documents_of_the_dashboard_are_taken(server: &TestServer) {
    let mut documents = Vec::new();
    add_documents(Path::new(SOURCE), &mut documents);
    let (fragments, operations): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|document| document.trim().starts_with("fragment"));
    assert!(operations.len() > 15 && !fragments.is_empty(), "{}", operations.len());
    let anonymous = server.anonymous();
    let mut run = 0;
    for operation in operations {
        let text = complete(&operation, &fragments);
        let answer = anonymous.send(&text, variables(&text)).await;
        let message = answer.body["errors"][0]["message"].as_str().unwrap_or_default();
        match answer.code().as_str() {
            // It came to a resolver.
            "UNAUTHENTICATED" => run += 1,
            // Valid: a subscription is not for this transport, an input object was not made up.
            "BAD_USER_INPUT" => assert!(
                message.starts_with("Send subscriptions over a WebSocket")
                    || message.ends_with("has no default"),
                "{text}: {message}"
            ),
            other => panic!("{other}: {message}: {text}"),
        }
    }
    assert!(run > 8, "{run}");
}
