//! Changes that cross to the database together.
//!
//! On Postgres they are one statement: `WITH c0 AS (INSERT … RETURNING 1), c1 AS (UPDATE … RETURNING 1) SELECT …`
//! (<https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING>). All of them see the rows as they
//! were before. A group that did not concern exactly one row fails the statement, so that nothing of it happens.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use crate::Dialect;
use crate::error::outdated;

/// One change, and the group of changes that it belongs to.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) statement: Statement,
    pub(crate) group: Option<usize>,
}

/// Changes in the order in which they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    changes: Vec<Change>,
    /// What each group changes one row of.
    groups: Vec<&'static str>,
}

/// So many changes are one statement at most: its values are numbered with 16 bits.
const MOST_IN_ONE: usize = 64;

/// What the statement fails with where a group did not concern exactly one row; the group's number follows. The text is
/// no number, and asking for it as one is how a plain statement can fail.
const OUTDATED: &str = "outdated group ";

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(crate) fn push_group(&mut self, what: &'static str, statements: impl IntoIterator<Item = Statement>) {
        let group = Some(self.groups.len());
        self.groups.push(what);
        self.changes.extend(statements.into_iter().map(|statement| Change { statement, group }));
    }

    /// Whether Postgres takes them as one statement.
    pub(crate) fn fit_one_statement(&self) -> bool {
        self.changes.len() <= MOST_IN_ONE
    }

    /// Makes them over `connection`.
    pub(crate) async fn make(self, connection: &impl ConnectionTrait, dialect: Dialect) -> Result<(), DbErr> {
        match dialect {
            Dialect::Postgres if self.fit_one_statement() => self.together(connection).await,
            Dialect::Postgres | Dialect::Sqlite => self.one_by_one(connection).await,
        }
    }

    async fn one_by_one(self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        let mut changed = vec![0; self.groups.len()];
        for Change { statement, group } in self.changes {
            let rows = connection.execute_raw(statement).await?.rows_affected();
            if let Some(changed) = group.and_then(|group| changed.get_mut(group)) {
                *changed += rows;
            }
        }
        let found = self.groups.iter().zip(changed).find(|(_, changed)| *changed != 1);
        found.map_or(Ok(()), |(what, _)| Err(outdated(what)))
    }

    async fn together(self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        let Self { mut changes, groups } = self;
        if groups.is_empty() && changes.len() <= 1 {
            if let Some(change) = changes.pop() {
                connection.execute_raw(change.statement).await?;
            }
            return Ok(());
        }
        let statement = one_statement(&changes, groups.len(), connection.get_database_backend());
        let Err(failed) = connection.execute_raw(statement).await else { return Ok(()) };
        let words = failed.to_string();
        let found = groups.iter().enumerate().find(|(group, _)| words.contains(&format!("\"{OUTDATED}{group}\"")));
        Err(found.map_or(failed, |(_, what)| outdated(what)))
    }
}

/// One statement of all `changes`, with their values numbered through.
fn one_statement(changes: &[Change], groups: usize, backend: sea_orm::DbBackend) -> Statement {
    let (mut sql, mut values) = (String::from("WITH "), Vec::<Value>::new());
    for (number, change) in changes.iter().enumerate() {
        let comma = if number > 0 { ", " } else { "" };
        let text = renumbered(&change.statement.sql, values.len());
        // Writing to a text cannot fail.
        let _ = write!(sql, "{comma}c{number} AS ({text} RETURNING 1)");
        values.extend(change.statement.values.iter().flat_map(|values| values.iter().cloned()));
    }
    sql.push_str(" SELECT 1");
    for group in 0..groups {
        let members = changes.iter().enumerate().filter(|(_, change)| change.group == Some(group));
        let counts: Vec<_> = members.map(|(number, _)| format!("(SELECT count(*) FROM c{number})")).collect();
        let count = counts.join(" + ");
        let _ = write!(
            sql,
            ", CASE WHEN {count} = 1 THEN 1 ELSE left('{OUTDATED}{group}', ({count} + 100)::int)::int END"
        );
    }
    Statement::from_sql_and_values(backend, sql, values)
}

/// `sql` with `offset` added to the number of each of its values (`$1`, `$2` …). Quoted texts and names hold none.
fn renumbered(sql: &str, offset: usize) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let (mut rest, mut quote) = (sql, None);
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        text.push(character);
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '$') => {
                let digits = rest.len() - rest.trim_start_matches(|next: char| next.is_ascii_digit()).len();
                if let Ok(number) = rest[..digits].parse::<usize>() {
                    let _ = write!(text, "{}", number + offset);
                    rest = &rest[digits..];
                }
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    fn statement(sql: &str, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    }

    #[test]
    fn values_are_numbered_through_and_quoted_dollars_stay() {
        assert_eq!(renumbered("UPDATE x SET a = $1, b = '$1' WHERE \"$2\" = $12", 3), {
            "UPDATE x SET a = $4, b = '$1' WHERE \"$2\" = $15"
        });
        assert_eq!(renumbered("it''s $1", 1), "it''s $2");
    }

    #[test]
    fn changes_are_one_statement_that_fails_where_a_group_changed_other_than_one_row() {
        let mut changes = Changes::default();
        changes.push(Change { statement: statement("INSERT INTO a VALUES ($1)", vec![1.into()]), group: None });
        changes.push_group("b", [statement("UPDATE b SET c = $1 WHERE d = $2", vec![2.into(), 3.into()])]);
        let one = one_statement(&changes.changes, 1, DbBackend::Postgres);
        assert!(one.sql.starts_with(
            "WITH c0 AS (INSERT INTO a VALUES ($1) RETURNING 1), c1 AS (UPDATE b SET c = $2 WHERE d = $3 RETURNING 1) \
             SELECT 1, CASE WHEN (SELECT count(*) FROM c1) = 1"
        ));
        assert_eq!(one.values.unwrap().0.len(), 3);
    }
}
