//! A database of the version before: it opens with its customers.
//! Migrations of other stores are tested with those stores.

use super::*;

on_each_database! {
    async fn a_database_of_the_version_before_opens_and_keeps_its_customers(database) {
        let before = ["0001_wallet", "0002_cards", "0003_users"];
        let steps = wallet::MIGRATIONS.steps.iter().copied().filter(|step| before.contains(&step.name));
        let steps: &'static [database::Step] = steps.collect::<Vec<_>>().leak();
        let old = database::Migrations { steps, ..wallet::MIGRATIONS };
        assert_eq!(database.migrate(&old).await.unwrap(), before);
        let sql = "INSERT INTO wallet_users (id, email, name, password, state, created_at)
            VALUES ($1, 'nora@example.com', 'Nora', 'x', 'active', 0)";
        database.execute(sql, [Uuid::from_u128(1).into()]).await.unwrap();
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        assert_eq!(nora.sign_in("nora", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(bench.browser().sign_up("nora").await.status, StatusCode::UNPROCESSABLE_ENTITY, "there is one");
        assert_eq!(nora.sign_up("eve").await.location, "/?said=welcome");
    }
}

/// The last step that makes tables anew, and those tables.
const MODULES: &str = "0031_modules";
const PAYMENTS: &str = "0032_payments";
const OF_PAYMENTS: [&str; 5] =
    ["wallet_sends", "wallet_requests", "wallet_begun_requests", "wallet_cards", "wallet_card_uses"];
const MADE_ANEW: [&str; 11] = [
    "wallet_agreement_uses",
    "wallet_agreements",
    "wallet_begun_requests",
    "wallet_closing_switched_off",
    "wallet_consents",
    "wallet_contacts",
    "wallet_own_switched_off",
    "wallet_requests",
    "wallet_sends",
    "wallet_switched_off",
    "wallet_unasked_limits",
];

/// A column as the database describes it.
struct Column {
    name: String,
    kind: String,
    may_be_null: bool,
}

/// The only column of a query, as texts in order.
async fn texts(database: &database::Database, sql: &str, value: Option<&str>) -> Vec<String> {
    let rows = database.query(sql, value.map(Into::into)).await.unwrap();
    let mut texts: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    texts.sort();
    texts
}

/// The columns of a table, in their order.
async fn columns(database: &database::Database, table: &str) -> Vec<Column> {
    let sql = match database.dialect() {
        database::Dialect::Sqlite => {
            "SELECT name || ' ' || lower(type) || ' ' || CASE WHEN \"notnull\" + pk > 0 THEN 'NO' ELSE 'YES' END
            FROM pragma_table_info($1) ORDER BY cid"
        }
        database::Dialect::Postgres => {
            "SELECT column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let rows = database.query(sql, [table.into()]).await.unwrap();
    let column = |row: &sea_orm::QueryResult| {
        let told: String = row.try_get_by_index(0).unwrap();
        let [name, kind, null] = told.split(' ').collect::<Vec<_>>().try_into().unwrap();
        Column { name: name.to_owned(), kind: kind.to_owned(), may_be_null: null == "YES" }
    };
    rows.iter().map(column).collect()
}

/// The keys, unique columns and other indexes of a table. A new name of an index is not seen.
async fn indexes(database: &database::Database, table: &str) -> Vec<String> {
    let sql = match database.dialect() {
        database::Dialect::Sqlite => {
            "SELECT CASE l.origin WHEN 'c' THEN l.name ELSE l.origin END || ' ' || l.\"unique\" || ' ' ||
                (SELECT group_concat(i.name, ',') FROM pragma_index_info(l.name) i)
            FROM pragma_index_list($1) l"
        }
        database::Dialect::Postgres => {
            "SELECT replace(replace(indexdef, '_new_', '_'), '_apart_', '_') FROM pg_indexes
            WHERE schemaname = current_schema() AND tablename = $1"
        }
    };
    texts(database, sql, Some(table)).await
}

/// Every row of a table.
async fn rows(database: &database::Database, table: &str, columns: &[Column]) -> Vec<String> {
    let shown = |column: &Column| match (column.kind.as_str(), database.dialect()) {
        ("uuid", database::Dialect::Sqlite) => format!("COALESCE(hex({}), '-')", column.name),
        _ => format!("COALESCE(CAST({} AS text), '-')", column.name),
    };
    let shown: Vec<String> = columns.iter().map(shown).collect();
    texts(database, &format!("SELECT {} FROM {table}", shown.join(" || '|' || ")), None).await
}

/// The values of row `number`: another one in each column, and none in row 2 where there need not be one.
fn values(number: u128, columns: &[Column]) -> Vec<sea_orm::Value> {
    let value = |(place, column): (usize, &Column)| {
        let own = number * 100 + place as u128;
        let has_value = number == 1 || !column.may_be_null;
        match (column.kind.as_str(), column.name.as_str()) {
            // Other tables are referred to.
            ("uuid", "user_id" | "account_id") => Uuid::from_u128(number).into(),
            ("uuid", _) => has_value.then(|| Uuid::from_u128(own)).into(),
            ("bigint", _) => has_value.then(|| i64::try_from(own).unwrap()).into(),
            ("text", name) => has_value.then(|| format!("{name} {number}")).into(),
            other => panic!("no value for {other:?}"),
        }
    };
    columns.iter().enumerate().map(value).collect()
}

async fn fill(database: &database::Database, table: &str, columns: &[Column]) {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
    for number in [1, 2] {
        database.execute(&sql, values(number, columns)).await.unwrap();
    }
}

/// What a table had.
struct Table {
    name: &'static str,
    columns: Vec<Column>,
    indexes: Vec<String>,
    rows: Vec<String>,
}

/// A database of the step before this one, with two customers and two rows in each of these tables.
struct Filled {
    tables: Vec<Table>,
    through: &'static [database::Step],
}

impl Filled {
    async fn before(database: &database::Database, step: &str, tables: &[&'static str]) -> Self {
        let steps = wallet::MIGRATIONS.steps;
        let at = steps.iter().position(|one| one.name == step).unwrap();
        database.migrate(&database::Migrations { steps: &steps[..at], ..wallet::MIGRATIONS }).await.unwrap();
        let assets = "INSERT INTO wallet_assets (code, scale, ledger) VALUES ('USD', 2, 1)";
        database.execute(assets, []).await.unwrap();
        for number in [1, 2] {
            let id = Uuid::from_u128(number);
            let user = "INSERT INTO wallet_users (id, email, name, password, state, created_at)
                VALUES ($1, $2, 'Nora', 'x', 'active', 0)";
            database.execute(user, [id.into(), format!("{number}@example.com").into()]).await.unwrap();
            let account = "INSERT INTO wallet_accounts (id, name, path, asset_code, asset_scale, user_id)
                VALUES ($1, 'Everyday', $2, 'USD', 2, $1)";
            database.execute(account, [id.into(), format!("accounts/{number}").into()]).await.unwrap();
        }
        let mut filled = Vec::new();
        for table in tables {
            let columns = columns(database, table).await;
            fill(database, table, &columns).await;
            let kept = rows(database, table, &columns).await;
            assert_eq!(kept.len(), 2, "{table}");
            filled.push(Table { name: table, columns, indexes: indexes(database, table).await, rows: kept });
        }
        Self { tables: filled, through: &steps[..=at] }
    }

    /// Applies the step. Every row, column and index is there afterwards, and these columns are new.
    async fn assert_kept(self, database: &database::Database, new: &[(&str, &str)]) {
        let done = database.migrate(&database::Migrations { steps: self.through, ..wallet::MIGRATIONS }).await.unwrap();
        assert_eq!(done, [self.through.last().unwrap().name]);
        for Table { name: table, columns: columns_before, indexes: indexes_before, rows: rows_before } in self.tables {
            let told = |columns: &[Column]| -> Vec<_> {
                columns.iter().map(|column| (column.name.clone(), column.kind.clone(), column.may_be_null)).collect()
            };
            let mut now = told(&columns(database, table).await);
            now.retain(|(name, ..)| !new.contains(&(table, name.as_str())));
            let mut then = told(&columns_before);
            now.sort();
            then.sort();
            assert_eq!(now, then, "{table}");
            assert_eq!(indexes(database, table).await, indexes_before, "{table}");
            assert_eq!(rows(database, table, &columns_before).await, rows_before, "{table}");
        }
    }
}

on_each_database! {
    async fn a_filled_database_keeps_every_row_column_and_index_when_the_modules_come_apart(database) {
        Filled::before(&database, MODULES, &MADE_ANEW).await.assert_kept(&database, &[]).await;
        database.migrate(&wallet::MIGRATIONS).await.unwrap();
    }

    async fn a_filled_database_keeps_all_when_payments_come_apart_from_accounts_and_each_has_what_it_shows(database) {
        let filled = Filled::before(&database, PAYMENTS, &OF_PAYMENTS).await;
        let sql = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, made_at)
            VALUES ($1, $2, $3, 'completed', 3, 700, 0, 0, 0)";
        let offer = database.query("SELECT quote_id FROM wallet_sends WHERE quote_id IS NOT NULL", []).await.unwrap();
        let offer: Uuid = offer[0].try_get_by_index(0).unwrap();
        let asked = database.query("SELECT payment_id FROM wallet_requests ORDER BY id", []).await.unwrap();
        let [paid, unpaid]: [Uuid; 2] = [0, 1].map(|row| asked[row].try_get_by_index(0).unwrap());
        for (id, kind) in [(offer, "sent"), (paid, "received")] {
            database.execute(sql, [id.into(), Uuid::from_u128(1).into(), kind.into()]).await.unwrap();
        }
        let new = ["account_name", "asset_code", "asset_scale", "came"].map(|column| ("wallet_requests", column));
        filled.assert_kept(&database, &new).await;

        let named = texts(&database, "SELECT COALESCE(payee_name, '-') FROM wallet_movements", None).await;
        assert_eq!(named, ["-", "payee_name 1"]);
        let shown = "SELECT account_name || ' ' || asset_code || ' ' || CAST(asset_scale AS text) || ' ' ||
            COALESCE(CAST(came AS text), '-') FROM wallet_requests WHERE payment_id = $1";
        for (payment, expected) in [(paid, "Everyday USD 2 700"), (unpaid, "Everyday USD 2 -")] {
            let row = database.query(shown, [payment.into()]).await.unwrap();
            assert_eq!(row[0].try_get_by_index::<String>(0).unwrap(), expected);
        }
        // A use still needs a card, and a card no account of this database.
        let card = "UPDATE wallet_cards SET account_id = $1";
        database.execute(card, [Uuid::from_u128(9).into()]).await.unwrap();
        let other = "UPDATE wallet_card_uses SET number = 'of nobody'";
        assert!(database.execute(other, []).await.is_err());
    }
}
