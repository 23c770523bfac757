//! The table of rules: what each refused and what it allowed, printed when the last rule is through.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::answer::{Answer, Refusal};

/// How many rules there are.
const RULES: u8 = 27;

static ROWS: Mutex<BTreeMap<u8, String>> = Mutex::new(BTreeMap::new());

/// A rule and what was seen of it so far. Only [`Rule::done`] puts it into the table.
pub(crate) struct Rule {
    number: u8,
    says: &'static str,
    refused: Vec<String>,
    allowed: Vec<String>,
}

impl Rule {
    pub(crate) fn new(number: u8, says: &'static str) -> Self {
        Self { number, says, refused: Vec::new(), allowed: Vec::new() }
    }

    /// Asserts that this answer is this refusal, in all of its parts.
    #[track_caller]
    pub(crate) fn refused(&mut self, what: &str, answer: &Answer, refusal: Refusal) {
        let rule = self.number;
        answer.assert_refused(&format!("rule {rule}: {what}"), refusal);
        self.refused.push(format!("{what} ({})", refusal.code));
    }

    /// Asserts that this answer carries an access token, and returns its claims.
    #[track_caller]
    pub(crate) fn allowed(&mut self, what: &str, answer: &Answer) -> serde_json::Value {
        let rule = self.number;
        self.allowed.push(what.to_owned());
        answer.assert_granted(&format!("rule {rule}: {what}"))
    }

    /// Notes something refused that is no answer of the token endpoint.
    #[track_caller]
    pub(crate) fn refused_when(&mut self, what: &str, held: bool) {
        assert!(held, "rule {}: {what}", self.number);
        self.refused.push(what.to_owned());
    }

    /// Notes something allowed that is no answer of the token endpoint.
    #[track_caller]
    pub(crate) fn allowed_when(&mut self, what: &str, held: bool) {
        assert!(held, "rule {}: {what}", self.number);
        self.allowed.push(what.to_owned());
    }

    /// A rule that refused nothing, or allowed nothing, was not shown.
    #[track_caller]
    pub(crate) fn done(self) {
        assert!(!self.refused.is_empty(), "rule {} refused nothing", self.number);
        assert!(!self.allowed.is_empty(), "rule {} allowed nothing", self.number);
        let row = format!(
            "rule {:2}  {}\n         refused {:2}: {}\n         allowed {:2}: {}\n",
            self.number,
            self.says,
            self.refused.len(),
            self.refused.join("; "),
            self.allowed.len(),
            self.allowed.join("; "),
        );
        let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(rows.insert(self.number, row), None, "two tests of rule {}", self.number);
        if rows.len() == usize::from(RULES) {
            let all: String = rows.values().map(String::as_str).collect();
            print(&format!("\n{all}{RULES} rules, each refused and allowed\n"));
        }
    }
}

/// Prints past the test runner, which keeps to itself what a passing test prints with `println!`.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads it: nothing to do about it.
    let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
