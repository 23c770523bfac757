//! Answers as they are on the wire, kept in files that a person can read.
//!
//! `OBOLUS_BLESS=1 cargo test …` writes the files anew; look at the difference before committing it.

use std::collections::BTreeMap;
use std::path::Path;

use obolus_tests::fixtures::gateway::Gateway;

use crate::wire::Answer;

/// Answers of one theme, by a word that says what they answer. What answers the same word must be the same.
pub(crate) struct Golden {
    file: &'static str,
    redactions: Vec<(String, String)>,
    answers: BTreeMap<String, String>,
}

impl Golden {
    pub(crate) fn new(file: &'static str, gateway: &Gateway) -> Self {
        let redactions = vec![(gateway.place.authority(), "localhost:PORT".to_owned())];
        Self { redactions, ..Self::of(file) }
    }

    /// For what has no gateway.
    pub(crate) fn of(file: &'static str) -> Self {
        Self { file, redactions: Vec::new(), answers: BTreeMap::new() }
    }

    /// Writes something else in the place of what differs from run to run.
    pub(crate) fn redact(&mut self, text: &str, by: &str) {
        self.redactions.push((text.to_owned(), by.to_owned()));
    }

    /// Adds an answer.
    pub(crate) fn add(&mut self, word: &str, answer: &Answer) {
        let text = self.redacted(&on_the_wire(answer));
        self.add_text(word, text);
    }

    /// Adds a text.
    pub(crate) fn add_text(&mut self, word: &str, text: String) {
        let known = self.answers.entry(word.to_owned()).or_insert_with(|| text.clone());
        assert_eq!(*known, text, "{word}: two different answers");
    }

    pub(crate) fn redacted(&self, text: &str) -> String {
        let redactions = self.redactions.iter();
        redactions.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Holds everything against the file.
    pub(crate) fn check(self) {
        let blocks = self.answers.iter().map(|(word, text)| format!("## {word}\n{text}\n"));
        let actual: String = blocks.collect::<Vec<_>>().join("\n");
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filter/golden").join(self.file);
        if std::env::var_os("OBOLUS_BLESS").is_some_and(|value| !value.is_empty()) {
            std::fs::write(&path, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(actual == expected, "{} differs from:\n{actual}", path.display());
    }
}

/// Status, headers but those that differ from run to run, body.
fn on_the_wire(answer: &Answer) -> String {
    const FLEETING: [&str; 4] =
        ["connection", "date", "content-length", "x-envoy-upstream-service-time"];
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !FLEETING.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    let status = answer.status;
    format!("{status}\n{}\n{}", headers.concat(), answer.text()).trim_end().to_owned()
}
