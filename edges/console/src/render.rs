//! Pages as HTML: the templates, and the values that they need besides the page.
//!
//! The templates escape all text from outside. Only our own SVG is marked as safe.

use askama::Template;
use clock::Timestamp;
use page_kit::numbers;
use uuid::Uuid;

use crate::reading::Reading;
use crate::view::{Block, Cell, Column, Field, Form, Input, Live, Money, Page, Side, Table, Tone};

/// The values for the frame around every page.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) words: Reading,
    /// `light`, `dark`, or empty for the choice of the system.
    pub(crate) theme: &'a str,
    /// `compact`, or empty.
    pub(crate) density: &'a str,
    /// `UTC`, or empty for the zone of the browser.
    pub(crate) zone: &'a str,
    pub(crate) keys: Keys,
    pub(crate) accent: &'a str,
    pub(crate) institution: &'a str,
    pub(crate) version: &'a str,
    pub(crate) flash: Option<(Tone, String)>,
}

/// Whether single keys, such as `/` and `j`, do something (WCAG 2.2, 2.1.4). People who dictate turn them off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    On,
    Off,
}

/// The session, for the frame.
#[derive(Clone, Debug)]
pub(crate) struct Person<'a> {
    pub(crate) name: &'a str,
    pub(crate) operator: bool,
    pub(crate) looks_only: bool,
    /// The name of the person, if the session has one of its own.
    pub(crate) person: Option<&'a str>,
    /// Whether some changes wait for a second person.
    pub(crate) second_person: bool,
    pub(crate) token: String,
}

impl Person<'_> {
    /// Who this is, without what stands beside it: an institution is not named twice.
    fn shown(&self, institution: &str) -> String {
        let tenant = (self.name != institution).then_some(self.name);
        let names: Vec<&str> = self.person.into_iter().chain(tenant).collect();
        names.join(" · ")
    }
}

/// An entry of the rail.
struct Entry {
    place: &'static str,
    label: &'static str,
    href: &'static str,
    begins: Begins,
}

/// What begins with an entry of the rail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    Group,
    Nothing,
}

const fn entry(begins: Begins, place: &'static str, label: &'static str, href: &'static str) -> Entry {
    Entry { place, label, href, begins }
}

const RAIL: [Entry; 15] = [
    entry(Begins::Nothing, "home", "Home", "/"),
    entry(Begins::Group, "payments", "Payments", "/payments"),
    entry(Begins::Nothing, "wallet-addresses", "Wallet addresses", "/wallet-addresses"),
    entry(Begins::Nothing, "ledger", "Ledger", "/ledger"),
    entry(Begins::Nothing, "liquidity", "Liquidity", "/liquidity"),
    entry(Begins::Group, "peers", "Peers", "/peers"),
    entry(Begins::Nothing, "assets", "Assets and fees", "/assets"),
    entry(Begins::Nothing, "rates", "Exchange rates", "/rates"),
    entry(Begins::Group, "grants", "Grants", "/grants"),
    entry(Begins::Nothing, "webhook-events", "Webhooks", "/webhook-events"),
    entry(Begins::Group, "tenants", "Tenants", "/tenants"),
    entry(Begins::Nothing, "approvals", "Approvals", "/approvals"),
    entry(Begins::Nothing, "audit", "Audit log", "/audit"),
    entry(Begins::Nothing, "health", "Health", "/health"),
    entry(Begins::Nothing, "settings", "Settings", "/preferences"),
];

#[derive(Template)]
#[template(path = "page.html")]
struct PageHtml<'a> {
    w: Reading,
    f: &'a Frame<'a>,
    who: Option<&'a Person<'a>>,
    p: &'a Page,
    rail: &'static [Entry],
}

#[derive(Template)]
#[template(path = "block.html")]
struct BlockHtml<'a> {
    w: Reading,
    b: &'a Block,
}

#[derive(Template)]
#[template(path = "cell.html")]
struct CellHtml<'a> {
    w: Reading,
    c: &'a Cell,
}

#[derive(Template)]
#[template(path = "table.html")]
struct TableHtml<'a> {
    w: Reading,
    t: &'a Table,
}

#[derive(Template)]
#[template(path = "form.html")]
struct FormHtml<'a> {
    w: Reading,
    form: &'a Form,
}

/// A page of a signed-in user, or a page without the rail for a guest.
pub(crate) fn page(frame: &Frame<'_>, who: Option<&Person<'_>>, page: &Page) -> String {
    text(&PageHtml { w: frame.words, f: frame, who, p: page, rail: &RAIL })
}

fn text(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be drawn");
        String::new()
    })
}

fn cell(w: Reading, c: &Cell) -> String {
    text(&CellHtml { w, c })
}

fn table(w: Reading, t: &Table) -> String {
    text(&TableHtml { w, t })
}

fn form(w: Reading, form: &Form) -> String {
    text(&FormHtml { w, form })
}

fn block(w: Reading, b: &Block) -> String {
    text(&BlockHtml { w, b })
}

fn money(w: Reading, money: &Money) -> String {
    numbers::decimal(money.value, money.scale, w)
}

/// `26 Nov 2026, 16:13:05 UTC`
fn instant(at: Timestamp) -> String {
    match at.to_civil() {
        Some(civil) => civil.strftime("%-d %b %Y, %H:%M:%S UTC").to_string(),
        None => at.to_string(),
    }
}

/// Whether a text is an id, which stays on its line where there is room.
fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::parse_str(text).is_ok()
}

/// The query that reads the page.
fn read_by(page: &Page) -> Option<&'static str> {
    admin_client::query_named(page.reads)
}

/// Whether a column is left out.
fn hides(table: &Table) -> bool {
    table.toggles.iter().any(|toggle| !toggle.shown)
}

fn is_right(column: &Column) -> bool {
    column.side == Side::Right
}

/// The column of the cell at this place.
fn column(table: &Table, place: usize) -> Option<&Column> {
    table.columns.get(place)
}

fn same(one: &str, other: &str) -> bool {
    one == other
}

/// Whether a value is among those that are joined by commas.
fn is_among(value: &str, chosen: &str) -> bool {
    chosen.split(',').any(|one| one == value)
}

/// Two forms of a page have different addresses, so no two fields have the same id.
fn id_in(form: &Form, name: &str) -> String {
    let place: String = form.action.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{place}-{name}")
}

fn input_id(form: &Form, field: &Field) -> String {
    id_in(form, field.name)
}

/// The ids of the texts that tell about an input: its help and its error.
fn described_by(form: &Form, field: &Field) -> Option<String> {
    let id = input_id(form, field);
    let texts = [field.help.map(|_| format!("{id}-help")), field.error.map(|_| format!("{id}-error"))];
    let ids: Vec<String> = texts.into_iter().flatten().collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn place_id(form: &Form) -> String {
    id_in(form, "keyword")
}

/// Whether the form asks for a reason by itself.
fn has_reason(form: &Form) -> bool {
    form.fields.iter().any(|field| field.name == "reason")
}

fn why_id(form: &Form) -> String {
    id_in(form, "why")
}

fn kind_of(input: &Input) -> &'static str {
    match input {
        Input::Password => "password",
        Input::Email => "email",
        Input::Url => "url",
        Input::Instant => "datetime-local",
        _ => "text",
    }
}

fn mode_of(input: &Input) -> &'static str {
    match input {
        Input::Number => "numeric",
        Input::Amount(_) => "decimal",
        Input::Email => "email",
        Input::Url => "url",
        _ => "text",
    }
}

/// The icon of an entry of the rail.
fn icon(place: &str) -> &'static str {
    match place {
        "home" => r#"<path d="M3 9.5 10 4l7 5.5V17h-5v-4H8v4H3z"/>"#,
        "payments" => r#"<path d="M3 7h12l-3-3M17 13H5l3 3"/>"#,
        "wallet-addresses" => r#"<path d="M4 4h12v12H4zM7 8h6M7 12h3"/>"#,
        "ledger" => r#"<path d="M10 4v12M4 4h12M5 8h3M12 8h3M5 12h3M12 12h3"/>"#,
        "liquidity" => r#"<path d="M10 3c3 4 5 6 5 9a5 5 0 0 1-10 0c0-3 2-5 5-9z"/>"#,
        "peers" => {
            r#"<circle cx="5" cy="10" r="2.5"/><circle cx="15" cy="5" r="2.5"/><circle cx="15" cy="15" r="2.5"/><path d="m7.3 9 5.4-3M7.3 11l5.4 3"/>"#
        }
        "assets" => {
            r#"<ellipse cx="10" cy="5.5" rx="6" ry="2.5"/><path d="M4 5.5v9C4 16 7 17 10 17s6-1 6-2.5v-9M4 10c0 1.5 3 2.5 6 2.5s6-1 6-2.5"/>"#
        }
        "rates" => r#"<path d="M4 15 8 9l3 3 5-7M13 5h3v3"/>"#,
        "webhook-events" => r#"<path d="M6 4v6a4 4 0 0 0 8 0V8M14 8l-2 2m2-2 2 2M4 16h12"/>"#,
        "grants" => r#"<circle cx="7" cy="13" r="3.5"/><path d="m9.5 10.5 6-6M13 7l2.5 2.5"/>"#,
        "tenants" => {
            r#"<path d="M4 17V5l6-2v14M10 8l6 2v7M3 17h14M6.5 7.5h1M6.5 10.5h1M6.5 13.5h1M13 12.5h.5M13 15h.5"/>"#
        }
        "approvals" => r#"<path d="M10 3 4 5.5v4.5c0 4 3 6 6 7 3-1 6-3 6-7V5.5zM7.5 10l2 2 3.5-4"/>"#,
        "health" => r#"<path d="M3 10h3.5l2-5 3 10 2-5H17"/>"#,
        "audit" => r#"<path d="M5 3h8l3 3v11H5zM8 9h5M8 12h5M8 15h3"/>"#,
        _ => {
            r#"<circle cx="10" cy="10" r="2.5"/><path d="M10 3v2.5M10 14.5V17M3 10h2.5M14.5 10H17M5 5l1.8 1.8M13.2 13.2 15 15M15 5l-1.8 1.8M6.8 13.2 5 15"/>"#
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_named_without_the_institution_that_stands_beside() {
        let person = |person, name| Person {
            name,
            operator: true,
            looks_only: false,
            person,
            second_person: false,
            token: String::new(),
        };
        assert_eq!(person(Some("Ada"), "Bank").shown("Bank"), "Ada");
        assert_eq!(person(Some("Ada"), "Shop").shown("Bank"), "Ada · Shop");
        assert_eq!(person(None, "Shop").shown("Bank"), "Shop");
    }

    #[test]
    fn ids_are_told_from_other_texts() {
        assert!(is_id("438fa74a-fa7d-4317-9ced-dde32ece1787"));
        assert!(!is_id("438fa74afa7d43179ceddde32ece1787") && !is_id("outgoing_payment.created"));
    }
}
