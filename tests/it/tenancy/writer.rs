//! An operation on one root field, written from the schema.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type};

use super::{
    attempts::{RECORDED_LATER, Special},
    schema::{Schema, base, is_required},
};

pub(super) struct Writer<'a> {
    pub schema: &'a Schema,
    pub special: Special<'a>,
    /// Maximum depth of nested types. It is small if the argument is all that matters, since everything is
    /// selected once elsewhere.
    pub depth: usize,
    pub node: String,
    pub variables: BTreeMap<&'static str, &'static str>,
    pub cursor: Option<String>,
    pub selects: BTreeSet<String>,
    pub gives: BTreeSet<String>,
    pub unknown: &'a mut BTreeSet<String>,
}

impl Writer<'_> {
    /// A field of `parent` with everything below it that isn't above it, too.
    pub(super) fn field(
        &mut self,
        parent: &str,
        field: &FieldDefinition,
        above: &mut Vec<String>,
        is_one_of_many: bool,
    ) -> String {
        let head = self.head(parent, field);
        let below = self.selection(base(&field.ty.node), above);
        // Fields of different types may not share a name.
        let name = &field.name.node;
        let alias = if is_one_of_many { format!("{parent}_{name}: ") } else { String::new() };
        self.selects.insert(format!("{parent}.{name}"));
        format!("{alias}{head}{below}")
    }

    /// A field of `parent` with its arguments.
    pub(super) fn head(&mut self, parent: &str, field: &FieldDefinition) -> String {
        let (name, path) = (&field.name.node, format!("{parent}.{}", field.name.node));
        let given = field.arguments.iter();
        let given = given.filter_map(|it| self.input(&path, String::new(), &it.node));
        let given: Vec<_> = given.collect();
        let arguments =
            if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) };
        format!("{name}{arguments}")
    }

    fn selection(&mut self, ty: &str, above: &mut Vec<String>) -> String {
        let possible: Vec<_> = self.schema.possible(ty).into_iter().map(str::to_owned).collect();
        if possible.is_empty() {
            return String::new();
        }
        if possible.iter().any(|it| above.contains(it)) || above.len() == self.depth {
            return " { __typename }".to_owned();
        }
        let is_one_of_many = possible != [ty];
        let mut text = " { __typename".to_owned();
        for object in possible {
            above.push(object.clone());
            let fields: Vec<_> = self
                .schema
                .fields(&object)
                .into_iter()
                .map(|field| self.field(&object, field, above, is_one_of_many))
                .collect();
            above.pop();
            text += &if is_one_of_many {
                format!(" ... on {object} {{ {} }}", fields.join(" "))
            } else {
                format!(" {}", fields.join(" "))
            };
        }
        text + " }"
    }

    /// An argument or a field of one, where it's given.
    fn input(&mut self, of: &str, above: String, input: &InputValueDefinition) -> Option<String> {
        let name = &input.name.node;
        let path = format!("{above}{name}");
        let full = format!("{of}({path})");
        if !self.is_given(of, &full, input) {
            return None;
        }
        let ty = &input.ty.node;
        let value = match self.schema.inputs(base(ty)) {
            None => self.value(of, &full, name, ty)?,
            Some((inputs, is_one_of)) => {
                let mut given: Vec<_> = inputs
                    .into_iter()
                    .filter_map(|it| self.input(of, format!("{path}."), it))
                    .collect();
                if is_one_of && given.is_empty() {
                    given.push("auditLogs: {}".to_owned());
                }
                in_list(ty, format!("{{ {} }}", given.join(", ")))
            }
        };
        self.gives.insert(full);
        Some(format!("{name}: {value}"))
    }

    fn is_given(&self, of: &str, full: &str, input: &InputValueDefinition) -> bool {
        let inside = format!("{}.", full.trim_end_matches(')'));
        let is_asked_for = |argument: &str| argument == full || argument.starts_with(&inside);
        // By exactly one of the two.
        let is_other = full == "Query.organization(id)";
        match self.special {
            Special::With(argument) if is_asked_for(argument) => return true,
            Special::With("Query.organization(slug)") if is_other => return false,
            Special::Without(argument) if argument == full => return false,
            _ => {}
        }
        // Nobody waits for what happens next.
        let is_past = of == "Subscription.auditLogRecorded" && full.ends_with("(after)");
        is_required(input) || base(&input.ty.node) == "ID" || is_past
    }

    fn value(&mut self, of: &str, full: &str, name: &str, ty: &Type) -> Option<String> {
        let value = match (base(ty), name) {
            ("ID", _) => self.thing(full, name)?,
            ("String", "after" | "before") => {
                let is_later =
                    matches!(self.special, Special::With(it) if it.starts_with(RECORDED_LATER));
                self.cursor = Some(if is_later { RECORDED_LATER } else { of }.to_owned());
                self.variables.insert("cursor", "String!");
                "$cursor".to_owned()
            }
            ("String", "slug") => {
                self.variables.insert("slug", "String!");
                "$slug".to_owned()
            }
            ("String", "name") if of == "Mutation.createWorkspace" => {
                self.variables.insert("name", "String!");
                "$name".to_owned()
            }
            // What the organization has used before.
            ("String", "idempotencyKey") => "\"once\"".to_owned(),
            ("String", "path") if full.contains("filter.extra") => "\"/a\"".to_owned(),
            ("String", "path") => format!("\"path-{}\"", full.len()),
            ("String", "ipAddress") => "\"192.0.2.1\"".to_owned(),
            ("String", _) => "\"carol\"".to_owned(),
            ("Int", _) => "1".to_owned(),
            ("BigInt", _) => "\"1\"".to_owned(),
            ("Boolean", _) => "true".to_owned(),
            ("DateTime", "from" | "createdFrom" | "timestamp") => {
                "\"2020-01-01T00:00:00Z\"".to_owned()
            }
            ("DateTime", _) => {
                let later = daybook_service::Clock::default().now() + chrono::TimeDelta::days(1);
                format!("\"{}T00:00:00Z\"", later.date_naive())
            }
            ("JSON", _) => "{ a: 1 }".to_owned(),
            ("JobKind", _) => "EXPORT".to_owned(),
            ("Role", _) => "WRITER".to_owned(),
            ("ExportFormat", _) => {
                let is_of_notes =
                    matches!(self.special, Special::With(it) if it.contains("source.notes"));
                if is_of_notes { "MARKDOWN" } else { "CSV" }.to_owned()
            }
            (other, _) => match self.schema.first_value(other) {
                Some(value) => value.to_owned(),
                None => {
                    self.unknown.insert(format!("a value for {full}"));
                    return None;
                }
            },
        };
        Some(in_list(ty, value))
    }

    /// The ID of what is asked for.
    fn thing(&mut self, full: &str, name: &str) -> Option<String> {
        let thing = match (name, self.node.as_str()) {
            ("organizationId", _) | ("id" | "ids", "Organization") => "organization",
            ("jobId", _) | ("id" | "ids", "ExportJob") => "job",
            ("workspaceId", _) | ("id" | "ids", "Workspace") => "workspace",
            ("noteId", _) | ("id" | "ids", "Note") => "note",
            ("apiKeyId", _) | ("id" | "ids", "ApiKey") => "key",
            ("id" | "ids", "BackupJob") => "backup",
            ("id" | "ids", "AuditLog") => "entry",
            (_, node) => {
                self.unknown.insert(format!("an ID of {node} for {full}"));
                return None;
            }
        };
        self.variables.insert(thing, "ID!");
        Some(format!("${thing}"))
    }
}

fn in_list(ty: &Type, value: String) -> String {
    match &ty.base {
        BaseType::Named(_) => value,
        BaseType::List(inner) => format!("[{}]", in_list(inner, value)),
    }
}
