//! A local payment from receiver to withdrawal, as an account-servicing entity makes it.
//! Remote payments are tested with the binary.

use serde_json::{Value, json};
use testkit::on_each_database;

use super::bench::{Bench, OPERATOR, TENANT, TWIN};

async fn wallet_address(bench: &Bench, asset: &Value, name: &str) -> Value {
    let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id address } }";
    let made = bench.mutate(OPERATOR, create, json!({ "assetId": asset, "address": name })).await;
    made["walletAddress"].clone()
}

/// An address of a tenant that is not the operator.
async fn wallet_address_of_tenant(bench: &Bench) -> Value {
    let put = "createTenantSettings: CreateTenantSettingsInput { settings { key } }";
    let setting = json!({ "settings": [
        { "key": "WALLET_ADDRESS_URL", "value": "https://tenant.example" },
        { "key": "ILP_ADDRESS", "value": "test.bank.tenant" },
    ] });
    bench.mutate(TENANT, put, setting).await;
    let create = "createAsset: CreateAssetInput { asset { id } }";
    let made = bench.mutate(TENANT, create, json!({ "code": "USD", "scale": 2 })).await;
    let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id address } }";
    let input = json!({ "assetId": made["asset"]["id"], "address": "bob" });
    bench.mutate(TENANT, create, input).await["walletAddress"].clone()
}

on_each_database! {
    async fn a_payment_is_quoted_created_funded_and_shown(database) {
        let bench = Bench::open(database).await;
        let create = "createAsset: CreateAssetInput { asset { id } }";
        let made = bench.mutate(OPERATOR, create, json!({ "code": "USD", "scale": 2 })).await;
        let asset = &made["asset"]["id"];
        let (ann, bob) = (wallet_address(&bench, asset, "ann").await, wallet_address(&bench, asset, "bob").await);
        let amount = json!({ "value": "1000", "assetCode": "USD", "assetScale": 2 });

        let create = "createReceiver: CreateReceiverInput { receiver { id walletAddressUrl completed incomingAmount { value } receivedAmount { value } } }";
        let input = json!({ "walletAddressUrl": bob["address"], "incomingAmount": amount, "idempotencyKey": "r" });
        let receiver = bench.mutate(OPERATOR, create, input.clone()).await["receiver"].clone();
        assert_eq!(receiver["receivedAmount"]["value"], "0");
        assert_eq!(bench.mutate(OPERATOR, create, input).await["receiver"]["id"], receiver["id"]);

        let create = "createQuote: CreateQuoteInput { quote { id debitAmount { value } receiveAmount { value } estimatedExchangeRate } }";
        let both = json!({ "walletAddressId": ann["id"], "receiver": receiver["id"], "debitAmount": amount, "receiveAmount": amount });
        assert_eq!(bench.refused(OPERATOR, create, both).await, ("invalid amount".into(), "BAD_USER_INPUT".into()));
        let input = json!({ "walletAddressId": ann["id"], "receiver": receiver["id"] });
        let quote = bench.mutate(OPERATOR, create, input).await["quote"].clone();
        assert_eq!(quote["receiveAmount"]["value"], "1000");
        assert_eq!(quote["estimatedExchangeRate"], 1.0);

        let create = "createOutgoingPayment: CreateOutgoingPaymentInput { payment { id state sentAmount { value } metadata quote { id } } }";
        let input = json!({ "walletAddressId": ann["id"], "quoteId": quote["id"], "metadata": { "z": 1, "a": 2 }, "idempotencyKey": "p" });
        let payment = bench.mutate(OPERATOR, create, input).await["payment"].clone();
        assert_eq!((&payment["state"], &payment["sentAmount"]["value"]), (&json!("FUNDING"), &json!("0")));
        assert_eq!(payment["id"], quote["id"]);
        assert_eq!(payment["metadata"].to_string(), r#"{"z":1,"a":2}"#);
        let again = json!({ "walletAddressId": ann["id"], "quoteId": quote["id"] });
        assert_eq!(bench.refused(OPERATOR, create, again).await.0, "invalid quote");

        let deposit = "depositOutgoingPaymentLiquidity: DepositOutgoingPaymentLiquidityInput { success }";
        let input = json!({ "outgoingPaymentId": payment["id"], "idempotencyKey": "f" });
        bench.mutate(OPERATOR, deposit, input.clone()).await;
        bench.mutate(OPERATOR, deposit, input).await;
        let input = json!({ "outgoingPaymentId": payment["id"], "idempotencyKey": "g" });
        assert_eq!(bench.refused(OPERATOR, deposit, input).await, ("wrong state".into(), "CONFLICT".into()));
        let cancel = "cancelOutgoingPayment: CancelOutgoingPaymentInput { payment { id } }";
        let refused = bench.refused(OPERATOR, cancel, json!({ "id": payment["id"] })).await;
        assert_eq!(refused, ("wrong state".into(), "CONFLICT".into()));

        let query = "query($id: String!) {
            outgoingPayment(id: $id) { state liquidity }
            accountingTransfers(id: $id) { debits { id } credits { amount transferType state ledger } }
            webhookEvents(sortOrder: ASC) { edges { node { type data } } }
        }";
        let shown = bench.run(OPERATOR, query, json!({ "id": payment["id"] })).await;
        assert_eq!(shown["data"]["outgoingPayment"], json!({ "state": "SENDING", "liquidity": "1000" }));
        let credits = json!([{ "amount": "1000", "transferType": "DEPOSIT", "state": "POSTED", "ledger": 1 }]);
        assert_eq!(shown["data"]["accountingTransfers"], json!({ "debits": [], "credits": credits }));
        let types: Vec<_> = shown["data"]["webhookEvents"]["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["type"].clone()).collect();
        assert_eq!(types, ["incoming_payment.created", "outgoing_payment.created"]);
        let withdraw = "createOutgoingPaymentWithdrawal: CreateOutgoingPaymentWithdrawalInput { success }";
        let input = json!({ "outgoingPaymentId": payment["id"], "timeoutSeconds": 0, "idempotencyKey": "w" });
        assert_eq!(bench.refused(OPERATOR, withdraw, input).await, ("Unknown outgoing payment".into(), "NOT_FOUND".into()));
    }

    async fn an_incoming_payment_is_decided_once(database) {
        let bench = Bench::open(database).await;
        let create = "createAsset: CreateAssetInput { asset { id } }";
        let made = bench.mutate(OPERATOR, create, json!({ "code": "USD", "scale": 2 })).await;
        let ann = wallet_address(&bench, &made["asset"]["id"], "ann").await;
        let create = "createIncomingPayment: CreateIncomingPaymentInput { payment { id url state receivedAmount { value } incomingAmount { value } } }";
        let amount = |code: &str, value: u64| json!({ "value": value, "assetCode": code, "assetScale": 2 });
        let input = |amount: Value| json!({ "walletAddressId": ann["id"], "incomingAmount": amount });
        let payment = bench.mutate(OPERATOR, create, input(amount("USD", 5))).await["payment"].clone();
        let url = format!("https://bank.example/{OPERATOR}/incoming-payments/{}", payment["id"].as_str().unwrap());
        assert_eq!(payment["url"], url);
        for bad in [amount("USD", 0), amount("EUR", 5)] {
            assert_eq!(bench.refused(OPERATOR, create, input(bad)).await, ("invalid amount".into(), "BAD_USER_INPUT".into()));
        }
        let late = json!({ "walletAddressId": ann["id"], "expiresAt": "tomorrow" });
        assert_eq!(bench.refused(OPERATOR, create, late).await, ("invalid expiresAt".into(), "BAD_USER_INPUT".into()));
        let cancel = "cancelIncomingPayment: CancelIncomingPaymentInput { payment { cancellationReason state } }";
        let cancelled = bench.mutate(OPERATOR, cancel, json!({ "id": payment["id"], "cancellationReason": "no" })).await;
        assert_eq!(cancelled["payment"], json!({ "cancellationReason": "no", "state": "PENDING" }));
        let approve = "approveIncomingPayment: ApproveIncomingPaymentInput { payment { id } }";
        let refused = bench.refused(OPERATOR, approve, json!({ "id": payment["id"] })).await;
        assert_eq!(refused, ("action already performed".into(), "FORBIDDEN".into()));
        let confirm = "confirmPartialIncomingPayment: ConfirmPartialIncomingPaymentInput { success }";
        let input = json!({ "incomingPaymentId": payment["id"], "partialIncomingPaymentId": bench.uuid() });
        assert_eq!(bench.mutate(OPERATOR, confirm, input).await["success"], false, "nothing was asked");
    }

    async fn a_receiver_at_another_tenant_of_the_instance_is_made_under_its_owner(database) {
        let bench = Bench::open(database).await;
        let bob = wallet_address_of_tenant(&bench).await;
        let create = "createReceiver: CreateReceiverInput { receiver { id incomingAmount { value } } }";
        let amount = json!({ "value": "5", "assetCode": "USD", "assetScale": 2 });
        let input = json!({ "walletAddressUrl": bob["address"], "incomingAmount": amount });
        let receiver = bench.mutate(OPERATOR, create, input).await["receiver"].clone();
        let id = receiver["id"].as_str().unwrap().rsplit('/').next().unwrap();
        let query = "query($id: String!) { incomingPayment(id: $id) { walletAddressId tenant { id } incomingAmount { value } } }";
        let owned = bench.run(TENANT, query, json!({ "id": id })).await;
        let expected = json!({ "walletAddressId": bob["id"], "tenant": { "id": TENANT }, "incomingAmount": { "value": "5" } });
        assert_eq!(owned["data"]["incomingPayment"], expected);
    }

    async fn metadata_is_replaced_by_its_tenant_or_the_operator_and_the_payment_stays_where_it_is(database) {
        let bench = Bench::open(database).await;
        let bob = wallet_address_of_tenant(&bench).await;
        let create = "createIncomingPayment: CreateIncomingPaymentInput { payment { id } }";
        let payment = bench.mutate(TENANT, create, json!({ "walletAddressId": bob["id"] })).await["payment"].clone();
        let update = "updateIncomingPayment: UpdateIncomingPaymentInput { payment { tenant { id } metadata } }";
        let input = |word: &str| json!({ "id": payment["id"], "metadata": { "word": word } });
        let refused = bench.refused(TWIN, update, input("stolen")).await;
        assert_eq!(refused, ("unknown payment".into(), "NOT_FOUND".into()));
        for (who, word) in [(TENANT, "mine"), (OPERATOR, "checked")] {
            let changed = bench.mutate(who, update, input(word)).await;
            assert_eq!(changed["payment"], json!({ "tenant": { "id": TENANT }, "metadata": { "word": word } }));
        }
    }

    async fn the_rate_of_a_quote_is_shown_to_its_last_digit(database) {
        let bench = Bench::open(database).await;
        let mut assets = Vec::new();
        for (code, scale) in [("USD", 2), ("XAU", 12)] {
            let create = "createAsset: CreateAssetInput { asset { id } }";
            let made = bench.mutate(OPERATOR, create, json!({ "code": code, "scale": scale })).await;
            assets.push(made["asset"]["id"].clone());
        }
        let (ann, bob) = (wallet_address(&bench, &assets[0], "ann").await, wallet_address(&bench, &assets[1], "bob").await);
        let create = "createReceiver: CreateReceiverInput { receiver { id } }";
        let receiver = bench.mutate(OPERATOR, create, json!({ "walletAddressUrl": bob["address"] })).await["receiver"].clone();
        let create = "createQuote: CreateQuoteInput { quote { receiveAmount { value } estimatedExchangeRate } }";
        let debit = json!({ "value": "100", "assetCode": "USD", "assetScale": 2 });
        let input = json!({ "walletAddressId": ann["id"], "receiver": receiver["id"], "debitAmount": debit });
        let quote = bench.mutate(OPERATOR, create, input).await["quote"].clone();
        let received: f64 = quote["receiveAmount"]["value"].as_str().unwrap().parse().unwrap();
        assert_eq!(quote["estimatedExchangeRate"].as_f64(), Some(received / 100.0), "{quote}");
    }
}
