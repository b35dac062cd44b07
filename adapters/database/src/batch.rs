//! Several statements as one text with one list of values.
//!
//! The statements stay the same, except that their placeholders get new numbers.

use std::fmt::Write;

use sea_orm::{Statement, Value};

/// The statements that are sent together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Batch {
    /// Appends a statement.
    pub(crate) fn push(&mut self, statement: &Statement) {
        numbered_from(self.values.len(), &statement.sql, &mut self.sql);
        if let Some(values) = &statement.values {
            self.values.extend(values.0.iter().cloned());
        }
    }

    /// Appends SQL without values.
    pub(crate) fn push_words(&mut self, words: &str) {
        self.sql.push_str(words);
    }
}

/// Appends `sql` to `to`. Its placeholders, `?` or `$1`, become `$n`, counted on after the `before` earlier values.
fn numbered_from(before: usize, sql: &str, to: &mut String) {
    let mut rest = sql;
    let mut unnumbered = before;
    while let Some(at) = rest.find(['\'', '"', '$', '?']) {
        let (plain, special) = rest.split_at(at);
        to.push_str(plain);
        let (mark, after) = special.split_at(1);

        if mark == "'" || mark == "\"" {
            // A quote inside a quoted text is written twice. This code reads it as two adjacent texts.
            let end = after.find(mark).map_or(special.len(), |end| end + 2);
            to.push_str(&special[..end]);
            rest = &special[end..];
            continue;
        }

        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = after[..digits].parse::<usize>().ok();
        let place = match number {
            Some(number) => Some(before + number),
            None if mark == "?" => {
                unnumbered += 1;
                Some(unnumbered)
            }
            None => None,
        };

        match place {
            // Writing to a string cannot fail.
            Some(place) => drop(write!(to, "${place}")),
            None => to.push_str(mark),
        }
        rest = &after[digits..];
    }

    to.push_str(rest);
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    fn statement<const N: usize>(sql: &str, values: [i64; N]) -> Statement {
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, values.map(Value::from))
    }

    #[test]
    fn each_placeholder_keeps_its_value() {
        let mut batch = Batch::default();
        batch.push(&statement("UPDATE a SET x = $2 WHERE y = $1 AND z = $2", [1, 2]));
        batch.push_words("; ");
        batch.push(&statement("INSERT INTO b (\"q?\", r) VALUES (?, 'it''s $1?', ?)", [3, 4]));
        let expected = "UPDATE a SET x = $2 WHERE y = $1 AND z = $2; \
            INSERT INTO b (\"q?\", r) VALUES ($3, 'it''s $1?', $4)";
        assert_eq!(batch.sql, expected);
        assert_eq!(batch.values, [1_i64, 2, 3, 4].map(Value::from));
    }
}
