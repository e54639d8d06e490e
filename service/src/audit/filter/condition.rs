//! A filter's conditions, in SQL.

use std::ops::RangeInclusive;

use daybook_entity::audit_log::Column;
use sea_orm::{
    ColumnTrait, Condition, DbBackend, ExprTrait, Order as Sort, Value,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    definition::{Filter, is_prefix},
    extra,
};
use crate::{
    audit::{
        comparable::{address_range, folded},
        search::RESOURCES_TABLE,
    },
    page::Order,
};

/// The log that a filter's conditions are about, and the engine that evaluates them.
#[derive(Copy, Clone)]
pub(in crate::audit) struct Translation {
    pub(in crate::audit) organization_id: Uuid,
    pub(in crate::audit) backend: DbBackend,
}

/// The entries of a page that are looked up by their related resources.
#[derive(Copy, Clone)]
pub(in crate::audit) struct RelatedPage {
    /// The first and the last sequence that the page may have.
    pub(in crate::audit) range: (i64, i64),
    /// The order and length of a page in the order of sequences; none in another order.
    pub(in crate::audit) order: Option<(Order, u64)>,
}

/// The resources of an entry that the conditions on resources are about.
#[derive(Copy, Clone)]
pub(super) enum Resources {
    /// The entry's own and the related ones, looked up for each entry.
    All,
    /// The entry's own one.
    Own,
    /// The related ones, looked up first for a page.
    Related(RelatedPage),
    /// The related ones, looked up first. The entry's own one does not meet the conditions.
    RelatedOnly,
}

/// Returns all conditions on one organization's log, except the search.
pub(in crate::audit) fn condition(filter: &Filter, translation: Translation) -> Condition {
    add_conditions(of_log(translation), filter, translation, Resources::All)
}

/// Returns alternatives that exclude each other: an entry that passes meets exactly one of them.
/// For an index, a resource of the entry's own and a related one are conditions on two tables.
pub(in crate::audit) fn sides(filter: &Filter, translation: Translation) -> Vec<Condition> {
    let sides = match filter.has_resource() {
        true => &[Resources::Own, Resources::RelatedOnly][..],
        false => &[Resources::All],
    };
    let side = |side: &_| add_conditions(of_log(translation), filter, translation, *side);
    sides.iter().map(side).collect()
}

/// Returns the condition that entries are of the log.
pub(super) fn of_log(translation: Translation) -> Condition {
    Condition::all().add(Column::OrganizationId.eq(translation.organization_id))
}

/// Adds the conditions of a filter to `all`.
pub(super) fn add_conditions(
    all: Condition,
    filter: &Filter,
    translation: Translation,
    resources: Resources,
) -> Condition {
    let nested = |filter| add_conditions(Condition::all(), filter, translation, Resources::All);
    let emails: Vec<_> = filter.actor_email.iter().map(|email| folded(email)).collect();
    let all = all
        .add_option(any(Column::ActorId, &filter.actor_id))
        .add_option(any(Column::ActorEmailFolded, &emails))
        .add_option(any(Column::ActorType, &filter.actor_type))
        .add_option(any_action(&filter.action))
        .add_option(any(Column::Outcome, &filter.outcome));
    let all = add_resource(all, filter, translation, resources)
        .add_option(any(Column::RequestId, &filter.request_id))
        .add_option(filter.from.map(|from| Column::Timestamp.gte(from)))
        .add_option(filter.to.map(|to| Column::Timestamp.lt(to)))
        .add_option(filter.recorded_from.map(|from| Column::RecordedAt.gte(from)))
        .add_option(filter.recorded_to.map(|to| Column::RecordedAt.lt(to)))
        .add_option(filter.sequence_from.map(|from| Column::Sequence.gte(from)))
        .add_option(filter.sequence_to.map(|to| Column::Sequence.lte(to)))
        .add_option(filter.clock_skewed.map(clock_skewed))
        .add_option(any_network(&filter.ip_address))
        .add_option(any(Column::RecordedBy, &filter.recorded_by));
    let extra = filter.extra.iter().map(|extra| extra::condition(extra, translation.backend));
    let all = extra.fold(all, Condition::add);
    // In a CASE, also true for entries without the value that is compared.
    let not = filter.not.as_deref();
    let not =
        not.map(|not| SimpleExpr::Case(Box::new(Expr::case(nested(not), false).finally(true))));
    let any_of = filter.any_of.iter().map(nested).fold(Condition::any(), Condition::add);
    let any_of = (!any_of.is_empty()).then_some(any_of);
    all.add_option(not).add_option(any_of)
}

/// Returns the condition that a column has any of these values; none if there are none.
fn any<T: Clone + Into<Value>>(column: Column, values: &[T]) -> Option<SimpleExpr> {
    match values {
        [] => None,
        [value] => Some(column.eq(value.clone())),
        _ => Some(column.is_in(values.iter().cloned())),
    }
}

/// Returns the condition on the action. A range replaces LIKE, which would escape `%` and `_`
/// differently, ignore case on SQLite only, and not use the index for a bound value.
fn any_action(actions: &[String]) -> Option<Condition> {
    let (prefixes, exact): (Vec<String>, Vec<String>) =
        actions.iter().cloned().partition(|action| is_prefix(action));
    let exact = any(Column::Action, &exact);
    match &prefixes[..] {
        [] => exact.map(|exact| Condition::all().add(exact)),
        [prefix] if exact.is_none() => Some(begins_with(prefix)),
        _ => {
            let prefixes = prefixes.iter().map(|prefix| begins_with(prefix));
            Some(prefixes.fold(Condition::any().add_option(exact), Condition::add))
        }
    }
}

fn begins_with(pattern: &str) -> Condition {
    let prefix = pattern.strip_suffix('*').unwrap_or(pattern);
    let range = Condition::all().add(Column::Action.gte(prefix));
    match after_prefix(prefix) {
        Some(end) => range.add(Column::Action.lt(end)),
        None => range,
    }
}

/// Adds the conditions on resources to `all`.
fn add_resource(
    all: Condition,
    filter: &Filter,
    translation: Translation,
    resources: Resources,
) -> Condition {
    if !filter.has_resource() {
        return all;
    }
    let add_own = |all: Condition| {
        all.add_option(any(Column::ResourceType, &filter.resource_type))
            .add_option(any(Column::ResourceId, &filter.resource_id))
    };
    let related = || related(filter, translation);
    match resources {
        Resources::All => {
            let is_this =
                Expr::col((RESOURCES_TABLE, "sequence")).equals(Column::Sequence.as_column_ref());
            let related = Expr::exists(related().and_where(is_this).to_owned());
            all.add(Condition::any().add(add_own(Condition::all())).add(related))
        }
        Resources::Own => add_own(all),
        Resources::Related(page) => all.add(related_page(filter, translation, page)),
        Resources::RelatedOnly => {
            all.add(Column::Sequence.in_subquery(related())).add(add_own(Condition::all()).not())
        }
    }
}

/// Returns the condition that an entry of a page has such a related resource.
fn related_page(filter: &Filter, translation: Translation, page: RelatedPage) -> SimpleExpr {
    let (first, last) = page.range;
    // The index of an ID has the entries of one type in order. Without a type, the plus keeps the
    // planners from the index that has them all in order.
    let is_in_order = filter.resource_id.is_empty() || filter.resource_type.len() == 1;
    let sign = if is_in_order { "" } else { "+" };
    let sequence = || Expr::cust(format!("{sign}{RESOURCES_TABLE}.sequence"));
    let mut related = related(filter, translation);
    related.clear_selects().expr(sequence()).distinct();
    related.and_where(sequence().between(first, last));
    // Other conditions may leave out any of them.
    if let Some((order, limit)) = page.order.filter(|_| filter.is_resource_only()) {
        let sort = match order {
            Order::Ascending => Sort::Asc,
            Order::Descending => Sort::Desc,
        };
        related.order_by_expr(sequence(), sort).limit(limit);
    }
    if translation.backend != DbBackend::Postgres {
        return Column::Sequence.in_subquery(related);
    }
    // Of a subselect alone, PostgreSQL may think that walking the log and asking of each entry is
    // the shorter way.
    let related = Expr::SubQuery(None, Box::new(related.into()));
    Expr::cust_with_exprs("$1 = ANY(ARRAY $2)", [Column::Sequence.into_expr(), related])
}

/// Selects the sequences of the entries that have such a related resource.
fn related(filter: &Filter, translation: Translation) -> SelectStatement {
    let any = |column: &'static str, values: &[String]| {
        let column = Expr::col((RESOURCES_TABLE, column));
        match values {
            [] => None,
            [value] => Some(column.eq(value)),
            _ => Some(column.is_in(values)),
        }
    };
    let condition = Condition::all()
        .add(Expr::col((RESOURCES_TABLE, "organization_id")).eq(translation.organization_id))
        .add_option(any("resource_type", &filter.resource_type))
        .add_option(any("resource_id", &filter.resource_id));
    Query::select()
        .column((RESOURCES_TABLE, "sequence"))
        .from(RESOURCES_TABLE)
        .cond_where(condition)
        .to_owned()
}

/// Returns the condition that the address is in any of these networks.
fn any_network(networks: &[String]) -> Option<Condition> {
    let within = |network: &String| {
        let column = Column::IpAddressKey;
        match address_range(network).map(RangeInclusive::into_inner) {
            Some((first, last)) if first == last => column.eq(first),
            Some((first, last)) => column.between(first, last),
            // Refused before; no entry has such an address.
            None => Expr::val(false),
        }
    };
    let any = networks.iter().map(within).fold(Condition::any(), Condition::add);
    (!any.is_empty()).then_some(any)
}

/// Returns the condition as the partial index of these few entries has it.
fn clock_skewed(is_skewed: bool) -> SimpleExpr {
    let column = Expr::col(Column::ClockSkewed.as_column_ref());
    if is_skewed { column } else { column.not() }
}

/// Returns the first text, in byte order, after all that begin with `prefix`; `None` if there is
/// none.
pub(in crate::audit) fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Skips the surrogates, which are not characters.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_prefix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prefix_range_holds_what_begins_with_it_and_nothing_else(prefix: String, other: String) {
            let is_in_range = other >= prefix && after_prefix(&prefix).is_none_or(|end| other < end);
            prop_assert_eq!(is_in_range, other.starts_with(&prefix));
            let longer = format!("{prefix}{other}");
            prop_assert!(longer >= prefix && after_prefix(&prefix).is_none_or(|end| longer < end));
        }
    }
}
