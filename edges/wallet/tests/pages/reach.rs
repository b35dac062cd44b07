//! What the world sees of an address: its owner renames it, and switches it off and on.
//! What the operator switched off stays off. Closing a whole wallet is in `leaving`.

use super::*;

on_each_database! {
    async fn an_address_is_renamed_and_switched_off_and_on_by_its_owner_unless_the_operator_switched_it_off(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let page = format!("/accounts/{account}/public");
        let switch = format!("{page}/switch");
        assert_eq!(nora.send(&page, &page, &[("name", " Nora & Co ")]).await.location, format!("{page}?said=saved"));
        assert_eq!(nora.send(&page, &page, &[("name", " ")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let names: Vec<Value> = bench.instance.calls.lock().unwrap().iter()
            .filter(|(name, _)| name == "UpdateWalletAddress").map(|(_, input)| input["publicName"].clone()).collect();
        assert_eq!(names, ["Nora & Co"]);

        assert_eq!(nora.send(&page, &switch, &[("to", "off")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let off = nora.send(&page, &switch, &[("to", "off"), ("sure", "yes")]).await;
        assert_eq!(off.location, format!("{page}?said=address-off"), "{}", off.text);
        assert!(nora.get(&page).await.text.contains("You switched this address off."));
        let on = nora.send(&page, &switch, &[("to", "on")]).await;
        assert_eq!(on.location, format!("{page}?said=address-on"), "{}", on.text);
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE", "ACTIVE"]);

        let once = nora.hidden(&page, &switch).await.remove(0).1;
        let address = id_of("https://localhost:3000/accounts/nora").to_string();
        bench.instance.inactive.lock().unwrap().insert(address);
        assert!(nora.get(&page).await.text.contains("Your institution switched this address off."));
        for fields in [vec![("once", once.as_str()), ("to", "on")], vec![("once", once.as_str()), ("to", "off"), ("sure", "yes")], vec![("once", once.as_str()), ("to", "on")]] {
            nora.post(&switch, &fields).await;
        }
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE", "ACTIVE"], "it stays off");

        let (mut eve, _) = bench.customer("eve").await;
        assert_eq!(eve.get(&page).await.status, StatusCode::NOT_FOUND);
    }

    async fn an_address_that_the_operator_keeps_off_stays_off_although_its_owner_switched_it_off_too(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let page = format!("/accounts/{account}/public");
        let switch = format!("{page}/switch");
        nora.send(&page, &switch, &[("to", "off"), ("sure", "yes")]).await;
        let once = nora.hidden(&page, &switch).await.remove(0).1;
        *bench.instance.kept_off.lock().unwrap() = true;
        assert!(nora.get(&page).await.text.contains("Your institution switched this address off."));
        let refused = nora.post(&switch, &[("once", once.as_str()), ("to", "on")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE"]);

        *bench.instance.kept_off.lock().unwrap() = false;
        assert_eq!(nora.send(&page, &switch, &[("to", "on")]).await.location, format!("{page}?said=address-on"));
    }
}
