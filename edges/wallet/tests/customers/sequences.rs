//! A thousand random sequences: events are repeated, reordered, late or lost, answers are lost, and the process ends
//! between any two steps. At the end of each, all books are right.
//!
//! Each sequence is drawn from its number, which a failure tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use clock::{Clock, Entropy, SeededEntropy};
use serde_json::Value;
use testkit::TestDatabase;
use uuid::Uuid;
use wallet::{FeePolicy, FeeRule, charged};

use crate::bench::{ACCOUNTS, BEGINNING, Bench, Cut, NORAS, OLD, Shape};
use crate::instance::{Payment, State};

const EACH: u64 = 125;
/// The rounds in which the world goes on as it likes.
const ROUNDS: usize = 5;

macro_rules! parts {
    ($shape:ident, $first:literal; $($name:ident, $number:literal, $of:ident;)*) => {
        $(
            #[test]
            fn $name() {
                testkit::block_on(async {
                    let Some(database) = TestDatabase::of(testkit::Dialect::$of).await else { return };
                    let mut bench = Bench::of(database, Shape::$shape).await;
                    let first = $first + $number * EACH;
                    run(&mut bench, first..first + EACH).await;
                });
            }
        )*
    };
}

// Parts run at the same time, each on its own database.
parts! {
    OneProcess, 0;
    a_thousand_sequences_end_with_right_books_part_1, 0, Sqlite;
    a_thousand_sequences_end_with_right_books_part_2, 1, Sqlite;
    a_thousand_sequences_end_with_right_books_part_3, 2, Sqlite;
    a_thousand_sequences_end_with_right_books_part_4, 3, Sqlite;
    a_thousand_sequences_end_with_right_books_part_5, 4, Sqlite;
    a_thousand_sequences_end_with_right_books_part_6, 5, Sqlite;
    a_thousand_sequences_end_with_right_books_part_7_on_postgres, 6, Postgres;
    a_thousand_sequences_end_with_right_books_part_8_on_postgres, 7, Postgres;
}

#[test]
fn sequences_end_with_right_books_also_if_each_module_is_a_process_of_its_own() {
    testkit::block_on(async {
        let mut bench = Bench::of(TestDatabase::sqlite().await, Shape::Apart).await;
        run(&mut bench, 1_000..1_040).await;
    });
}

// The modules are four processes. Accounts and payments are killed, and questions between them and answers are lost.
parts! {
    Four, 2_000;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_1, 0, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_2, 1, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_3, 2, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_4, 3, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_5, 4, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_6, 5, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_7, 6, Sqlite;
    a_thousand_sequences_in_four_processes_end_with_right_books_part_8_on_postgres, 7, Postgres;
}

async fn run(bench: &mut Bench, numbers: Range<u64>) {
    let mut fees = BTreeMap::new();
    for number in numbers {
        let mut sequence = Sequence { dice: SeededEntropy::new(number), told: Vec::new(), log: String::new(), number };
        sequence.run(bench, &mut fees).await;
        if let Err(wrong) = right(bench, &fees).await {
            panic!("sequence {number}: {wrong}\n{}", sequence.log);
        }
    }
}

/// An event that is still delivered so often.
struct Told {
    event: Value,
    times: u64,
}

struct Sequence {
    dice: SeededEntropy,
    told: Vec<Told>,
    /// What happened, for the reader of a failure.
    log: String,
    number: u64,
}

impl Sequence {
    /// A number below `limit`.
    fn roll(&self, limit: u64) -> u64 {
        u64::from_le_bytes((&self.dice as &dyn Entropy).bytes()) % limit
    }

    fn some(&self) -> usize {
        usize::try_from(self.roll(12)).unwrap()
    }

    fn note(&mut self, what: impl std::fmt::Display) {
        let _ = writeln!(self.log, "{what}");
    }

    fn event_id(&self) -> Uuid {
        self.dice.uuid()
    }

    async fn run(&mut self, bench: &mut Bench, fees: &mut BTreeMap<Uuid, Agreed>) {
        self.begin(bench, fees).await;
        for _ in 0..ROUNDS {
            self.deliver_some(bench).await;
            self.work(bench).await;
            self.world_goes_on(bench);
        }
        // In the end everything that is not lost has arrived, and old holds were looked at.
        for _ in 0..5 {
            while !self.told.is_empty() {
                self.deliver_one(bench).await;
            }
            bench.clock.advance(OLD);
            bench.work(Cut::Never).await;
            let sending: Vec<Payment> =
                bench.instance.payments().into_iter().filter(|payment| payment.state == State::Sending).collect();
            for payment in sending {
                self.end(bench, &payment);
            }
        }
        assert!(self.told.is_empty(), "sequence {}: events are left", self.number);
    }

    /// New offers, payments, and money that comes.
    async fn begin(&mut self, bench: &mut Bench, fees: &mut BTreeMap<Uuid, Agreed>) {
        bench.clock.advance(Duration::from_secs(1 + self.roll(3)));
        if self.roll(3) == 0 {
            let points = u16::try_from(self.roll(400)).unwrap();
            let rule = FeeRule { fixed: self.roll(60), basis_points: points };
            self.note(format_args!("fee {rule:?}"));
            bench.instance.set_fee(rule, bench.clock.now());
            bench.clock.advance(Duration::from_millis(5));
        }
        for _ in 0..self.roll(3) {
            let address = Bench::address(usize::try_from(self.roll(ACCOUNTS as u64)).unwrap());
            let amount = 70 + self.roll(2_500);
            let (debit, receive) = if self.roll(2) == 0 { (Some(amount), None) } else { (None, Some(amount)) };
            let id = bench.instance.client_pays(address, debit, receive, bench.clock.now());
            fees.insert(id, Agreed::AsQuoted);
            self.note(format_args!("client pays {id} {debit:?} {receive:?}"));
            self.tell(bench.instance.told(self.event_id(), "created", id));
        }
        for _ in 0..self.roll(3) {
            let address = Bench::address(usize::try_from(self.roll(ACCOUNTS as u64)).unwrap());
            let kind = ["incoming_payment.completed", "incoming_payment.expired", "wallet_address.web_monetization"];
            let kind = kind[usize::try_from(self.roll(3)).unwrap()];
            let id = bench.instance.comes(address, 1 + self.roll(1_500));
            self.note(format_args!("{kind} {id}"));
            // Money streamed to an address is withdrawn by the event itself.
            let event = if kind == "wallet_address.web_monetization" { id } else { self.event_id() };
            let event = bench.instance.told_credit(event, kind, id);
            bench.instance.lists(&event, bench.clock.now());
            self.tell(event);
        }
        if self.roll(2) == 0 {
            let fixed = if self.roll(2) == 0 { "debit" } else { "receive" };
            let (id, _) = bench.nora_sends(fixed, 70 + self.roll(900)).await;
            fees.insert(id, Agreed::Confirmed);
            self.note(format_args!("Nora sends {id} {fixed}"));
        }
    }

    /// Any event may be lost. Those of credits can be listed; what became of payments can be asked.
    fn tell(&mut self, event: Value) {
        let times = if self.roll(4) == 0 { 0 } else { 1 + self.roll(3) };
        self.note(format_args!("{} {} will be told {times} times", event["type"], event["data"]["id"]));
        if times > 0 {
            self.told.push(Told { event, times });
        }
    }

    async fn deliver_some(&mut self, bench: &Bench) {
        for _ in 0..self.roll(4) {
            if !self.told.is_empty() {
                self.deliver_one(bench).await;
            }
        }
    }

    async fn deliver_one(&mut self, bench: &Bench) {
        let at = usize::try_from(self.roll(self.told.len() as u64)).unwrap();
        let event = self.told[at].event.clone();
        self.told[at].times -= 1;
        if self.told[at].times == 0 {
            self.told.swap_remove(at);
        }
        self.note(format_args!("told {} {}", event["type"], event["data"]["id"]));
        bench.deliver(&event).await;
    }

    async fn work(&mut self, bench: &mut Bench) {
        let cut = match self.roll(5) {
            0 => Cut::Before(i64::try_from(self.roll(8)).unwrap()),
            1 => Cut::After(i64::try_from(self.roll(8)).unwrap()),
            2 => Cut::Wait(usize::try_from(self.roll(90)).unwrap()),
            3 => Cut::Never,
            _ => {
                self.note("two processes work");
                return bench.work_together().await;
            }
        };
        self.note(format_args!("works, {cut:?}"));
        let is_four = bench.apart.as_ref().is_some_and(|apart| apart.accounts().is_some());
        if is_four && self.roll(2) == 0 {
            // The process of the accounts ends before and after what it is asked, and that of the payments goes on.
            let (questions, answers) = (self.some(), self.some());
            self.note(format_args!("{questions} questions to the accounts and {answers} answers are lost"));
            bench.apart.as_ref().unwrap().accounts_lose(questions, answers);
        }
        bench.work(cut).await;
        if let Some(apart) = &bench.apart {
            apart.accounts_lose(0, 0);
        }
    }

    /// Payments end, the operator cancels some, and time passes.
    fn world_goes_on(&mut self, bench: &Bench) {
        for payment in bench.instance.payments() {
            let seen = payment.state == State::Funding && bench.instance.is_new(payment.id);
            if seen {
                self.tell(bench.instance.told(self.event_id(), "created", payment.id));
            }
            match payment.state {
                State::Sending if self.roll(2) == 0 => self.end(bench, &payment),
                State::Funding if self.roll(25) == 0 => {
                    self.note(format_args!("the operator cancels {}", payment.id));
                    bench.instance.operator_cancels(payment.id);
                }
                _ => {}
            }
        }
        let passes = if self.roll(8) == 0 { Duration::from_mins(4) } else { Duration::from_secs(self.roll(20)) };
        bench.clock.advance(passes);
    }

    fn end(&mut self, bench: &Bench, payment: &Payment) {
        let (state, kind, sent) = match self.roll(4) {
            0 => (State::Failed, "failed", 0),
            1 => (State::Failed, "failed", self.roll(payment.base.max(1))),
            // Not all that was kept for bad rates is used.
            _ => (State::Completed, "completed", payment.base - self.roll(payment.base / 100 + 1)),
        };
        bench.instance.end(payment.id, state, sent);
        self.note(format_args!("{} {kind} with {sent} of {}", payment.id, payment.debit));
        self.tell(bench.instance.told(self.event_id(), kind, payment.id));
    }
}

/// What the payer agreed to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreed {
    /// The fee of the offer, to the cent.
    Confirmed,
    /// The rule of the offer. Which side was fixed is not told.
    AsQuoted,
}

/// What a payment costs its payer: what was sent, and the fee.
fn cost(payment: &Payment, agreed: Agreed) -> (u64, u64) {
    match payment.state {
        State::Funding | State::Sending | State::Cancelled => (0, 0),
        State::Failed => (payment.sent, 0),
        State::Completed => {
            let fee = match agreed {
                Agreed::Confirmed => (payment.debit - payment.base).min(payment.debit - payment.sent),
                Agreed::AsQuoted => charged(FeePolicy::FeePlusSent, payment.rule, payment.debit, payment.sent),
            };
            (payment.sent, fee)
        }
    }
}

/// Compares all books of the wallet with those of the instance.
async fn right(bench: &Bench, fees: &BTreeMap<Uuid, Agreed>) -> Result<(), String> {
    let (dead, waiting) = (bench.dead_events().await, "SELECT COUNT(*) FROM wallet_inbox WHERE state = 'new'");
    if dead > 0 || bench.column_of_payments(waiting).await != [0] {
        return Err(format!("{dead} events were given up, and others wait"));
    }
    let open = bench.column("SELECT COUNT(*) FROM wallet_holds WHERE state NOT IN ('settled', 'released')").await;
    if open != [0] {
        return Err(format!("{open:?} holds are open"));
    }

    let payments = bench.instance.payments();
    if let Some(left) = payments.iter().find(|payment| {
        matches!(payment.state, State::Sending) || (payment.state != State::Sending && payment.liquidity > 0)
    }) {
        return Err(format!("money is left in a payment: {left:?}"));
    }
    let mut income = 0;
    let balances = bench.balances().await;
    for &(address, balance, held) in &balances {
        let mut expected = i128::from(if address == Bench::noras_address() { NORAS } else { BEGINNING });
        for payment in payments.iter().filter(|payment| payment.address == address) {
            let (sent, fee) = cost(payment, fees[&payment.id]);
            expected -= i128::from(sent + fee);
            income += i128::from(fee);
        }
        let (received, all) = bench.instance.received(address);
        expected += received;
        if !all || (balance, held) != (expected, 0) {
            return Err(format!("{address} has {balance}, holds {held}, and should have {expected}; all came: {all}"));
        }
    }
    if (bench.house(2).await, bench.house(3).await) != (bench.instance.given(), income) {
        return Err(
            "the settlement with the network, or the income from fees, is not what the instance says".to_owned()
        );
    }

    let sent: BTreeSet<Uuid> = bench.ids("SELECT id FROM wallet_movements WHERE kind = 'sent'").await;
    let under_agreements = bench.ids_of_agreements("SELECT payment_id FROM wallet_agreement_uses").await;
    if !sent.is_subset(&under_agreements) {
        return Err("a payment belongs to no agreement".to_owned());
    }

    // What customers read about their accounts is what the ledger has.
    let told = "SELECT CAST(COALESCE(SUM(CASE WHEN kind = 'sent' THEN -amount ELSE amount END), 0) AS bigint)
        FROM wallet_movements GROUP BY account_id ORDER BY 1";
    let mut has: Vec<i64> = balances.iter().map(|(_, has, _)| i64::try_from(*has).unwrap()).collect();
    has.sort_unstable();
    if bench.column(told).await != has {
        return Err("the history is not what the ledger has".to_owned());
    }
    Ok(())
}
