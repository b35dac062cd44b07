//! Pages of any table that has a creation time and an id.

use database::Error;
use payments_model::page::{Page, PagePosition, PageRequest, SortOrder};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

/// The sort key of a row in its list.
pub(crate) type Key = (i64, Uuid);

/// How to page through `E`.
pub(crate) struct Paging<E: EntityTrait> {
    pub(crate) created_at: E::Column,
    pub(crate) id: E::Column,
    pub(crate) key: fn(&E::Model) -> Key,
}

impl<E: EntityTrait> Paging<E> {
    /// The page of `select`, which has all conditions of the list. A cursor that is not in the list gives an empty
    /// page.
    pub(crate) async fn page<C: ConnectionTrait>(
        &self,
        connection: &C,
        select: Select<E>,
        request: PageRequest,
    ) -> Result<Page<E::Model>, Error> {
        let size = usize::from(request.size);
        let (cursor, backwards) = match request.position {
            PagePosition::Start => (None, false),
            PagePosition::After(id) => (Some(id), false),
            PagePosition::Before(id) => (Some(id), true),
        };
        let cursor = match cursor {
            None => None,
            Some(id) => match select.clone().filter(self.id.eq(id)).one(connection).await? {
                Some(row) => Some((self.key)(&row)),
                None => return Ok(Page::empty()),
            },
        };
        let order = if backwards { reversed(request.order) } else { request.order };
        let mut rows =
            self.ordered(select.clone(), cursor, order).limit(u64::from(request.size) + 1).all(connection).await?;
        let more = rows.len() > size;
        rows.truncate(size);
        if backwards {
            rows.reverse();
        }
        // On the other side there is at least the cursor's own row.
        let other_side = cursor.is_some() && !rows.is_empty();
        let (has_next, has_previous) = if backwards { (other_side, more) } else { (more, other_side) };
        Ok(Page { items: rows, has_next, has_previous })
    }

    /// The rows strictly after `cursor` in this order.
    fn ordered(&self, select: Select<E>, cursor: Option<Key>, order: SortOrder) -> Select<E> {
        let direction = match order {
            SortOrder::Ascending => Order::Asc,
            SortOrder::Descending => Order::Desc,
        };
        let select = select.order_by(self.created_at, direction.clone()).order_by(self.id, direction);
        let Some((created_at, id)) = cursor else { return select };
        let (time, tie) = match order {
            SortOrder::Ascending => (self.created_at.gt(created_at), self.id.gt(id)),
            SortOrder::Descending => (self.created_at.lt(created_at), self.id.lt(id)),
        };
        let same_time = Condition::all().add(self.created_at.eq(created_at)).add(tie);
        select.filter(Condition::any().add(time).add(same_time))
    }
}

fn reversed(order: SortOrder) -> SortOrder {
    match order {
        SortOrder::Ascending => SortOrder::Descending,
        SortOrder::Descending => SortOrder::Ascending,
    }
}
