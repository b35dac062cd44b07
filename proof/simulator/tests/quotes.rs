//! Quotes that are kept, between the two seeded institutions of the playground: every ordered pair of its ten
//! addresses, twenty amounts, fixed send and fixed delivery. Packets, conversions and ledgers are real; time is
//! virtual.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connector::AccountAsset;
use ledger::{AccountId, Ledger, TransferId};
use money::{AssetAmount, Rate};
use payments_model::accounting::{Movement, Settling, Side};
use payments_model::local_delivery::{LocalQuoteRefused, quote_local};
use payments_model::quote::{FeeTerms, MethodAmounts, MethodTarget, QuotePlan, QuoteRequest, ReceiverAmounts};
use simulator::{Audit, Network, QuotedPayment, account_for, asset, asset_of_scale};
use stream_pay::{NoQuote, PaymentError, Quote, QuoteTerms, Slippage, Target};

const LIQUIDITY: u64 = 1_000_000_000_000;
/// The fee of the seeds.
const FEE: FeeTerms = FeeTerms { basis_points: 200, fixed: 100 };
/// Names, institutions and currencies of the ten seeded addresses.
const ADDRESSES: [(&str, &str, &str); 10] = [
    ("gfranklin", "cloud-nine", "USD"),
    ("bhamchest", "cloud-nine", "USD"),
    ("wbdc", "cloud-nine", "USD"),
    ("broke", "cloud-nine", "USD"),
    ("lrossi", "cloud-nine", "EUR"),
    ("pfry", "happy-life", "USD"),
    ("planex", "happy-life", "USD"),
    ("asmith", "happy-life", "USD"),
    ("lars", "happy-life", "EUR"),
    ("david", "happy-life", "MXN"),
];
const AMOUNTS: [u64; 20] =
    [1, 2, 3, 5, 17, 34, 99, 103, 104, 121, 200, 300, 700, 1000, 1500, 2000, 10_000, 97_900, 100_000, 1_234_567];
const RATES: [(&str, &str); 4] = [
    ("EUR", r#"{"MXN":18.78,"USD":1.10,"JPY":157.83}"#),
    ("USD", r#"{"MXN":17.07,"EUR":0.91,"JPY":147.71}"#),
    ("MXN", r#"{"USD":0.059,"EUR":0.054,"JPY":8.65}"#),
    ("JPY", r#"{"USD":0.007,"EUR":0.006,"MXN":0.12}"#),
];

/// The rate both institutions serve, in major units.
fn rate(from: &str, to: &str) -> Rate {
    if from == to {
        return Rate::ONE;
    }
    let (_, rates) = RATES.iter().find(|(base, _)| *base == from).unwrap();
    let (_, tail) = rates.split_once(&format!("\"{to}\":")).unwrap();
    tail.split([',', '}']).next().unwrap().parse().unwrap()
}

async fn two_institutions() -> Network {
    let usd = asset("USD");
    let network = Network::chain(1, "cloud-nine", &[(&usd, "happy-life")], LIQUIDITY).await;
    for node in network.nodes() {
        node.set_rates_by_base(&RATES);
        for code in ["USD", "EUR", "MXN"] {
            let asset = asset(code);
            node.open_asset(&asset).await;
            node.deposit(&asset, AccountId::from(asset.ledger.id), LIQUIDITY).await;
        }
    }
    network.node("happy-life").change_peer("cloud-nine", |peer| peer.max_packet_amount = Some(10_000));
    network
}

/// A payer and a payee.
struct Pair<'a> {
    network: &'a Network,
    from: (&'static str, Arc<AccountAsset>),
    to: (&'static str, Arc<AccountAsset>),
}

/// A quote including the fee.
#[derive(Debug)]
struct Offer {
    debit: u64,
    available: u64,
    receive: u64,
    over_ilp: Option<Quote>,
}

impl Pair<'_> {
    fn plan(&self, request: &QuoteRequest) -> QuotePlan {
        let received_amount = AssetAmount { value: 0, asset: self.to.1.asset.clone() };
        let receiver = ReceiverAmounts { incoming_amount: None, received_amount };
        QuotePlan::new(request, &self.from.1.asset, &receiver, FEE).unwrap()
    }

    fn request(&self, target: Target) -> QuoteRequest {
        match target {
            Target::Send(value) => QuoteRequest::DebitAmount(AssetAmount { value, asset: self.from.1.asset.clone() }),
            Target::Deliver(value) => {
                QuoteRequest::ReceiveAmount(AssetAmount { value, asset: self.to.1.asset.clone() })
            }
        }
    }

    fn is_local(&self) -> bool {
        self.from.0 == self.to.0
    }

    fn rate(&self) -> Rate {
        rate(self.from.1.asset.code.as_str(), self.to.1.asset.code.as_str())
    }

    /// The offer, or the least debit amount that works.
    async fn offer(&self, payment: &QuotedPayment, target: Target) -> Result<Offer, u64> {
        let plan = self.plan(&self.request(target));
        let (amounts, over_ilp) = match self.amounts(payment, plan.target).await {
            Ok(found) => found,
            Err(minimum) => return Err(plan.min_send_amount_ceil(minimum).unwrap()),
        };
        let amounts = plan.finish(amounts).unwrap();
        Ok(Offer { debit: amounts.debit, available: amounts.debit_minus_fees, receive: amounts.receive, over_ilp })
    }

    async fn amounts(
        &self,
        payment: &QuotedPayment,
        target: MethodTarget,
    ) -> Result<(MethodAmounts, Option<Quote>), u64> {
        if self.is_local() {
            let ratio = self.rate().between(&self.from.1.asset, &self.to.1.asset).unwrap();
            return match quote_local(target, ratio) {
                Ok(amounts) => Ok((amounts, None)),
                Err(LocalQuoteRefused::NonPositive { min_send }) => Err(min_send.unwrap()),
                Err(refused) => panic!("{refused}"),
            };
        }
        let asked = match target {
            MethodTarget::Send(amount) => Target::Send(amount.max(1)),
            MethodTarget::Deliver(amount) => Target::Deliver(amount),
        };
        let external = self.rate().between_scales(0, 0);
        let slippage: Slippage = "0.01".parse().unwrap();
        let terms = QuoteTerms::new(asked, &self.from.1.asset, &self.to.1.asset, external, slippage).unwrap();
        let (quoted, took) = payment.quote(terms).await;
        assert!(took < Duration::from_secs(1), "the quote took {took:?}");
        match quoted {
            Ok(quote) if target == MethodTarget::Send(0) => Err(quote.max_source_amount),
            Ok(quote) => {
                let amounts = MethodAmounts { debit: quote.max_source_amount, receive: quote.min_delivery_amount };
                Ok((amounts, Some(quote)))
            }
            Err(NoQuote::TooSmall { min_send_amount }) => Err(min_send_amount.unwrap()),
            Err(NoQuote::Path(error)) => panic!("{error}"),
        }
    }

    /// Quotes and pays. Returns the promised amount, or the least debit amount that works.
    async fn run(&self, target: Target) -> Result<Offer, u64> {
        let (from, to) = (self.network.node(self.from.0), self.network.node(self.to.0));
        let (incoming, credentials) = to.receive(&self.to.1, None).await;
        let payment = QuotedPayment::new(&from, &self.from.1, &self.to.1, credentials);
        let offer = self.offer(&payment, target).await?;
        match &offer.over_ilp {
            Some(quote) => {
                // Like the payments service: until the promised amount has arrived.
                let quote = Quote { target: Target::Deliver(offer.receive), ..*quote };
                let (outcome, left, took) = payment.pay(&quote, offer.debit).await;
                assert_eq!(outcome.error, None, "{target:?} {offer:?}: {outcome:?}");
                assert!(took < Duration::from_secs(1), "the payment took {took:?}");
                assert!(left >= u128::from(offer.debit - offer.available), "the fee is not touched");
            }
            None => self.move_locally(&offer, incoming.into()).await,
        }
        let credited = to.ledger.accounts(vec![incoming.into()]).await.unwrap()[0].unwrap().credits_posted;
        assert!(credited >= u128::from(offer.receive), "{target:?} {offer:?}: {credited} arrived");
        match target {
            Target::Send(amount) => assert_eq!(offer.debit, amount),
            // One more unit of the source may arrive as several units, also in the currency between.
            Target::Deliver(amount) => {
                let unit = self.rate().between(&self.from.1.asset, &self.to.1.asset).unwrap().checked_mul_ceil(1);
                let over = credited - u128::from(amount);
                assert!(over < 2 * u128::from(unit.unwrap()), "{offer:?}: {credited} arrived");
            }
        }
        Ok(offer)
    }

    async fn move_locally(&self, offer: &Offer, incoming: AccountId) {
        let node = self.network.node(self.from.0);
        let account = account_for(&node, &self.from.1, offer.debit).await;
        let source = Side { account: account.into(), asset: self.from.1.ledger, amount: offer.available };
        let destination = Side { account: incoming, asset: self.to.1.ledger, amount: offer.receive };
        let id = TransferId::derived_once(account.as_uuid(), "local delivery");
        let movement = Movement::between(id, source, destination, Settling::AtOnce).unwrap();
        let results = node.ledger.submit(movement.legs.clone()).await.unwrap();
        movement.outcome(&results).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_the_playground_is_paid_as_quoted_or_learns_the_least_amount_at_once() {
    let network = two_institutions().await;
    let (mut paid, mut refused) = (0, 0);
    let mut least_amounts: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (i, from) in ADDRESSES.iter().enumerate() {
        for (j, to) in ADDRESSES.iter().enumerate().filter(|(j, _)| *j != i) {
            let pair = Pair { network: &network, from: (from.1, asset(from.2)), to: (to.1, asset(to.2)) };
            for amount in AMOUNTS {
                match pair.run(Target::Send(amount)).await {
                    Ok(_) => paid += 1,
                    Err(least) => {
                        assert!(least > amount, "{from:?} to {to:?}: {amount} refused, {least} said to work");
                        assert_eq!(*least_amounts.entry((i, j)).or_insert(least), least, "{from:?} to {to:?}");
                        refused += 1;
                    }
                }
                pair.run(Target::Deliver(amount)).await.unwrap();
                paid += 1;
            }
            let least = least_amounts[&(i, j)];
            pair.run(Target::Send(least)).await.unwrap();
            assert_eq!(pair.run(Target::Send(least - 1)).await.unwrap_err(), least, "{from:?} to {to:?}");
        }
    }
    assert_eq!(paid + refused, 90 * 40);
    network.settle().await;
    let audit = Audit::of(&network).await;
    audit.assert_conserved();
    audit.assert_peers_agree(&network);
}

#[tokio::test(start_paused = true)]
async fn pesos_arrive_as_euros_to_the_last_cent_that_was_promised() {
    let network = two_institutions().await;
    let pair = Pair { network: &network, from: ("happy-life", asset("MXN")), to: ("cloud-nine", asset("EUR")) };
    // 979.00 pesos after the fee.
    let offer = pair.run(Target::Send(100_000)).await.unwrap();
    assert_eq!((offer.available, offer.receive), (97_900, 5234));
    for pesos in 2..=20 {
        let offer = pair.run(Target::Send(pesos * 100)).await.unwrap();
        assert!(offer.receive >= 1, "{offer:?}");
    }
}

/// The rest of small amounts after rounding is quoted and delivered.
#[tokio::test(start_paused = true)]
async fn a_few_cents_are_quoted_as_what_roundings_leave_of_them() {
    let network = two_institutions().await;
    let pair = Pair { network: &network, from: ("happy-life", asset("MXN")), to: ("cloud-nine", asset("USD")) };
    let (incoming, credentials) = network.node("cloud-nine").receive(&pair.to.1, None).await;
    let payment = QuotedPayment::new(&network.node("happy-life"), &pair.from.1, &pair.to.1, credentials);
    for (sent, arrives) in [(19, 1), (100, 5)] {
        let (amounts, quote) = pair.amounts(&payment, MethodTarget::Send(sent)).await.unwrap();
        assert_eq!(amounts, MethodAmounts { debit: sent, receive: arrives });
        let quote = Quote { target: Target::Deliver(arrives), ..quote.unwrap() };
        let (outcome, ..) = payment.pay(&quote, sent).await;
        assert_eq!((outcome.error, outcome.amount_delivered), (None, arrives));
    }
    let credited = network.node("cloud-nine").ledger.accounts(vec![incoming.into()]).await.unwrap()[0].unwrap();
    assert_eq!(credited.credits_posted, 6);
}

#[tokio::test(start_paused = true)]
async fn cents_are_delivered_in_a_unit_of_which_one_packet_carries_only_a_few_dollars() {
    let network = two_institutions().await;
    let fine = asset_of_scale("USD", 18);
    let bob = network.node("happy-life");
    bob.open_asset(&fine).await;
    bob.deposit(&fine, AccountId::from(fine.ledger.id), i64::MAX.unsigned_abs()).await;
    let pair = Pair { network: &network, from: ("cloud-nine", asset("USD")), to: ("happy-life", fine) };
    let (_, credentials) = bob.receive(&pair.to.1, None).await;
    let payment = QuotedPayment::new(&network.node("cloud-nine"), &pair.from.1, &pair.to.1, credentials);
    let (amounts, quote) = pair.amounts(&payment, MethodTarget::Send(5)).await.unwrap();
    assert_eq!(amounts, MethodAmounts { debit: 5, receive: 39_600_000_000_000_000 });
    let quote = quote.unwrap();
    assert_eq!(quote.max_packet_amount, 1844, "the largest packet that 64 bits of the finest unit hold");
    let (outcome, ..) = payment.pay(&Quote { target: Target::Deliver(amounts.receive), ..quote }, 5).await;
    assert_eq!(outcome.error, None);
    assert!(outcome.amount_delivered >= amounts.receive, "{outcome:?}");
}

/// A payment whose quote the path no longer keeps ends at once. The unsent money stays untouched.
#[tokio::test(start_paused = true)]
async fn what_is_worth_nothing_any_more_ends_the_payment_within_a_second() {
    let network = two_institutions().await;
    let pair = Pair { network: &network, from: ("happy-life", asset("MXN")), to: ("cloud-nine", asset("USD")) };
    let (_, credentials) = network.node("cloud-nine").receive(&pair.to.1, None).await;
    let payment = QuotedPayment::new(&network.node("happy-life"), &pair.from.1, &pair.to.1, credentials);
    let (amounts, quote) = pair.amounts(&payment, MethodTarget::Send(19)).await.unwrap();
    network.node("happy-life").set_rates_by_base(&[("MXN", r#"{"USD":0.05}"#)]);
    network.settle().await;
    let quote = Quote { target: Target::Deliver(amounts.receive), ..quote.unwrap() };
    let (outcome, left, took) = payment.pay(&quote, 19).await;
    assert_eq!((outcome.error, outcome.amount_sent, left), (Some(PaymentError::RemainderWorthless), 0, 19));
    assert!(took < Duration::from_secs(1), "{took:?}");
}
