//! Files of `NAME=value` lines, read as the reference's runtime reads them.
//!
//! It is not a shell: nothing is expanded, so a `$` in a secret stays a `$`.

/// The assignments of `text` in order. Lines that assign nothing are skipped, as the reference does.
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    let mut assignments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.lines().next().unwrap_or_default();
        let remaining = match line.find('=').and_then(|equals| Some((name(&line[..equals])?, equals))) {
            Some((name, equals)) => {
                let (value, remaining) = take_value(rest[equals + 1..].trim_start_matches([' ', '\t']));
                assignments.push((name.to_owned(), value));
                remaining
            }
            None => rest,
        };
        rest = remaining.split_once('\n').map_or("", |(_, next_lines)| next_lines);
    }
    assignments
}

/// `value` in the first quotes that do not occur in it.
pub(crate) fn quoted(value: &str) -> String {
    let quote = ['\'', '`'].into_iter().find(|quote| !value.contains(*quote)).unwrap_or('"');
    format!("{quote}{value}{quote}")
}

fn name(text: &str) -> Option<&str> {
    let name = text.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim_start);
    let acceptable = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    acceptable.then_some(name)
}

/// The value at the start of `text`, and what follows it. A quoted value may run over several lines, as keys do.
fn take_value(text: &str) -> (String, &str) {
    for quote in ['"', '\'', '`'] {
        if let Some((value, remaining)) = text.strip_prefix(quote).and_then(|opened| opened.split_once(quote)) {
            let escaped = quote == '"';
            return (
                if escaped { value.replace("\\n", "\n").replace("\\r", "\r") } else { value.to_owned() },
                remaining,
            );
        }
    }
    let end = text.find('\n').unwrap_or(text.len());
    let value = text[..end].split('#').next().unwrap_or_default();
    (value.trim().to_owned(), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        parse(text)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn plain_quoted_exported_and_commented_lines_are_understood() {
        let text = "# secrets\nA=1\nexport B = two # why\nC='a # b'\nD=\"x\\ny\"\n\nnonsense\nE=a=b==\nF=\n";
        assert_eq!(
            parsed(text),
            [
                pair("A", "1"),
                pair("B", "two"),
                pair("C", "a # b"),
                pair("D", "x\ny"),
                pair("E", "a=b=="),
                pair("F", "")
            ]
        );
    }

    #[test]
    fn a_quoted_key_runs_over_several_lines_and_a_dollar_stays_a_dollar() {
        let text = "KEY=\"-----BEGIN\nabc\n-----END\"\r\nNEXT=pa$$word\r\n";
        assert_eq!(parsed(text), [pair("KEY", "-----BEGIN\nabc\n-----END"), pair("NEXT", "pa$$word")]);
    }

    #[test]
    fn an_unclosed_quote_is_part_of_the_value() {
        assert_eq!(parsed("A=\"x\nB=2"), [pair("A", "\"x"), pair("B", "2")]);
    }
}
