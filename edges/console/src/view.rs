//! The parts of pages: cells, facts, tables, forms and charts. Every page consists of some of them in order.
//!
//! The templates render them in the reader's language. Texts of type `&'static str` are translated. Other texts are
//! shown as they are.

use admin_client::{Amount, Mutation, TenantName};
use clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A state, as a colour beside its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Done,
    Waiting,
    Failed,
    Info,
    Quiet,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Info => "info",
            Self::Quiet => "quiet",
        }
    }
}

/// An amount of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) value: u64,
    pub(crate) code: String,
    pub(crate) scale: u8,
}

impl Money {
    pub(crate) fn new(value: u64, code: &str, scale: u8) -> Self {
        Self { value, code: code.to_owned(), scale }
    }
}

impl From<&Amount> for Money {
    fn from(amount: &Amount) -> Self {
        Self::new(amount.value, &amount.asset_code, amount.asset_scale)
    }
}

/// One value on a page.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// A word of the console.
    Word(&'static str),
    /// A word of the console in place of a missing value.
    Absent(&'static str),
    /// A text from data.
    Text(String),
    /// A text from data in letters of equal width, with a button that copies it.
    Code(String),
    /// A link with a text from data, and a second line below it.
    Link { href: String, text: String, note: Option<String> },
    /// A link with a word of the console.
    WordLink { href: String, word: &'static str },
    /// An amount.
    Money(Money),
    /// A word with its colour, and the next step.
    State { word: String, tone: Tone, next: Option<&'static str> },
    /// An instant. Scripts show how long ago it is.
    Time(Timestamp),
    /// An instant that is shown as it is, such as the present one.
    Exact(Timestamp),
    /// A chart of the console. A table beside it has its values.
    Picture(String),
    /// A text from data, folded under a word of the console.
    Fold { word: &'static str, text: String },
    /// Several values below each other.
    Lines(Vec<Self>),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    /// A text from data, or a word of the console if there is none.
    pub(crate) fn text_or(text: Option<&str>, absent: &'static str) -> Self {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Self::text(text),
            None => Self::Absent(absent),
        }
    }

    pub(crate) fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link { href: href.into(), text: text.into(), note: None }
    }

    pub(crate) fn state(word: impl Into<String>, tone: Tone) -> Self {
        Self::State { word: word.into(), tone, next: None }
    }

    pub(crate) fn money(value: u64, code: &str, scale: u8) -> Self {
        Self::Money(Money::new(value, code, scale))
    }

    /// An amount, or a dash if it is not known.
    pub(crate) fn money_or(value: Option<u64>, code: &str, scale: u8) -> Self {
        value.map_or(Self::Absent("–"), |value| Self::money(value, code, scale))
    }

    pub(crate) fn tenant(tenant: Option<&TenantName>) -> Self {
        match tenant {
            Some(tenant) => Self::link(
                format!("/tenants/{}", tenant.id),
                tenant.public_name.clone().unwrap_or_else(|| short(tenant.id)),
            ),
            None => Self::Absent("–"),
        }
    }
}

/// The first eight digits, which are enough to distinguish ids.
///
/// Accounts of the instance itself have ids that begin with zeros. For those it is the last eight digits.
pub(crate) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    let part = if text.starts_with("00000000") { &text[24..] } else { &text[..8] };
    part.to_owned()
}

/// A named value.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) value: Cell,
}

/// Facts of a list of pairs.
pub(crate) fn facts<const N: usize>(pairs: [(&'static str, Cell); N]) -> Vec<Fact> {
    pairs.into_iter().map(|(label, value)| Fact { label, value }).collect()
}

/// A link that looks like a button.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) href: String,
    pub(crate) label: &'static str,
    pub(crate) main: bool,
}

impl Action {
    /// The main action of the page.
    pub(crate) fn main(href: impl Into<String>, label: &'static str) -> Self {
        Self { href: href.into(), label, main: true }
    }

    pub(crate) fn other(href: impl Into<String>, label: &'static str) -> Self {
        Self { href: href.into(), label, main: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) label: &'static str,
    pub(crate) side: Side,
}

/// The text of an empty list.
#[derive(Clone, Debug)]
pub(crate) struct Empty {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) action: Option<Action>,
}

/// The addresses of the previous and the next page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paging {
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) caption: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    pub(crate) empty: Empty,
    pub(crate) paging: Option<Paging>,
    /// What can be added, below the rows. An empty list has its own.
    pub(crate) action: Option<Action>,
    /// The columns that can be shown or left out.
    pub(crate) toggles: Vec<ColumnToggle>,
}

/// A column that can be shown or left out, and the address that does it.
#[derive(Clone, Debug)]
pub(crate) struct ColumnToggle {
    pub(crate) label: &'static str,
    pub(crate) shown: bool,
    pub(crate) href: String,
}

impl Table {
    /// A column whose name ends in `>` is right-aligned, as numbers are.
    pub(crate) fn new<const N: usize>(caption: &'static str, columns: [&'static str; N], empty: Empty) -> Self {
        Self::of(caption, &columns, empty)
    }

    /// The same with any number of columns.
    pub(crate) fn of(caption: &'static str, columns: &[&'static str], empty: Empty) -> Self {
        let column = |label: &&'static str| match label.strip_suffix('>') {
            Some(label) => Column { label, side: Side::Right },
            None => Column { label, side: Side::Left },
        };
        let columns = columns.iter().map(column).collect();
        Self { caption, columns, rows: Vec::new(), empty, paging: None, action: None, toggles: Vec::new() }
    }

    /// What can be added to the list.
    pub(crate) fn with_action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    pub(crate) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        self.rows = rows.into_iter().collect();
        self
    }

    pub(crate) fn paged(mut self, paging: Paging) -> Self {
        self.paging = Some(paging);
        self
    }
}

/// One of several things that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pick {
    /// What is sent. It has no comma.
    pub(crate) value: String,
    pub(crate) label: String,
    /// What else is known of it.
    pub(crate) note: String,
}

/// The input of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Text,
    Password,
    Email,
    Url,
    /// Whole numbers.
    Number,
    /// An amount of an asset, in its own units.
    Amount(String),
    /// One of these values, with their labels.
    Choice(Vec<(String, String)>),
    /// Several of these. The value has those that are chosen, joined by commas.
    Several(Vec<Pick>),
    /// Yes or no.
    Switch,
    /// Several lines.
    Lines,
    /// Several lines that are never shown again.
    SecretLines,
    /// Not shown, and sent as it is.
    Hidden,
    /// What the page shows at the moment. It is sent as it is, and a form that was refused has the new value.
    Shown,
    /// A date and a time.
    Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) input: Input,
    pub(crate) value: String,
    pub(crate) help: Option<&'static str>,
    pub(crate) required: bool,
    pub(crate) error: Option<&'static str>,
}

impl Field {
    pub(crate) fn new(name: &'static str, label: &'static str, input: Input) -> Self {
        Self { name, label, input, value: String::new(), help: None, required: false, error: None }
    }

    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    pub(crate) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }
}

/// A form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) title: &'static str,
    pub(crate) intro: Option<&'static str>,
    /// The address that it is sent to.
    pub(crate) action: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) submit: &'static str,
    pub(crate) cancel: Option<String>,
    /// The fault of the form as a whole.
    pub(crate) error: Option<String>,
    /// The token, set when the form is rendered.
    pub(crate) token: String,
    /// The keyword that the user has to type before the form may be sent.
    pub(crate) keyword: Option<String>,
    /// The reason that the user gave. A form with a keyword asks for it.
    pub(crate) why: String,
    /// Whether it deletes something.
    pub(crate) danger: bool,
    /// The mutation that it calls.
    pub(crate) mutation: Option<Mutation>,
}

impl Form {
    pub(crate) fn new(title: &'static str, action: impl Into<String>, submit: &'static str) -> Self {
        Self {
            title,
            intro: None,
            action: action.into(),
            fields: Vec::new(),
            submit,
            cancel: None,
            error: None,
            token: String::new(),
            keyword: None,
            why: String::new(),
            danger: false,
            mutation: None,
        }
    }

    pub(crate) fn intro(mut self, intro: &'static str) -> Self {
        self.intro = Some(intro);
        self
    }

    pub(crate) fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields = fields.into_iter().collect();
        self
    }

    pub(crate) fn cancel(mut self, href: impl Into<String>) -> Self {
        self.cancel = Some(href.into());
        self
    }

    pub(crate) fn calls(mut self, mutation: Mutation) -> Self {
        self.mutation = Some(mutation);
        self
    }

    /// A form that deletes something; the user has to type `keyword`.
    pub(crate) fn danger(mut self, keyword: impl Into<String>) -> Self {
        self.danger = true;
        self.keyword = Some(keyword.into());
        self
    }
}

/// One step of a history.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) title: &'static str,
    pub(crate) tone: Tone,
    pub(crate) at: Option<Timestamp>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) link: Option<(String, &'static str)>,
}

/// What a colour of a chart means.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) tone: Tone,
    pub(crate) label: &'static str,
    pub(crate) value: Option<Cell>,
}

/// A number with a link to its list.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) note: Option<String>,
    pub(crate) tone: Tone,
    pub(crate) href: String,
}

/// The two sides of an account.
#[derive(Clone, Debug)]
pub(crate) struct Sides {
    pub(crate) debits: Table,
    pub(crate) credits: Table,
    pub(crate) debit_sum: Cell,
    pub(crate) credit_sum: Cell,
}

/// The filters of a list: those in force, each with the address without it, and a form for others.
#[derive(Clone, Debug)]
pub(crate) struct Sieve {
    /// Label, value and the address of the list without this filter.
    pub(crate) chosen: Vec<(&'static str, String, String)>,
    pub(crate) fields: Vec<Field>,
    /// Parameters of the address that stay.
    pub(crate) kept: Vec<(String, String)>,
}

/// A view of the same subject: label, address, whether it is the current one.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    pub(crate) label: String,
    pub(crate) href: String,
    pub(crate) chosen: bool,
}

/// A limit: how much of it is used, and what is left.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) title: &'static str,
    pub(crate) svg: String,
    pub(crate) facts: Vec<Fact>,
}

/// A part of a page.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    Facts {
        title: &'static str,
        facts: Vec<Fact>,
        actions: Vec<Action>,
    },
    Table {
        title: Option<&'static str>,
        table: Table,
    },
    Form(Form),
    Story(Vec<Step>),
    /// Data as it is, folded.
    Data {
        title: &'static str,
        text: String,
    },
    /// Data as it is.
    Plain {
        title: &'static str,
        text: String,
    },
    Note {
        tone: Tone,
        text: String,
    },
    Figures(Vec<Figure>),
    /// A chart of the console, with its values as a table.
    Chart {
        title: &'static str,
        note: &'static str,
        svg: String,
        /// What the left and the right end of the chart are.
        ends: Option<(&'static str, &'static str)>,
        legend: Vec<Key>,
        table: Table,
    },
    /// The filters of a list.
    Sieve(Sieve),
    /// Limits as bars.
    Limits {
        title: &'static str,
        lead: Vec<Fact>,
        limits: Vec<Limit>,
    },
    /// A secret that is shown once.
    Secret {
        title: &'static str,
        note: &'static str,
        secret: String,
    },
    /// Debits left, credits right.
    Account(Box<Sides>),
    Actions(Vec<Action>),
    /// A button that signs in.
    Enter {
        action: String,
        name: String,
    },
    /// Another console.
    Elsewhere {
        name: String,
        url: String,
    },
    /// A field that is a part of the address.
    Find {
        name: &'static str,
        label: &'static str,
        value: String,
        button: &'static str,
    },
}

/// Whether an open page updates itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Live {
    #[default]
    No,
    /// It follows what it shows, from this mark on. Without a mark it loads itself once more, because something may have
    /// changed since it was read.
    Since(Option<String>),
}

/// A page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// The active entry of the rail.
    pub(crate) place: &'static str,
    /// The kind of page.
    pub(crate) kind: &'static str,
    /// The object of the page, if it has one.
    pub(crate) name: Option<String>,
    /// The page above this one: label and address.
    pub(crate) back: Option<(&'static str, String)>,
    pub(crate) state: Option<Cell>,
    pub(crate) amount: Option<Money>,
    pub(crate) id: Option<String>,
    pub(crate) lead: Option<&'static str>,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) actions: Vec<Action>,
    pub(crate) main: Vec<Block>,
    pub(crate) side: Vec<Block>,
    pub(crate) live: Live,
    /// The name of the query that reads the page's object or list; empty if there is none.
    pub(crate) reads: &'static str,
}
