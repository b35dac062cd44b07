//! Pages of any table that has a creation time and an id.
//! The filters of a list are in the file of its entity.

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
        let cursor = match cursor_of(request) {
            None => None,
            Some(id) => match self.cursor(connection, &select, id).await? {
                Some(cursor) => Some(cursor),
                None => return Ok(Page::empty()),
            },
        };
        let reading = Reading::new(request, cursor);
        let rows = self.read(connection, select, &reading).await?;
        Ok(reading.page(rows))
    }

    /// What orders the row that a cursor names, if it is in the list.
    pub(crate) async fn cursor<C: ConnectionTrait>(
        &self,
        connection: &C,
        select: &Select<E>,
        id: Uuid,
    ) -> Result<Option<Key>, Error> {
        Ok(select.clone().filter(self.id.eq(id)).one(connection).await?.map(|row| (self.key)(&row)))
    }

    /// The rows of `select` that a page may need: one more than it shows.
    pub(crate) async fn read<C: ConnectionTrait>(
        &self,
        connection: &C,
        select: Select<E>,
        reading: &Reading,
    ) -> Result<Vec<E::Model>, Error> {
        let wanted = u64::try_from(reading.size).unwrap_or(u64::MAX).saturating_add(1);
        Ok(self.ordered(select, reading.cursor, reading.order).limit(wanted).all(connection).await?)
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

/// The row that a page begins beside.
pub(crate) fn cursor_of(request: PageRequest) -> Option<Uuid> {
    match request.position {
        PagePosition::Start => None,
        PagePosition::After(id) | PagePosition::Before(id) => Some(id),
    }
}

/// From where a page is read, and in which direction. One page may be read from several tables.
pub(crate) struct Reading {
    cursor: Option<Key>,
    /// The order in which rows are read; that of the list, unless it is read backwards.
    pub(crate) order: SortOrder,
    backwards: bool,
    size: usize,
}

impl Reading {
    pub(crate) fn new(request: PageRequest, cursor: Option<Key>) -> Self {
        let backwards = matches!(request.position, PagePosition::Before(_));
        let order = if backwards { reversed(request.order) } else { request.order };
        Self { cursor, order, backwards, size: usize::from(request.size) }
    }

    /// The page of `rows`, which are in the order of reading.
    pub(crate) fn page<T>(&self, mut rows: Vec<T>) -> Page<T> {
        let more = rows.len() > self.size;
        rows.truncate(self.size);
        if self.backwards {
            rows.reverse();
        }
        // On the other side lies at least the cursor's own row, if there is one.
        let other_side = self.cursor.is_some() && !rows.is_empty();
        let (has_next, has_previous) = if self.backwards { (other_side, more) } else { (more, other_side) };
        Page { items: rows, has_next, has_previous }
    }
}

fn reversed(order: SortOrder) -> SortOrder {
    match order {
        SortOrder::Ascending => SortOrder::Descending,
        SortOrder::Descending => SortOrder::Ascending,
    }
}

#[cfg(test)]
mod tests {
    use payments_model::webhook_delivery::DeliveryState;
    use sea_orm::{DbBackend, QueryTrait, Statement};
    use testkit::TestDatabase;

    use super::*;
    use crate::scope::Scope;
    use crate::webhook_deliveries::DeliveryFilter;
    use crate::webhook_events::EventFilter;
    use crate::{MIGRATIONS, incoming_payments, outgoing_payments, webhook_deliveries, webhook_events};

    /// How SQLite reads the first page of a list.
    async fn plan<E: EntityTrait>(database: &TestDatabase, paging: &Paging<E>, select: Select<E>) -> String {
        let page = paging.ordered(select, None, SortOrder::Descending).limit(21).build(DbBackend::Sqlite);
        let sql = format!("EXPLAIN QUERY PLAN {}", page.sql);
        let explain = match page.values {
            Some(values) => Statement::from_sql_and_values(DbBackend::Sqlite, sql, values.0),
            None => Statement::from_string(DbBackend::Sqlite, sql),
        };
        let rows = database.reader().query_all_raw(explain).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap() + "\n").collect()
    }

    #[tokio::test]
    async fn a_page_of_a_list_of_the_operator_is_read_in_the_order_of_an_index() {
        let database = TestDatabase::sqlite().await;
        database.migrate(&MIGRATIONS).await.unwrap();
        let all = Scope::of_every_tenant(database.reader());
        let open = [DeliveryState::Pending, DeliveryState::Quarantined, DeliveryState::Exhausted];
        let alarms = EventFilter { types: vec!["ledger.alarm".to_owned()], ..EventFilter::default() };
        let open = DeliveryFilter { states: open.to_vec(), ..DeliveryFilter::default() };

        let plans = [
            ("incoming_payments_list", plan(&database, &incoming_payments::PAGING, all.live_incoming_payments()).await),
            ("outgoing_payments_list", plan(&database, &outgoing_payments::PAGING, all.all_outgoing()).await),
            ("webhook_events_list", plan(&database, &webhook_events::PAGING, all.event_rows()).await),
            ("webhook_deliveries_list", plan(&database, &webhook_deliveries::PAGING, all.delivery_rows()).await),
            (
                "webhook_events_rare",
                plan(&database, &webhook_events::PAGING, all.event_rows().filter(alarms.condition())).await,
            ),
            (
                "webhook_deliveries_open",
                plan(&database, &webhook_deliveries::PAGING, all.delivery_rows().filter(open.condition())).await,
            ),
        ];
        for (index, plan) in plans {
            assert!(plan.contains(&format!("USING INDEX {index}")), "{index}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{index}: {plan}");
        }

        // Of several rare types all events are read and sorted; nothing else is.
        let types = ["ledger.alarm", "peer.liquidity_low"].map(str::to_owned).to_vec();
        let rare = all.event_rows().filter(EventFilter { types, ..EventFilter::default() }.condition());
        let plan = plan(&database, &webhook_events::PAGING, rare).await;
        assert!(plan.contains("USING INDEX webhook_events_rare"), "{plan}");
    }
}
