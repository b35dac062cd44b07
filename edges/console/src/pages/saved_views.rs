//! Saving and removing a view of a list.
//!
//! The views themselves are in `views`.

use axum::response::{IntoResponse, Redirect};
use http::header::SET_COOKIE;

use crate::context::{Answer, Ctx, Problem};
use crate::posted::Posted;
use crate::view::{Block, Cell, Empty, Field, Form, Input, Page, Tab, Table};
use crate::views::{self, View};

const YEAR: u64 = 365 * 24 * 3600;
/// The lists that have views.
const LISTS: [&str; 3] = ["/payments", "/webhooks/deliveries", "/grants"];
const NO_LIST: &str = "There is no such list.";

/// The filters of the current address.
fn filters(ctx: &Ctx) -> Option<String> {
    let here = ctx.here_with(&[], &["after", "before", "first", "last"]);
    here.split_once('?').map(|(_, query)| query.to_owned())
}

/// The saved views of this list as tabs, after `first`, and a link that saves the current one.
pub(crate) fn tabs(ctx: &Ctx, first: &'static str) -> Vec<Tab> {
    let (path, here) = (ctx.reader.path.as_str(), filters(ctx));
    let own = ctx.reader.views.iter().filter(|view| view.path == path);
    let mut tabs = vec![Tab { label: first.to_owned(), href: path.to_owned(), chosen: here.is_none() }];
    tabs.extend(own.map(|view| Tab {
        label: view.name.clone(),
        href: view.href(),
        chosen: here.as_deref() == Some(view.query.as_str()),
    }));
    if let Some(here) = here.filter(|_| !tabs.iter().any(|tab| tab.chosen)) {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("list", path).append_pair("filters", &here);
        tabs.push(Tab {
            label: "Save this view".to_owned(),
            href: format!("/views?{}", query.finish()),
            chosen: false,
        });
    } else if tabs.len() > 1 {
        tabs.push(Tab { label: "Edit views".to_owned(), href: "/views".to_owned(), chosen: false });
    }
    tabs
}

/// `GET /views`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    if ctx.asked("list").is_some_and(|list| !LISTS.contains(&list)) {
        return Err(Problem::NotFound(NO_LIST));
    }
    Ok(draw(&ctx, None).into())
}

fn draw(ctx: &Ctx, posted: Option<&Posted>) -> Page {
    let mut main = Vec::new();
    let sent = |name: &str| posted.and_then(|posted| posted.optional(name)).or_else(|| ctx.asked(name));
    // The form links to the list, so another address must not come this far.
    let list = sent("list").filter(|list| LISTS.contains(list));
    if let (Some(list), Some(filters)) = (list, sent("filters")) {
        let form = Form::new("", "/views", "Save this view")
            .intro("The view appears as a tab above its list, in this browser.")
            .fields([
                Field::new("name", "Name", Input::Text).required(),
                Field::new("list", "", Input::Hidden).value(list),
                Field::new("filters", "", Input::Hidden).value(filters),
            ])
            .cancel(format!("{list}?{filters}"));
        main.push(Block::Form(ctx.form(form, posted)));
    }
    let empty = Empty {
        title: "No saved views.",
        text: "Filter a list, then save its view. It appears as a tab above the list.",
        action: Some(crate::view::Action::other("/payments", "Payments")),
    };
    let rows = ctx.reader.views.iter().map(|view| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("remove", &view.name).append_pair("from", &view.path);
        vec![
            Cell::link(view.href(), view.name.clone()),
            Cell::text(view.href()),
            Cell::WordLink { href: format!("/views?{}", query.finish()), word: "Remove" },
        ]
    });
    if let (Some(name), Some(from)) = (ctx.asked("remove"), ctx.asked("from")) {
        let form = Form::new("Remove view", "/views", "Remove")
            .fields([
                Field::new("remove", "", Input::Hidden).value(name),
                Field::new("from", "", Input::Hidden).value(from),
            ])
            .cancel("/views");
        main.push(Block::Form(ctx.form(form, posted)));
    }
    let table = Table::new("Saved views", ["Name", "Address", "Change"], empty).rows(rows);
    main.push(Block::Table { title: Some("Saved views"), table });
    Page {
        place: "settings",
        kind: "Views",
        lead: Some("Filters of lists under a name, kept in this browser."),
        back: Some(("Settings", "/preferences".to_owned())),
        main,
        ..Page::default()
    }
}

/// `POST /views`
pub(crate) async fn save(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let before = ctx.reader.views.clone();
    let (cookie, to) = if let Some(name) = posted.optional("remove") {
        (views::without(before, posted.text("from"), name), "/views".to_owned())
    } else {
        let name = posted.required("name");
        let (path, query) = (posted.text("list").to_owned(), posted.text("filters").to_owned());
        if !LISTS.contains(&path.as_str()) {
            return Err(Problem::Invalid(NO_LIST));
        }
        if !posted.is_good() {
            return Ok(Answer::refused(draw(&ctx, Some(&posted))));
        }
        let view = View { path, query, name };
        let to = view.href();
        let Some(cookie) = views::with(before, view) else {
            posted.problem = Some("The filters are too long to be saved. Use fewer filters.".to_owned());
            return Ok(Answer::refused(draw(&ctx, Some(&posted))));
        };
        (cookie, to)
    };
    let mut response = Redirect::to(&to).into_response();
    response
        .headers_mut()
        .extend(ctx.reader.set_cookie(views::COOKIE, &cookie, Some(YEAR)).map(|line| (SET_COOKIE, line)));
    Ok(Answer::Raw(response))
}
