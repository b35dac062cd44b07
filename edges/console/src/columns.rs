//! The choice of columns of a list: `hide` in the address has the names of those that are left out.
//!
//! So a link, a saved view and the next page of a list keep the choice. Files have all columns.

use crate::view::{Block, ColumnToggle, Page, Table};

/// The name in the address.
pub(crate) const HIDE: &str = "hide";

/// Leaves out the columns that are named in `asked`, and offers each column. `here` is the address of this page that leaves
/// out what it is given.
pub(crate) fn choose(page: &mut Page, asked: Option<&str>, here: impl Fn(&str) -> String) {
    let hidden: Vec<&str> = asked.unwrap_or_default().split(',').collect();
    let has_list = page.main.iter().any(|block| matches!(block, Block::Table { table, .. } if is_list(table)));
    for block in &mut page.main {
        match block {
            Block::Table { table, .. } if is_list(table) => {
                table.toggles = toggles(table, &hidden, &here);
                leave_out(table);
            }
            // A new filter keeps the choice.
            Block::Sieve(sieve) if has_list => {
                sieve.kept.extend(asked.map(|names| (HIDE.to_owned(), names.to_owned())));
            }
            _ => {}
        }
    }
}

/// A list has pages, and rows whose columns can be chosen.
fn is_list(table: &Table) -> bool {
    table.paging.is_some() && !table.rows.is_empty()
}

/// Every column but the first, which leads on.
fn toggles(table: &Table, hidden: &[&str], here: &impl Fn(&str) -> String) -> Vec<ColumnToggle> {
    let names: Vec<&'static str> = table.columns.iter().skip(1).map(|column| column.label).collect();
    let is_hidden = |name: &str| hidden.contains(&name);
    let toggle = |name: &'static str| {
        let kept = names.iter().filter(|other| is_hidden(other) != (**other == name));
        let hide = kept.copied().collect::<Vec<_>>().join(",");
        ColumnToggle { label: name, shown: !is_hidden(name), href: here(&hide) }
    };
    names.iter().map(|name| toggle(name)).collect()
}

fn leave_out(table: &mut Table) {
    let shown: Vec<bool> = std::iter::once(true).chain(table.toggles.iter().map(|toggle| toggle.shown)).collect();
    let keeps = |place: usize| shown.get(place).copied().unwrap_or(true);
    let mut place = 0..;
    table.columns.retain(|_| place.next().is_none_or(keeps));
    for row in &mut table.rows {
        let mut place = 0..;
        row.retain(|_| place.next().is_none_or(keeps));
    }
}
