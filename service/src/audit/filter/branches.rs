//! The parts of a filter that one index each has in a list's order.
//!
//! An index has the entries with one value in the order of a list; the entries with any of several
//! values it has one value after the other. So a page of those is made of a page for each value.

use sea_orm::Condition;

use super::{
    condition::{RelatedPage, Resources, Translation, add_conditions, of_log},
    definition::Filter,
};

/// An alternative of a filter.
#[derive(Clone)]
pub(in crate::audit) struct Branch {
    pub(in crate::audit) condition: Condition,
    /// True for entries that are looked up one by one. Asked for in another order than that of
    /// sequences, SQLite would rather walk the whole log in that order.
    pub(in crate::audit) is_looked_up: bool,
}

/// A field of a filter that an index serves.
#[derive(Copy, Clone)]
enum Field {
    RequestId,
    ResourceId,
    ActorId,
    ActorEmail,
    Action,
    ResourceType,
    Outcome,
    ActorType,
}

/// The fields that an index serves, first those whose values usually have the fewest entries.
const FIELDS: [Field; 8] = [
    Field::RequestId,
    Field::ResourceId,
    Field::ActorId,
    Field::ActorEmail,
    Field::Action,
    Field::ResourceType,
    Field::Outcome,
    Field::ActorType,
];

/// Returns alternatives on one organization's log, of which an entry that passes meets at least
/// one, except the search. There is only one if no index serves each of several.
pub(in crate::audit) fn branches(
    filter: &Filter,
    translation: Translation,
    page: RelatedPage,
) -> Vec<Branch> {
    let log = of_log(translation);
    indexed(&log, filter, (translation, page)).unwrap_or_else(|| {
        let condition = add_conditions(log, filter, translation, Resources::All);
        vec![Branch { condition, is_looked_up: false }]
    })
}

/// True if all conditions are the values of one field that an index serves, or alternatives of
/// this kind.
pub(in crate::audit) fn has_index(filter: &Filter) -> bool {
    if let Some(field) = driver(filter) {
        return field.keep(filter, None).is_empty();
    }
    let rest = Filter { any_of: Vec::new(), ..filter.clone() };
    rest.is_empty() && filter.any_of.iter().all(has_index)
}

/// Returns alternatives that also meet `base`, of which an index serves each; none if there are no
/// such alternatives.
fn indexed(
    base: &Condition,
    filter: &Filter,
    (translation, page): (Translation, RelatedPage),
) -> Option<Vec<Branch>> {
    if let Some(driver) = driver(filter) {
        let values = (0..driver.length(filter)).map(|index| driver.keep(filter, Some(index)));
        let branches = values.flat_map(|filter| {
            let sides = match filter.has_resource() {
                true => vec![Resources::Own, Resources::Related(page)],
                false => vec![Resources::All],
            };
            let side = |side| Branch {
                condition: add_conditions(base.clone(), &filter, translation, side),
                is_looked_up: matches!(side, Resources::Related(_)),
            };
            sides.into_iter().map(side).collect::<Vec<_>>()
        });
        return Some(branches.collect());
    }
    if filter.any_of.is_empty() {
        return None;
    }
    let rest = Filter { any_of: Vec::new(), ..filter.clone() };
    let page = match rest.is_empty() {
        true => page,
        // These conditions may leave out any entry of a page.
        false => RelatedPage { order: None, ..page },
    };
    let base = add_conditions(base.clone(), &rest, translation, Resources::All);
    let branches = filter.any_of.iter().map(|filter| indexed(&base, filter, (translation, page)));
    Some(branches.collect::<Option<Vec<_>>>()?.concat())
}

/// Returns the field whose index leads to the entries; none if no field has an index for each of
/// its values.
fn driver(filter: &Filter) -> Option<Field> {
    let is_prefix = filter.has_action_prefix();
    FIELDS
        .into_iter()
        .filter(|field| !(is_prefix && matches!(field, Field::Action)))
        .find(|field| field.length(filter) > 0)
}

impl Field {
    /// Returns the number of its values.
    fn length(self, filter: &Filter) -> usize {
        match self {
            Self::RequestId => filter.request_id.len(),
            Self::ResourceId => filter.resource_id.len(),
            Self::ActorId => filter.actor_id.len(),
            Self::ActorEmail => filter.actor_email.len(),
            Self::Action => filter.action.len(),
            Self::ResourceType => filter.resource_type.len(),
            Self::Outcome => filter.outcome.len(),
            Self::ActorType => filter.actor_type.len(),
        }
    }

    /// Returns the filter with only this one of the field's values, or with none of them.
    fn keep(self, filter: &Filter, index: Option<usize>) -> Filter {
        fn keep<T>(values: &mut Vec<T>, index: Option<usize>) {
            let kept = index.map(|index| values.swap_remove(index));
            *values = kept.into_iter().collect();
        }
        let mut filter = filter.clone();
        match self {
            Self::RequestId => keep(&mut filter.request_id, index),
            Self::ResourceId => keep(&mut filter.resource_id, index),
            Self::ActorId => keep(&mut filter.actor_id, index),
            Self::ActorEmail => keep(&mut filter.actor_email, index),
            Self::Action => keep(&mut filter.action, index),
            Self::ResourceType => keep(&mut filter.resource_type, index),
            Self::Outcome => keep(&mut filter.outcome, index),
            Self::ActorType => keep(&mut filter.actor_type, index),
        }
        filter
    }
}
