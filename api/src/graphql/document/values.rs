//! Rules on values that apollo-compiler does not check: unique fields in input objects (GraphQL,
//! section 5.6.3), exactly one field in `@oneOf` objects (5.6.5), and nullable variables in lists of
//! non-null items, where no default replaces a null (5.8.5).

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Directive, Type, Value, VariableDefinition},
    executable::{Field, Selection, SelectionSet},
    schema::{ExtendedType, InputObjectType},
    validation::Valid,
};

use super::refusal::{self, MAX_REFUSALS, Refusal};

/// Returns the errors in the values of `document`.
pub(super) fn check(schema: &Valid<Schema>, document: &ExecutableDocument) -> Vec<Refusal> {
    let mut found = Vec::new();
    for operation in document.operations.iter() {
        let variables = &operation.variables;
        let seen = HashSet::new();
        let mut check = Check { schema, document, variables, seen, found: Vec::new() };
        for variable in variables {
            if let Some(default) = &variable.default_value {
                check.value(&variable.ty, default);
            }
        }
        check.directives(&operation.directives);
        check.set(&operation.selection_set);
        found.append(&mut check.found);
    }
    found.truncate(MAX_REFUSALS);
    found
}

/// Returns true if exactly one field of the object must be given.
pub(super) fn is_one_of(object: &InputObjectType) -> bool {
    object.directives.has("oneOf")
}

struct Check<'a> {
    schema: &'a Valid<Schema>,
    document: &'a ExecutableDocument,
    /// Variables of the operation, which the fragments that it spreads use, too.
    variables: &'a [Node<VariableDefinition>],
    seen: HashSet<&'a Name>,
    found: Vec<Refusal>,
}

impl<'a> Check<'a> {
    fn set(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(field);
                    self.set(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.seen.insert(&spread.fragment_name)
                    {
                        self.set(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn arguments(&mut self, field: &Field) {
        for argument in &field.arguments {
            if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                self.value(&definition.ty, &argument.value);
            }
        }
    }

    fn directives(&mut self, directives: &[Node<Directive>]) {
        for argument in directives.iter().flat_map(|directive| &directive.arguments) {
            self.keys(&argument.value);
        }
    }

    fn value(&mut self, ty: &Type, value: &Node<Value>) {
        match (ty, value.as_ref()) {
            (Type::List(item) | Type::NonNullList(item), Value::List(values)) => {
                for value in values {
                    self.item(item, value);
                }
            }
            // A single value stands for a list of one.
            (Type::List(item) | Type::NonNullList(item), _) => self.value(item, value),
            (Type::Named(name) | Type::NonNullNamed(name), Value::Object(fields)) => {
                let schema = self.schema;
                match schema.types.get(name) {
                    Some(ExtendedType::InputObject(object)) => self.object(object, value, fields),
                    // A scalar that accepts any value.
                    _ => {
                        self.keys(value);
                        self.numbers(value);
                    }
                }
            }
            (Type::Named(name) | Type::NonNullNamed(name), _) => {
                self.keys(value);
                if name == "JSON" {
                    self.numbers(value);
                }
            }
        }
    }

    /// Refuses numbers of a JSON value that would not come back as they are written. Variables keep
    /// any number as it is.
    fn numbers(&mut self, value: &Node<Value>) {
        let digits = match value.as_ref() {
            Value::Int(number) => number.as_str(),
            Value::Float(number) => number.as_str(),
            Value::List(values) => return values.iter().for_each(|value| self.numbers(value)),
            Value::Object(fields) => {
                return fields.iter().for_each(|(_, value)| self.numbers(value));
            }
            Value::Null
            | Value::Variable(_)
            | Value::Enum(_)
            | Value::String(_)
            | Value::Boolean(_) => return,
        };
        let kept = digits.parse::<serde_json::Number>().map(|number| number.to_string());
        if kept.as_deref().ok() != Some(digits) {
            let message = format!(
                "The number {digits} can't be kept as it is written in a document: give the JSON \
                 value in a variable."
            );
            self.refuse(message, value);
        }
    }

    fn item(&mut self, ty: &Type, value: &Node<Value>) {
        if let Value::Variable(name) = value.as_ref()
            && let Some(variable) = self.variables.iter().find(|known| known.name == *name)
            && ty.is_non_null()
            && !variable.ty.is_non_null()
            && variable.default_value.as_ref().is_none_or(|default| default.is_null())
        {
            let used = &variable.ty;
            self.refuse(
                format!("Variable \"${name}\" of type \"{used}\" used in position expecting type \"{ty}\"."),
                value,
            );
        }
        self.value(ty, value);
    }

    fn object(
        &mut self,
        object: &InputObjectType,
        value: &Node<Value>,
        fields: &[(Name, Node<Value>)],
    ) {
        self.unique(fields);
        if is_one_of(object) && !self.gives_one(fields) {
            let name = &object.name;
            self.refuse(
                format!(
                    "OneOf Input Object \"{name}\" must specify exactly one key, and not null."
                ),
                value,
            );
        }
        for (name, value) in fields {
            if let Some(field) = object.fields.get(name) {
                self.value(&field.ty, value);
            }
        }
    }

    fn gives_one(&self, fields: &[(Name, Node<Value>)]) -> bool {
        let [(_, value)] = fields else { return false };
        match value.as_ref() {
            Value::Null => false,
            Value::Variable(name) => {
                let known = self.variables.iter().find(|variable| variable.name == *name);
                known.is_none_or(|variable| variable.ty.is_non_null())
            }
            Value::Enum(_)
            | Value::String(_)
            | Value::Float(_)
            | Value::Int(_)
            | Value::Boolean(_)
            | Value::List(_)
            | Value::Object(_) => true,
        }
    }

    /// Checks a value whose type does not define its fields.
    fn keys(&mut self, value: &Node<Value>) {
        match value.as_ref() {
            Value::Object(fields) => {
                self.unique(fields);
                for (_, value) in fields {
                    self.keys(value);
                }
            }
            Value::List(values) => values.iter().for_each(|value| self.keys(value)),
            Value::Null
            | Value::Variable(_)
            | Value::Enum(_)
            | Value::String(_)
            | Value::Float(_)
            | Value::Int(_)
            | Value::Boolean(_) => {}
        }
    }

    fn unique(&mut self, fields: &[(Name, Node<Value>)]) {
        let mut names = HashSet::new();
        for (name, value) in fields {
            if !names.insert(name) {
                self.refuse(format!("There can be only one input field named \"{name}\"."), value);
            }
        }
    }

    fn refuse(&mut self, message: String, at: &Node<Value>) {
        let place = at
            .line_column_range(&self.document.sources)
            .map(|range| refusal::position(&range.start));
        if self.found.len() < MAX_REFUSALS {
            self.found.push(Refusal::invalid(message, place));
        }
    }
}
