//! From a page of the domain to a connection (GraphQL Cursor Connections Specification).

use async_graphql::{
    ObjectType, OutputType,
    connection::{Connection, Edge, EmptyFields},
};
use daybook_service::page::{Item, Page, PageArgs};

/// A connection with fields of its own beside `edges`, `nodes` and `pageInfo`.
pub(super) type ConnectionWith<N, F> = Connection<String, N, F, EmptyFields>;

/// Returns the four arguments of a connection as the domain takes them.
pub(super) fn args(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> PageArgs {
    PageArgs { first, after, last, before }
}

/// Returns `page` as a connection. `node` makes a GraphQL object of each row.
pub(super) fn connection<T, N, F>(
    page: Page<T>,
    fields: F,
    node: impl Fn(T) -> N,
) -> ConnectionWith<N, F>
where
    N: OutputType,
    F: ObjectType,
{
    let Page { items, has_next, has_previous } = page;
    let mut connection = Connection::with_additional_fields(has_previous, has_next, fields);
    let edge = |Item { cursor, node: row }| Edge::new(cursor, node(row));
    connection.edges = items.into_iter().map(edge).collect();
    connection
}
