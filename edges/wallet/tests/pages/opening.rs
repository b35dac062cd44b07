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
