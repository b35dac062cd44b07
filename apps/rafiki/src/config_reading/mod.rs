//! `rafiki config show` and `rafiki config explain`: the values that roles use and where they come from, and what a
//! variable means. Whether they are right is the work of `rafiki config check`.

pub(crate) mod options;
mod settings_page;

use config::{Environment, Origin, Shown};
use serde_json::{Value, json};
use service_auth::ServiceRole;

use crate::failure::Failure;
use crate::output::{Table, say};
use crate::role_name::RoleFile;
use options::{ExplainOptions, ShowOptions};
use settings_page::{Default, Setting, settings};

pub(crate) fn show(options: &ShowOptions) -> Result<(), Failure> {
    let usual = RoleFile::usual();
    let chosen = if options.roles.is_empty() { &usual[..] } else { &options.roles };
    let mut document = Vec::new();
    for role in chosen {
        let environment = match &role.file {
            Some(file) => Environment::of_file(file)?,
            None => Environment::load()?,
        };
        let rows = rows(role.role, &environment, options);
        if options.json {
            let variables: Vec<Value> = rows.iter().map(Row::document).collect();
            document.push(json!({"role": role.role.as_str(), "variables": variables}));
        } else {
            let mut table = Table::new();
            for row in &rows {
                table.row([row.setting.name.to_owned(), row.value(), row.source()]);
            }
            say(&format!("rafiki {}\n{}", role.role.as_str(), table.render_indented()));
        }
    }
    if options.json {
        say(&format!("{}\n", json!(document)));
    }
    Ok(())
}

fn rows(role: ServiceRole, environment: &Environment, options: &ShowOptions) -> Vec<Row> {
    let of_role = settings().filter(|setting| setting.role == role.as_str());
    let rows = of_role.map(|setting| Row {
        setting,
        shown: environment.shown(setting.name),
        origin: environment.origin(setting.name),
    });
    rows.filter(|row| row.shown != Shown::Unset || !options.set && row.setting.default != Default::NoEffect).collect()
}

/// A variable with its value.
struct Row {
    setting: Setting,
    shown: Shown,
    origin: Origin,
}

impl Row {
    fn value(&self) -> String {
        match (&self.shown, self.setting.default) {
            (Shown::Value(value), _) => value.clone(),
            (Shown::Hidden, _) => "(hidden)".to_owned(),
            (Shown::Unset, Default::Value(value)) => value.to_owned(),
            (Shown::Unset, Default::Required) => "(must be set)".to_owned(),
            (Shown::Unset, Default::Told) => "(see rafiki config explain)".to_owned(),
            (Shown::Unset, Default::None | Default::NoEffect) => "(none)".to_owned(),
        }
    }

    fn source(&self) -> String {
        let from = match &self.origin {
            Origin::Unset if matches!(self.setting.default, Default::Value(_) | Default::Told) => "default".to_owned(),
            Origin::Unset => String::new(),
            Origin::Process => "environment".to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        if self.setting.default == Default::NoEffect { format!("{from}, has no effect") } else { from }
    }

    fn document(&self) -> Value {
        let value = match (&self.shown, self.setting.default) {
            (Shown::Value(value), _) => json!(value),
            (Shown::Unset, Default::Value(value)) => json!(value),
            _ => Value::Null,
        };
        let source = match (&self.origin, self.setting.default) {
            (Origin::Process, _) => json!({"kind": "environment"}),
            (Origin::File(path), _) => json!({"kind": "file", "path": path}),
            (Origin::Unset, Default::Value(_) | Default::Told) => json!({"kind": "default"}),
            (Origin::Unset, _) => json!({"kind": "unset"}),
        };
        json!({
            "name": self.setting.name, "value": value, "hidden": self.shown == Shown::Hidden, "source": source,
            "effect": self.setting.default != Default::NoEffect,
        })
    }
}

pub(crate) fn explain(options: &ExplainOptions) -> Result<(), Failure> {
    let wanted = options.variable.trim().to_uppercase();
    let found: Vec<Setting> = settings().filter(|setting| setting.name == wanted).collect();
    if found.is_empty() {
        let meant = config::similar_name(&wanted).map(|name| format!("; did you mean {name}?"));
        let advice = meant.unwrap_or_else(|| "; docs/settings.md lists all variables".to_owned());
        return Err(Failure::Check(format!("no role reads {}{advice}", options.variable)));
    }
    if options.json {
        let documents: Vec<Value> = found.iter().map(explained).collect();
        say(&format!("{}\n", json!(documents)));
        return Ok(());
    }

    let mut text = format!("{wanted}\n");
    for setting in found {
        let default = match setting.default {
            Default::Value(value) => format!("default {value}"),
            Default::Told => "its default is told below".to_owned(),
            Default::Required => "must be set".to_owned(),
            Default::None => "no default".to_owned(),
            Default::NoEffect => "known from Rafiki 2.4, has no effect here".to_owned(),
        };
        text.extend(["  rafiki ", setting.role, ": ", &default, "\n    ", setting.meaning, "\n"]);
    }
    if config::is_secret(&wanted) {
        text.push_str("  Its value is a secret, and is never shown.\n");
    }
    say(&text);
    Ok(())
}

fn explained(setting: &Setting) -> Value {
    let default = match setting.default {
        Default::Value(value) => json!(value),
        _ => Value::Null,
    };
    json!({
        "role": setting.role, "variable": setting.name, "default": default, "meaning": setting.meaning,
        "required": setting.default == Default::Required, "effect": setting.default != Default::NoEffect,
        "secret": config::is_secret(setting.name),
    })
}
