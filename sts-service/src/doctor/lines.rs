//! At which line of a TOML file a key stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The lines of one file.
pub(super) struct Lines<'a> {
    text: &'a str,
    table: Option<Spanned<DeTable<'a>>>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, table: DeTable::parse(text).ok() }
    }

    /// The line of a path such as `callers[0].grants[0].audiences[1]`; of the nearest table around it when the key is
    /// missing.
    pub(super) fn line(&self, path: &str) -> usize {
        let start = self.table.as_ref().and_then(|table| start(table.get_ref(), path)).unwrap_or(0);
        line_at(self.text, start)
    }
}

/// The line, from 1, of a byte of a text.
pub(super) fn line_at(text: &str, start: usize) -> usize {
    text.get(..start).map_or(1, |before| before.matches('\n').count() + 1)
}

/// Where the last known step of a path begins.
fn start(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let mut found = None;
    let mut table = Some(table);
    for step in path.split('.') {
        let (name, indices) = step.split_once('[').unwrap_or((step, ""));
        let Some((key, value)) =
            table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name))
        else {
            break;
        };
        found = Some(key.span().start);
        let mut value = value;
        for index in indices.split('[').map(|index| index.trim_end_matches(']')) {
            let item = index.parse().ok().and_then(|index: usize| match value.get_ref() {
                DeValue::Array(items) => items.get(index),
                _ => None,
            });
            let Some(item) = item else { break };
            value = item;
            found = Some(item.span().start);
        }
        table = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_every_way_that_toml_has_to_write_it() {
        let text = "log_level = 1\n\
                    a = { b = \"x\",\n  c = 2 }\n\
                    [token_exchange]\n\
                    client_auth.method = \"header\"\n\
                    list = [\n  \"one\",\n  \"two\",\n]\n\
                    [[callers]]\n\
                    id = \"one\"\n\
                    [[callers]]\n\
                    id = \"two\"\n\
                    [[callers.grants]]\n\
                    clients = [\"a\"]\n";
        let lines = Lines::of(text);
        for (path, line) in [
            ("log_level", 1),
            ("a.b", 2),
            ("a.c", 3),
            ("token_exchange", 4),
            ("token_exchange.client_auth.method", 5),
            ("token_exchange.list", 6),
            ("token_exchange.list[0]", 7),
            ("token_exchange.list[1]", 8),
            ("callers[0].id", 11),
            ("callers[1].id", 13),
            ("callers[1].grants[0].clients", 15),
            ("callers[1].grants[0].audiences", 14),
            ("server.listen", 1),
        ] {
            assert_eq!(lines.line(path), line, "{path}");
        }
    }
}
