//! Pages of lists: arguments, page info, and connections.
//! The queries behind them are in the stores.

use async_graphql::{Enum, InputObject, SimpleObject};
use payments_model::page::{PageArguments, PageError, PageRequest};

/// In which direction a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum SortOrder {
    #[graphql(name = "ASC")]
    Ascending,
    #[default]
    #[graphql(name = "DESC")]
    Descending,
}

/// Only these, none of those. An empty list restricts nothing.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct FilterString {
    #[graphql(name = "in")]
    pub(crate) only: Option<Vec<String>>,
    pub(crate) not_in: Option<Vec<String>>,
}

impl FilterString {
    /// Only these, and none of those.
    pub(crate) fn both(filter: Option<Self>) -> (Option<Vec<String>>, Vec<String>) {
        let filter = filter.unwrap_or_default();
        (filter.only.filter(|names| !names.is_empty()), filter.not_in.unwrap_or_default())
    }
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PageInfo {
    pub(crate) end_cursor: Option<String>,
    pub(crate) has_next_page: bool,
    pub(crate) has_previous_page: bool,
    pub(crate) start_cursor: Option<String>,
}

/// The page meant by the arguments of a list.
pub(crate) fn page_request(
    after: Option<String>,
    before: Option<String>,
    first: Option<i32>,
    last: Option<i32>,
    order: Option<SortOrder>,
) -> Result<PageRequest, PageError> {
    let order = match order.unwrap_or_default() {
        SortOrder::Ascending => payments_model::page::SortOrder::Ascending,
        SortOrder::Descending => payments_model::page::SortOrder::Descending,
    };
    PageArguments { after, before, first: first.map(i64::from), last: last.map(i64::from), order }.request()
}

/// A connection type with its edge type, made from a page of the model.
macro_rules! connection {
    ($connection:ident as $connection_name:literal, $edge:ident as $edge_name:literal, $node:ident of $value:ty) => {
        #[derive(async_graphql::SimpleObject)]
        #[graphql(name = $connection_name)]
        pub(crate) struct $connection {
            page_info: $crate::types::page::PageInfo,
            edges: Vec<$edge>,
        }

        #[derive(async_graphql::SimpleObject)]
        #[graphql(name = $edge_name)]
        pub(crate) struct $edge {
            node: $node,
            cursor: String,
        }

        impl From<payments_model::page::Page<$value>> for $connection {
            fn from(page: payments_model::page::Page<$value>) -> Self {
                let edges: Vec<_> = page
                    .items
                    .into_iter()
                    .map(|value| {
                        let node = $node::from(value);
                        $edge { cursor: node.cursor(), node }
                    })
                    .collect();
                let page_info = $crate::types::page::PageInfo {
                    end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                    has_next_page: page.has_next,
                    has_previous_page: page.has_previous,
                    start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                };
                Self { page_info, edges }
            }
        }
    };
}
pub(crate) use connection;
