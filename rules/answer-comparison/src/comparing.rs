//! Compares two answers, member by member.
//!
//! Ids that are new in both answers become a pair. An id that the request names, or that both answers contain, is known
//! and never becomes part of a new pair. If such an id differs, the answers are about different resources.

use std::collections::{BTreeMap, HashMap, HashSet};

use clock::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::difference::{Amount, Difference, Subject, What};
use crate::ids::{ids, set_of, without_ids};
use crate::known::Known;
use crate::purpose::Purpose;

/// The maximum number of differences of one answer that are named.
const NAMED: usize = 50;
/// The largest answer whose parts are compared.
const PARSED_MAX: usize = 4 * 1024 * 1024;
/// The maximum number of sums, by member and asset.
const SUMS_MAX: usize = 500;

/// Members that each installation generates, such as secrets.
const OPAQUE: &[&str] = &["sharedSecret", "nonce", "finish", "redirect", "interact_ref", "interactRef", "requestId"];
/// Members whose words are those of the API.
const WORDS: &[&str] =
    &["state", "status", "type", "code", "assetCode", "__typename", "error", "finalizationReason", "reason", "success"];
/// Members that contain amounts without an asset.
const NUMBERS: &[&str] = &[
    "value",
    "amount",
    "balance",
    "liquidity",
    "liquidityThreshold",
    "withdrawalThreshold",
    "maxPacketAmount",
    "fixed",
    "basisPoints",
    "fee",
];
/// The clients' own data.
const FREE: &[&str] = &["metadata", "additionalProperties", "dataFromSender", "dataToTransmit"];

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

/// A request as the old installation got it, and both answers.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, with the query.
    pub path: &'a str,
    /// The body of the request.
    pub request: &'a [u8],
    /// The answer of the old installation.
    pub old: Answer<'a>,
    /// Our answer.
    pub ours: Answer<'a>,
}

/// What may differ.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// How far apart times may be, in milliseconds.
    pub times_apart: i64,
    /// Members that are not compared.
    pub members: Vec<String>,
}

/// Sums of amounts, by the name of the member and the asset: there, and here. Their number is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<(String, String), (i128, i128)>);

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The first differences.
    pub differences: Vec<Difference>,
    /// The number of further differences.
    pub more: u64,
    /// Whether all differences may be temporary.
    pub may_pass: bool,
    /// Sums of the amounts in both answers.
    pub sums: Sums,
}

impl Sums {
    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        for ((member, asset), (there, here)) in &others.0 {
            self.plus(member, asset, *there, *here);
        }
    }

    /// Name, asset, sum there, sum here.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, i128, i128)> {
        self.0.iter().map(|((member, asset), (there, here))| (&**member, &**asset, *there, *here))
    }

    fn plus(&mut self, member: &str, asset: &str, there: i128, here: i128) {
        let key = (member.to_owned(), asset.to_owned());
        if self.0.len() >= SUMS_MAX && !self.0.contains_key(&key) {
            return;
        }
        let sum = self.0.entry(key).or_default();
        *sum = (sum.0.saturating_add(there), sum.1.saturating_add(here));
    }
}

/// Compares two answers, and learns which ids belong together.
pub fn compare(exchange: &Exchange<'_>, allowed: &Allowed, known: &mut Known) -> Compared {
    known.issued(exchange.old.body);
    let mut walk = Walk::new(exchange, allowed, known);
    let (old, ours) = (exchange.old, exchange.ours);
    if old.status != ours.status {
        walk.differ(What::Status(old.status, ours.status));
    }

    if old.status / 100 == ours.status / 100 {
        match (parsed(old.body), parsed(ours.body)) {
            (Some(there), Some(here)) => walk.values(&there, &here),
            _ if old.body == ours.body => {}
            _ => walk.differ(What::Body(old.body.len(), ours.body.len())),
        }
        walk.totals();
    } else if Purpose::of(exchange.method, exchange.path, exchange.request) == Purpose::Write {
        walk.known.made_only_there(&[exchange.path.as_bytes(), exchange.request], old.body);
    }
    walk.compared
}

fn parsed(body: &[u8]) -> Option<Value> {
    if body.len() > PARSED_MAX { None } else { serde_json::from_slice(body).ok() }
}

struct Walk<'a> {
    allowed: &'a Allowed,
    known: &'a mut Known,
    /// Ids that the request names.
    asked: HashSet<Uuid>,
    there: HashSet<Uuid>,
    here: HashSet<Uuid>,
    subjects: Vec<Subject>,
    place: Vec<String>,
    /// Whether the present place is in the client's own data.
    is_free: bool,
    /// How many amounts each sum has.
    counted: HashMap<(String, String), u32>,
    compared: Compared,
}

impl<'a> Walk<'a> {
    fn new(exchange: &Exchange<'a>, allowed: &'a Allowed, known: &'a mut Known) -> Self {
        let mut asked = set_of(exchange.path.as_bytes());
        asked.extend(set_of(exchange.request));
        let compared = Compared { may_pass: true, ..Compared::default() };
        Self {
            allowed,
            known,
            asked,
            there: set_of(exchange.old.body),
            here: set_of(exchange.ours.body),
            subjects: asked_for(exchange).into_iter().collect(),
            place: Vec::new(),
            is_free: false,
            counted: HashMap::new(),
            compared,
        }
    }

    fn differ(&mut self, what: What) {
        self.compared.may_pass &= what.is_of_progress(self.member());
        if self.compared.differences.len() >= NAMED {
            self.compared.more += 1;
            return;
        }
        let (subject, place) = (self.subjects.last().cloned(), self.place.join("."));
        self.compared.differences.push(Difference { subject, place, what });
    }

    /// The name of the nearest member.
    fn member(&self) -> &str {
        self.place.iter().rev().find(|step| !step.starts_with('[')).map_or("", String::as_str)
    }

    fn inside(&mut self, step: String, visit: impl FnOnce(&mut Self)) {
        let (was_free, subjects) = (self.is_free, self.subjects.len());
        let is_free = was_free || FREE.contains(&step.as_str());
        self.place.push(if was_free { "*".to_owned() } else { step });
        self.is_free = is_free;
        visit(self);
        self.is_free = was_free;
        self.subjects.truncate(subjects);
        self.place.pop();
    }

    fn values(&mut self, old: &Value, ours: &Value) {
        match (old, ours) {
            (Value::Object(old), Value::Object(ours)) => self.objects(old, ours),
            (Value::Array(old), Value::Array(ours)) => self.lists(old, ours),
            (Value::String(old), Value::String(ours)) => self.texts(old, ours),
            _ if old == ours => {}
            (Value::Bool(old), Value::Bool(ours)) if !self.is_free => self.differ(What::Flag(*old, *ours)),
            (Value::Number(old), Value::Number(ours)) if !self.is_free => {
                self.differ(What::Number(old.to_string(), ours.to_string()));
            }
            _ => self.differ(What::Kind(kind(old), kind(ours))),
        }
    }

    fn objects(&mut self, old: &Map<String, Value>, ours: &Map<String, Value>) {
        if !self.is_free
            && let (Some(there), Some(here)) = (amount(old), amount(ours))
        {
            return self.amounts(there, here);
        }
        if let Some(subject) = self.named(old) {
            self.subjects.push(subject);
        }

        for (name, there) in old {
            if self.allowed.members.contains(name) {
                continue;
            }
            self.inside(name.clone(), |walk| match ours.get(name) {
                Some(here) => walk.values(there, here),
                None => walk.differ(What::OnlyThere),
            });
        }
        for name in ours.keys().filter(|name| !old.contains_key(*name)) {
            if !self.allowed.members.contains(name) {
                self.inside(name.clone(), |walk| walk.differ(What::OnlyHere));
            }
        }
    }

    /// The subject that an object with an id is.
    fn named(&self, object: &Map<String, Value>) -> Option<Subject> {
        if self.is_free {
            return None;
        }
        let id = id_of(object)?;
        let typed = object.get("__typename").and_then(Value::as_str).filter(|name| is_word(name));
        let what = typed.unwrap_or_else(|| self.member());
        let above = self.subjects.last().map_or("", |subject| &*subject.what);
        let what = if what.is_empty() { above } else { what };
        Some(Subject { what: if what.is_empty() { "object" } else { what }.to_owned(), id })
    }

    fn amounts(&mut self, old: Amount, ours: Amount) {
        let member = self.member().to_owned();
        self.sum(&member, &old.asset, old.value, 0);
        self.sum(&member, &ours.asset, 0, ours.value);
        if old != ours {
            self.differ(What::Amount(old, ours));
        }
    }

    fn sum(&mut self, member: &str, asset: &str, there: i128, here: i128) {
        *self.counted.entry((member.to_owned(), asset.to_owned())).or_default() += 1;
        self.compared.sums.plus(member, asset, there, here);
    }

    /// Compares sums of several amounts. The sum of one amount shows nothing new.
    fn totals(&mut self) {
        let sums = self.compared.sums.clone();
        for (member, asset, there, here) in sums.iter().filter(|(.., there, here)| there != here) {
            let count = self.counted.get(&(member.to_owned(), asset.to_owned())).copied().unwrap_or(0);
            if count > 2 {
                let amount = |value| Amount { value, asset: asset.to_owned() };
                self.inside(member.to_owned(), |walk| walk.differ(What::Total(amount(there), amount(here))));
            }
        }
    }

    fn lists(&mut self, old: &[Value], ours: &[Value]) {
        match (all_named(old), all_named(ours)) {
            (Some(there), Some(here)) if !there.is_empty() || !here.is_empty() => {
                self.named_lists(old, ours, &there, &here);
            }
            _ => {
                if old.len() != ours.len() {
                    self.differ(What::Length(old.len(), ours.len()));
                }
                for (at, (there, here)) in old.iter().zip(ours).enumerate() {
                    self.inside(format!("[{at}]"), |walk| walk.values(there, here));
                }
            }
        }
    }

    /// Lists whose entries have ids: each entry is compared with the one that has its id.
    fn named_lists(&mut self, old: &[Value], ours: &[Value], there: &[Uuid], here: &[Uuid]) {
        let places: HashMap<Uuid, usize> = here.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let (mut matched, mut alone, mut only_there) = (Vec::new(), Vec::new(), 0);
        for (at, id) in there.iter().enumerate() {
            let wanted = self.known.ours_of(*id).unwrap_or(*id);
            match places.get(&wanted) {
                Some(place) => matched.push((at, *place)),
                None if self.known.is_only_there(*id) => only_there += 1,
                None => alone.push(at),
            }
        }

        let found: HashSet<usize> = matched.iter().map(|(_, place)| *place).collect();
        let rest: Vec<usize> = (0..here.len()).filter(|place| !found.contains(place)).collect();
        if !matched.is_sorted_by_key(|(_, place)| *place) {
            self.differ(What::Order);
        }
        if alone.len() == rest.len() {
            matched.extend(alone.drain(..).zip(rest));
        } else if !alone.is_empty() || rest.len() > only_there {
            // A page of ours contains later entries if some entries of the old page exist only there.
            self.differ(What::Length(there.len() - only_there, here.len()));
        }

        for (at, place) in matched {
            self.inside(format!("[{at}]"), |walk| walk.values(&old[at], &ours[place]));
        }
    }

    fn texts(&mut self, old: &str, ours: &str) {
        if old == ours {
            return;
        }
        let member = self.member();
        let parent = self.place.iter().rev().nth(1).map_or("", String::as_str);
        let is_opaque = OPAQUE.contains(&member) || (parent == "access_token" && member == "value");
        if is_opaque && old.is_empty() == ours.is_empty() {
            return;
        }
        // The last segment of a receiver's ILP address is different in each answer.
        let node = |address: &str| address.rsplit_once('.').map(|(node, _)| node.to_owned());
        if member == "ilpAddress" && node(old).is_some() && node(old) == node(ours) {
            return;
        }
        if let (Some(there), Some(here)) = (time(old), time(ours)) {
            let apart = here.as_millis().saturating_sub(there.as_millis());
            if apart.saturating_abs() > self.allowed.times_apart {
                self.differ(What::Time(apart));
            }
            return;
        }
        self.other_texts(old, ours);
    }

    fn other_texts(&mut self, old: &str, ours: &str) {
        let ((rest, there), (our_rest, here)) = (without_ids(old), without_ids(ours));
        if rest == our_rest && !there.is_empty() {
            for (there, here) in there.into_iter().zip(here).filter(|(there, here)| there != here) {
                self.different_ids(there, here);
            }
            return;
        }
        let (member, digits) =
            (self.member(), |text: &str| text.len() <= 40 && text.bytes().all(|c| c.is_ascii_digit()));
        let what = if !self.is_free && NUMBERS.contains(&member) && digits(old) && digits(ours) {
            What::Number(old.to_owned(), ours.to_owned())
        } else if !self.is_free && WORDS.contains(&member) && is_word(old) && is_word(ours) {
            What::Word(old.to_owned(), ours.to_owned())
        } else {
            What::Text(old.chars().count(), ours.chars().count())
        };
        self.differ(what);
    }

    fn different_ids(&mut self, old: Uuid, ours: Uuid) {
        if self.known.ours_of(old) == Some(ours) {
            return;
        }
        let is_new = !self.asked.contains(&old) && !self.here.contains(&old) && !self.there.contains(&ours);
        if is_new && self.known.is_free(old, ours) {
            self.known.learn(old, ours);
        } else {
            self.differ(What::Id(old, ours));
        }
    }
}

/// The resource of the request: the last id of its path, or the first id of its body.
fn asked_for(exchange: &Exchange<'_>) -> Option<Subject> {
    let path = exchange.path.split('?').next().unwrap_or_default();
    if let Some((place, id)) = ids(path.as_bytes()).last() {
        let before = path[..place.start].trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let what = if is_word(before) && Uuid::try_parse(before).is_err() { before } else { "object" };
        return Some(Subject { what: what.to_owned(), id });
    }
    ids(exchange.request).next().map(|(_, id)| Subject { what: "object".to_owned(), id })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Value and asset, if the object is an amount.
fn amount(object: &Map<String, Value>) -> Option<Amount> {
    if object.keys().any(|name| !matches!(name.as_str(), "value" | "assetCode" | "assetScale" | "__typename")) {
        return None;
    }
    let value = match object.get("value")? {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => number.to_string().parse().ok()?,
        _ => return None,
    };
    let code = object.get("assetCode").and_then(Value::as_str).filter(|code| is_word(code)).unwrap_or_default();
    let asset = match object.get("assetScale") {
        Some(scale) => format!("{code}/{scale}"),
        None => code.to_owned(),
    };
    Some(Amount { value, asset })
}

/// The id of an object, which may be a URL that ends with it.
fn id_of(object: &Map<String, Value>) -> Option<Uuid> {
    let id = object.get("id")?.as_str()?;
    ids(id.as_bytes()).last().map(|(_, id)| id)
}

/// The ids of all entries, if each has its own. An entry of a GraphQL connection has it in its node.
fn all_named(list: &[Value]) -> Option<Vec<Uuid>> {
    let id = |entry: &Value| {
        let entry = entry.as_object()?;
        id_of(entry).or_else(|| id_of(entry.get("node")?.as_object()?))
    };
    let all: Vec<Uuid> = list.iter().map(id).collect::<Option<_>>()?;
    let different: HashSet<&Uuid> = all.iter().collect();
    (different.len() == all.len()).then_some(all)
}

fn time(text: &str) -> Option<Timestamp> {
    let looks_so = text.as_bytes().get(10) == Some(&b'T') && text.starts_with(|c: char| c.is_ascii_digit());
    if looks_so { text.parse().ok() } else { None }
}

/// A word of an API: short, and of letters, digits, hyphens, points and underscores.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OLD: Uuid = Uuid::from_u128(0xa1);
    const OURS: Uuid = Uuid::from_u128(0xb1);
    const IMPORTED: Uuid = Uuid::from_u128(0xc1);

    fn asked(method: &str, path: &str, request: &Value, old: &Value, ours: &Value, known: &mut Known) -> Compared {
        let (request, old, ours) = (request.to_string(), old.to_string(), ours.to_string());
        let exchange = Exchange {
            method,
            path,
            request: request.as_bytes(),
            old: Answer { status: 200, body: old.as_bytes() },
            ours: Answer { status: 200, body: ours.as_bytes() },
        };
        let allowed = Allowed { times_apart: 60_000, members: vec!["extensions".to_owned()] };
        compare(&exchange, &allowed, known)
    }

    fn read(path: &str, old: &Value, ours: &Value) -> Vec<String> {
        let compared = asked("GET", path, &Value::Null, old, ours, &mut Known::new(10));
        compared.differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rounding_change_names_the_payment_and_both_amounts() {
        let answer = |value: &str| {
            json!({
                "id": format!("https://cloud.example/outgoing-payments/{IMPORTED}"),
                "receiveAmount": {"value": value, "assetCode": "USD", "assetScale": 2},
                "walletAddress": "https://cloud.example/alice"
            })
        };
        let path = format!("/outgoing-payments/{IMPORTED}");
        assert_eq!(
            read(&path, &answer("1043"), &answer("1042")),
            [format!("outgoing-payments {IMPORTED}: receiveAmount: 1043 USD/2 there, 1042 USD/2 here (1 less here)")]
        );
        assert_eq!(read(&path, &answer("1043"), &answer("1043")), Vec::<String>::new());
    }

    #[test]
    fn ids_and_times_of_what_each_made_may_differ_and_later_answers_know_the_pairs() {
        let mut known = Known::new(10);
        let made = |id: Uuid, at: &str| {
            json!({
                "id": format!("https://cloud.example/incoming-payments/{id}"), "createdAt": at,
                "methods": [{"type": "ilp", "ilpAddress": format!("test.cloud.{}", id.simple()), "sharedSecret": id.simple().to_string()}]
            })
        };
        let (there, here) = (made(OLD, "2026-11-26T20:00:00.000Z"), made(OURS, "2026-11-26T20:00:03.000Z"));
        let created = asked("POST", "/incoming-payments", &json!({}), &there, &here, &mut known);
        assert_eq!(created.differences, []);
        assert_eq!(known.ours_of(OLD), Some(OURS));

        let path = format!("/incoming-payments/{OLD}");
        assert_eq!(known.for_ours(&path), format!("/incoming-payments/{OURS}"));
        let again = asked("GET", &path, &Value::Null, &there, &here, &mut known);
        assert_eq!(again.differences, []);
        let another = made(Uuid::from_u128(0xd1), "2026-11-26T20:00:03.000Z");
        let again = asked("GET", &path, &Value::Null, &there, &another, &mut known);
        assert_eq!(again.differences.len(), 1, "{:?}", again.differences);
        assert!(matches!(again.differences[0].what, What::Id(..)));
        assert!(!again.may_pass);

        let late = made(OURS, "2026-11-26T20:02:00.000Z");
        let again = asked("GET", &path, &Value::Null, &there, &late, &mut known);
        assert_eq!(again.differences[0].what, What::Time(120_000));
    }

    #[test]
    fn an_id_that_the_request_names_or_the_other_answer_has_is_no_new_pair() {
        let of = |id: Uuid| json!({"data": {"peer": {"id": id.to_string()}}});
        let mut known = Known::new(10);
        let request =
            json!({"query": "query($id: String!) { peer(id: $id) { id } }", "variables": {"id": IMPORTED.to_string()}});
        let wrong = asked("POST", "/graphql", &request, &of(IMPORTED), &of(OURS), &mut known);
        assert!(matches!(wrong.differences[..], [Difference { what: What::Id(..), .. }]), "{wrong:?}");

        let list = |ids: [Uuid; 2]| json!({"edges": ids.map(|id| json!({"node": {"id": id.to_string()}}))});
        let swapped = asked("GET", "/", &Value::Null, &list([OLD, OURS]), &list([OURS, OLD]), &mut known);
        assert_eq!(swapped.differences.iter().map(|it| &it.what).collect::<Vec<_>>(), [&What::Order]);
        assert_eq!(known.ours_of(OLD), None);
    }

    #[test]
    fn statuses_shapes_words_and_kinds_are_compared_and_texts_are_not_shown() {
        let mut known = Known::new(10);
        let exchange = |old: Answer<'static>, ours: Answer<'static>| Exchange {
            method: "GET",
            path: "/alice",
            request: b"",
            old,
            ours,
        };
        let not_found = exchange(Answer { status: 200, body: b"{}" }, Answer { status: 404, body: b"" });
        let compared = compare(&not_found, &Allowed::default(), &mut known);
        assert_eq!(compared.differences[0].to_string(), "status 200 there, 404 here");
        let page = exchange(Answer { status: 200, body: b"<p>" }, Answer { status: 200, body: b"<b>" });
        assert_eq!(compare(&page, &Allowed::default(), &mut known).differences[0].what, What::Body(3, 3));

        let (there, here) = (
            json!({"state": "SENDING", "publicName": "Alice Smith", "a": null, "n": 1, "metadata": {"phone 12345": 5, "x": "y"}, "extensions": 1}),
            json!({"state": "COMPLETED", "publicName": "Bob", "b": 1, "n": "1", "metadata": {"phone 12345": 6, "x": "z"}}),
        );
        let mut told = read("/alice", &there, &here);
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "a: only there",
                "b: only here",
                "metadata.*: a number there, a number here",
                "metadata.*: a text of 1 characters there, another of 1 here",
                "n: a number there, a text here",
                "publicName: a text of 11 characters there, another of 3 here",
                "state: SENDING there, COMPLETED here",
            ]
        );
    }

    #[test]
    fn totals_of_lists_and_entries_that_are_only_there() {
        let mut known = Known::new(10);
        let entry = |n: u128, value: u64| json!({"id": Uuid::from_u128(n).to_string(), "sentAmount": {"value": value.to_string(), "assetCode": "EUR", "assetScale": 2}});
        let (there, here) = (json!([entry(1, 10), entry(2, 20)]), json!([entry(1, 10), entry(2, 19)]));
        let compared = asked("GET", "/outgoing-payments", &Value::Null, &there, &here, &mut known);
        let told: Vec<String> = compared.differences.iter().map(ToString::to_string).collect();
        assert!(told[0].ends_with("sentAmount: 20 EUR/2 there, 19 EUR/2 here (1 less here)"), "{told:?}");
        assert_eq!(told[1], "sentAmount: 30 EUR/2 in all there, 29 EUR/2 in all here (1 less here)");
        assert!(compared.may_pass, "ours may send it later");
        assert_eq!(compared.sums.iter().collect::<Vec<_>>(), [("sentAmount", "EUR/2", 30, 29)]);

        let missing = asked("GET", "/outgoing-payments", &Value::Null, &there, &json!([entry(1, 10)]), &mut known);
        assert_eq!(missing.differences[0].what, What::Length(2, 1));
        known.made_only_there(&[b""], entry(2, 20).to_string().as_bytes());
        let missing = asked("GET", "/outgoing-payments", &Value::Null, &there, &json!([entry(1, 10)]), &mut known);
        assert_eq!(missing.differences, []);
    }

    #[test]
    fn many_differences_are_counted_and_only_the_first_are_named() {
        let list = |value: u32| Value::Array((0..200).map(|_| json!(value)).collect());
        let compared = asked("GET", "/", &Value::Null, &list(1), &list(2), &mut Known::new(10));
        assert_eq!((compared.differences.len(), compared.more), (50, 150));
    }

    #[test]
    fn an_id_that_only_the_old_one_made_is_known_after_ours_refused() {
        let mut known = Known::new(10);
        let body = format!("{{\"id\":\"{OLD}\"}}");
        let exchange = Exchange {
            method: "POST",
            path: "/quotes",
            request: b"{}",
            old: Answer { status: 201, body: body.as_bytes() },
            ours: Answer { status: 400, body: b"{}" },
        };
        let compared = compare(&exchange, &Allowed::default(), &mut known);
        assert_eq!(compared.differences[0].what, What::Status(201, 400));
        assert!(known.is_only_there(OLD));
    }
}
