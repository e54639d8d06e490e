//! The schema, by which the attempts are checked for completeness.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
        TypeSystemDefinition,
    },
};

/// The types by name.
pub(crate) struct Schema(BTreeMap<String, TypeDefinition>);

pub(crate) const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

impl Schema {
    pub(crate) fn read() -> Self {
        let definitions = parse_schema(daybook_api::graphql::sdl()).unwrap().definitions;
        let types = definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node)),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
        Self(types.collect())
    }

    fn kind(&self, ty: &str) -> Option<&TypeKind> {
        self.0.get(ty).map(|definition| &definition.kind)
    }

    /// The fields of an object type; none of another.
    pub(crate) fn fields(&self, ty: &str) -> Vec<&FieldDefinition> {
        match self.kind(ty) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|it| &it.node).collect(),
            _ => Vec::new(),
        }
    }

    /// The object types that `ty` can be: itself, where it is one; none of a scalar or an enum.
    pub(crate) fn possible(&self, ty: &str) -> Vec<&str> {
        let is_it = |definition: &TypeDefinition| match &definition.kind {
            TypeKind::Object(object) => {
                definition.name.node == ty || object.implements.iter().any(|it| it.node == ty)
            }
            _ => false,
        };
        self.0.iter().filter(|(_, it)| is_it(it)).map(|(name, _)| name.as_str()).collect()
    }

    /// The fields of an input type, and whether exactly one is given.
    pub(crate) fn inputs(&self, ty: &str) -> Option<(Vec<&InputValueDefinition>, bool)> {
        let definition = self.0.get(ty)?;
        let TypeKind::InputObject(object) = &definition.kind else { return None };
        let is_one_of = definition.directives.iter().any(|it| it.node.name.node == "oneOf");
        Some((object.fields.iter().map(|it| &it.node).collect(), is_one_of))
    }

    /// The first value of an enum.
    pub(crate) fn first_value(&self, ty: &str) -> Option<&str> {
        match self.kind(ty)? {
            TypeKind::Enum(values) => values.values.first().map(|it| it.node.value.node.as_str()),
            _ => None,
        }
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| self.possible(name).contains(name))
    }

    /// Every field, as `Type.field`.
    pub(crate) fn all_fields(&self) -> BTreeSet<String> {
        let of = |ty| self.fields(ty).into_iter().map(move |it| format!("{ty}.{}", it.name.node));
        self.objects().flat_map(of).collect()
    }

    /// Every argument and everything in it, as `Type.field(argument.inner)`, and whether it's an ID that may be
    /// left out.
    pub(crate) fn all_arguments(&self) -> BTreeMap<String, bool> {
        let mut all = BTreeMap::new();
        for ty in self.objects() {
            for field in self.fields(ty) {
                let path = format!("{ty}.{}", field.name.node);
                for argument in &field.arguments {
                    self.add_inner(&path, String::new(), &argument.node, &mut all);
                }
            }
        }
        all
    }

    fn add_inner(
        &self,
        field: &str,
        above: String,
        input: &InputValueDefinition,
        all: &mut BTreeMap<String, bool>,
    ) {
        // A filter within a filter takes what a filter does.
        let is_of_filter = above.starts_with("filter.") || above.contains(".filter.");
        if is_of_filter && ["not", "anyOf"].contains(&input.name.node.as_str()) {
            return;
        }
        let path = format!("{above}{}", input.name.node);
        if let Some((inputs, _)) = self.inputs(base(&input.ty.node)) {
            for inner in inputs {
                self.add_inner(field, format!("{path}."), inner, all);
            }
        }
        let is_optional_id = base(&input.ty.node) == "ID" && !is_required(input);
        all.insert(format!("{field}({path})"), is_optional_id);
    }
}

/// The name of a type without lists.
pub(crate) fn base(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => base(inner),
    }
}

pub(crate) fn is_required(input: &InputValueDefinition) -> bool {
    !input.ty.node.nullable && input.default_value.is_none()
}
