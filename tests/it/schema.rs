//! The schema: committed as printed, described throughout, and keeping its promise to clients.

use std::{collections::BTreeMap, fs, path::Path};

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            ConstDirective, FieldDefinition, InputObjectType, InputValueDefinition, TypeDefinition,
            TypeKind, TypeSystemDefinition,
        },
    },
};
use daybook_api::graphql::sdl;

/// Of the contract, what this build does not have yet. Where a type is missing, its fields are not
/// listed, nor a missing field's arguments.
const MISSING: &[&str] = &[];

#[test]
fn committed_schema_is_the_printed_one() {
    let committed = fs::read_to_string(root().join("schema.graphql")).unwrap();
    assert!(committed == sdl(), "schema.graphql is out of date: run `make schema`, look, commit");
}

#[test]
fn schema_keeps_the_contract() {
    let contract = fs::read_to_string(root().join("tests/contract.graphql")).unwrap();
    let (broken, missing) = compare(&contract, &sdl());
    assert_eq!(broken, Vec::<String>::new(), "clients rely on it");
    let news = "missing (left) and listed as missing (right); what has appeared leaves the list";
    assert_eq!(missing, MISSING, "{news}");
}

#[test]
fn every_item_of_the_schema_is_described() {
    let is_bare = |(path, item): (String, Item)| (!item.is_described).then_some(path);
    let bare: Vec<_> = items(&sdl()).into_iter().filter_map(is_bare).collect();
    assert_eq!(bare, Vec::<String>::new(), "without a description for the client's developer");
}

#[test]
fn comparison_sees_each_way_to_break_a_client() {
    const CONTRACT: &str = r#"
        scalar Time @specifiedBy(url: "https://example.test/time")
        interface Node { id: ID! }
        type Thing implements Node { id: ID! name: String tags: [String!]! }
        type Query { thing(id: ID!, order: Order = UP): Thing! }
        enum Order { UP DOWN }
        input Choice @oneOf { a: String b: Int = 1 }
        input Wish { text: String! }
    "#;
    assert_eq!(compare(CONTRACT, CONTRACT), (vec![], vec![]));
    for (from, to, path) in [
        ("tags: [String!]!", "tags: [String!]", "Thing.tags"),
        ("name: String", "name: Int", "Thing.name"),
        ("): Thing!", "): Thing", "Query.thing"),
        ("order: Order = UP", "order: Order", "Query.thing(order)"),
        ("order: Order = UP", "order: Order! = UP", "Query.thing(order)"),
        ("b: Int = 1", "b: Int = 2", "Choice.b"),
        ("text: String!", "text: String! more: Int!", "Wish.more"),
        ("thing(id: ID!", "thing(id: ID!, at: Time!", "Query.thing(at)"),
        ("enum Order { UP DOWN }", "scalar Order", "Order"),
        ("input Wish", "input Wish @oneOf", "Wish @oneOf"),
    ] {
        assert!(CONTRACT.contains(from));
        let (broken, _) = compare(CONTRACT, &CONTRACT.replace(from, to));
        assert!(
            broken.iter().any(|text| text.starts_with(&format!("{path}: "))),
            "{to}: {broken:?}"
        );
    }
    for (from, to, path) in [
        ("name: String", "title: String", "Thing.name"),
        ("id: ID!, order: Order = UP", "id: ID!", "Query.thing(order)"),
        ("UP DOWN", "UP", "Order.DOWN"),
        ("type Thing implements Node", "type Thing", "Thing implements Node"),
        ("@oneOf", "", "Choice @oneOf"),
        ("time\")", "other\")", "Time @specifiedBy(url: \"https://example.test/time\")"),
        ("input Wish", "input Want", "Wish"),
    ] {
        assert!(CONTRACT.contains(from));
        let (_, missing) = compare(CONTRACT, &CONTRACT.replace(from, to));
        assert_eq!(missing, [path], "{to}");
    }
    let grown = CONTRACT.replace("text: String!", "text: String! more: Int = 1 most: Int");
    assert_eq!(compare(CONTRACT, &grown), (vec![], vec![]), "additions break nobody");
}

/// An item of a schema by its path: `Query`, `Query.node`, `Query.node(id)`, `Role.ADMIN`,
/// `ExportSource @oneOf`, `Job implements Node`.
type Items = BTreeMap<String, Item>;

struct Item {
    /// Properties that clients rely on: kind of a type, type and default of a field or argument.
    says: String,
    is_described: bool,
    /// True if clients must provide a value.
    is_required: bool,
}

/// Returns what `schema` breaks of `contract`, and the items that it lacks.
fn compare(contract: &str, schema: &str) -> (Vec<String>, Vec<String>) {
    let (contract, schema) = (items(contract), items(schema));
    let mut broken = Vec::new();
    let mut missing = Vec::new();
    for (path, Item { says, .. }) in &contract {
        match schema.get(path) {
            Some(item) if item.says == *says => {}
            Some(item) => broken.push(format!("{path}: is {}, was {says}", item.says)),
            None if parent(path).is_none_or(|parent| schema.contains_key(parent)) => {
                missing.push(path.clone());
            }
            None => {}
        }
    }
    for (path, item) in &schema {
        let is_new = !contract.contains_key(path);
        let is_inside = parent(path).is_some_and(|parent| contract.contains_key(parent));
        if is_new && is_inside && item.is_required {
            broken.push(format!("{path}: is required, was not there"));
        }
    }
    (broken, missing)
}

/// Returns the item that contains an item: `Query.node` for `Query.node(id)`.
fn parent(path: &str) -> Option<&str> {
    path.find(' ').or_else(|| path.rfind(['(', '.'])).map(|end| &path[..end])
}

fn items(sdl: &str) -> Items {
    let mut items = Items::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition {
            add_type(&mut items, definition.node);
        }
    }
    items
}

fn add_type(items: &mut Items, definition: TypeDefinition) {
    let TypeDefinition { name, description, directives, kind, extend: _ } = definition;
    let name = name.node.to_string();
    for directive in directives {
        // One that forbids what was allowed.
        let is_required = directive.node.name.node == "oneOf";
        let item = Item { says: "directive".to_owned(), is_described: true, is_required };
        items.insert(format!("{name} {}", print(&directive.node)), item);
    }
    let mut add = |path: String, says: &str, is_described: bool| {
        items.insert(path, Item { says: says.to_owned(), is_described, is_required: false });
    };
    let is_described = description.is_some();
    match kind {
        TypeKind::Scalar => add(name, "scalar", is_described),
        TypeKind::Union(union) => {
            add(name.clone(), "union", is_described);
            for member in union.members {
                add(format!("{name}.{}", member.node), "member", true);
            }
        }
        TypeKind::Enum(values) => {
            add(name.clone(), "enum", is_described);
            for value in values.values {
                let value = value.node;
                add(format!("{name}.{}", value.value.node), "value", value.description.is_some());
            }
        }
        TypeKind::InputObject(InputObjectType { fields }) => {
            add(name.clone(), "input", is_described);
            for field in fields {
                add_input(items, format!("{name}.{}", field.node.name.node), &field.node);
            }
        }
        TypeKind::Object(object) => {
            add(name.clone(), "type", is_described);
            for interface in object.implements {
                add(format!("{name} implements {}", interface.node), "interface", true);
            }
            add_fields(items, &name, object.fields);
        }
        TypeKind::Interface(interface) => {
            add(name.clone(), "interface", is_described);
            for other in interface.implements {
                add(format!("{name} implements {}", other.node), "interface", true);
            }
            add_fields(items, &name, interface.fields);
        }
    }
}

fn add_fields(items: &mut Items, name: &str, fields: Vec<Positioned<FieldDefinition>>) {
    for field in fields {
        let FieldDefinition { description, name: field, arguments, ty, .. } = field.node;
        let path = format!("{name}.{}", field.node);
        for argument in arguments {
            let name = &argument.node.name.node;
            add_input(items, format!("{path}({name})"), &argument.node);
        }
        let says = ty.node.to_string();
        let is_described = description.is_some();
        items.insert(path, Item { says, is_described, is_required: false });
    }
}

fn add_input(items: &mut Items, path: String, input: &InputValueDefinition) {
    let ty = input.ty.node.to_string();
    let is_required = ty.ends_with('!') && input.default_value.is_none();
    let says = match &input.default_value {
        Some(value) => format!("{ty} = {}", value.node),
        None => ty,
    };
    items.insert(path, Item { says, is_described: input.description.is_some(), is_required });
}

fn print(ConstDirective { name, arguments }: &ConstDirective) -> String {
    let arguments: Vec<_> =
        arguments.iter().map(|(name, value)| format!("{}: {}", name.node, value.node)).collect();
    if arguments.is_empty() {
        format!("@{}", name.node)
    } else {
        format!("@{}({})", name.node, arguments.join(", "))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
