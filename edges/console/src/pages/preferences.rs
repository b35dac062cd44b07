//! The reader's preferences: language, form of numbers, colours, density, time zone and single keys, kept in cookies of this
//! browser.
//!
//! They are not settings of the instance.

use axum::response::{IntoResponse, Redirect};
use http::header::SET_COOKIE;
use page_kit::numbers::{self, NumberForm};

use crate::context::{Answer, Ctx, Problem};
use crate::posted::Posted;
use crate::render::Keys;
use crate::view::{Block, Cell, Field, Form, Input, Page, facts};

const YEAR: u64 = 365 * 24 * 3600;

/// `GET /preferences`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let choice = |value: &str, label: &str| (value.to_owned(), label.to_owned());
    let form = Form::new("How pages look", "/preferences", "Save").fields([
        Field::new("language", "Language", Input::Choice(vec![choice("en", "English"), choice("de", "Deutsch")]))
            .value(ctx.words().code())
            .required(),
        Field::new("numbers", "Numbers", Input::Choice(number_choices()))
            .value(ctx.words().chosen().map_or("", NumberForm::name))
            .help("How amounts are shown, and the sign before the decimal places in fields.")
            .required(),
        Field::new(
            "theme",
            "Colours",
            Input::Choice(vec![choice("system", "As the system"), choice("light", "Light"), choice("dark", "Dark")]),
        )
        .value(if ctx.reader.theme.is_empty() { "system" } else { ctx.reader.theme })
        .required(),
        Field::new(
            "density",
            "Density of tables",
            Input::Choice(vec![choice("normal", "Normal"), choice("compact", "Compact")]),
        )
        .value(if ctx.reader.density.is_empty() { "normal" } else { ctx.reader.density })
        .required(),
        Field::new("zone", "Time zone", Input::Choice(vec![choice("browser", "Of the browser"), choice("UTC", "UTC")]))
            .value(if ctx.reader.zone.is_empty() { "browser" } else { ctx.reader.zone })
            .help("How times are shown. Fields for an instant are in UTC.")
            .required(),
        Field::new("keys", "Single keys", Input::Choice(vec![choice("on", "On"), choice("off", "Off")]))
            .value(if ctx.reader.keys == Keys::Off { "off" } else { "on" })
            .help("The keys / j k and ? outside of fields. Turn them off if you dictate. Ctrl K always works.")
            .required(),
    ]);

    let session = &ctx.session;
    let about = facts([
        ("Signed in as", Cell::text(session.name.clone())),
        ("Tenant ID", Cell::code(session.tenant_id.to_string())),
        ("Role", Cell::Word(if session.is_operator() { "Operator" } else { "Tenant" })),
        ("Rights", Cell::Word(if session.may_change() { "May change" } else { "Read-only" })),
        ("Since", Cell::Time(session.signed_in_at)),
        ("Admin API", Cell::code(ctx.reader.console.settings().graphql_url.to_string())),
    ]);

    Ok(Page {
        place: "settings",
        kind: "Settings",
        main: vec![Block::Form(ctx.form(form, None))],
        actions: vec![crate::view::Action::other("/views", "Saved views")],
        side: vec![Block::Facts { title: "This session", facts: about, actions: Vec::new() }],
        ..Page::default()
    }
    .into())
}

/// The forms of numbers, each as an example.
fn number_choices() -> Vec<(String, String)> {
    let example = |form: NumberForm| (form.name().to_owned(), numbers::decimal(123_456, 2, form));
    let of_language = (String::new(), "As in the language".to_owned());
    std::iter::once(of_language).chain(NumberForm::ALL.map(example)).collect()
}

/// `POST /preferences`
pub(crate) async fn save(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    let language = if posted.text("language") == "de" { "de" } else { "en" };
    let theme = match posted.text("theme") {
        "dark" => "dark",
        "light" => "light",
        _ => "",
    };
    let keys = if posted.text("keys") == "off" { "off" } else { "on" };
    let density = if posted.text("density") == "compact" { "compact" } else { "" };
    let zone = if posted.text("zone") == "UTC" { "UTC" } else { "" };
    let numbers = NumberForm::named(posted.text("numbers")).map_or("", NumberForm::name);
    let mut response = Redirect::to("/preferences").into_response();
    let chosen = [
        ("console_language", language),
        ("console_theme", theme),
        ("console_density", density),
        ("console_zone", zone),
        ("console_keys", keys),
        ("console_numbers", numbers),
    ];
    for (name, value) in chosen {
        let line = ctx.reader.set_cookie(name, value, Some(YEAR));
        response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
    }
    Ok(Answer::Raw(response))
}
