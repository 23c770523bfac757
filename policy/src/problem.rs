//! What is wrong, where, and what to write instead.

use std::fmt;

use cedar_policy_core::parser::Loc;
use miette::Diagnostic;

/// One fault in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// From 1; `None` for a fault of the file as a whole.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What to write, where that can be told.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// A fault of a file as a whole.
    #[must_use]
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, message: message.into(), help: None }
    }

    /// A fault at an offset into the file's text.
    pub(crate) fn at(
        file: &str,
        text: &str,
        offset: Option<usize>,
        message: impl Into<String>,
    ) -> Self {
        let place = offset.map(|offset| place(text, offset));
        Self { file: file.to_owned(), place, message: message.into(), help: None }
    }

    /// A fault that Cedar found.
    pub(crate) fn of_cedar(file: &str, text: &str, found: &dyn Diagnostic) -> Self {
        let label = found.labels().and_then(|mut labels| labels.next());
        let offset = label.as_ref().map(miette::LabeledSpan::offset);
        let expected = label.as_ref().and_then(|label| label.label()).map(str::to_owned);
        let help = found.help().map(|help| help.to_string());
        Self { help: help.or(expected), ..Self::at(file, text, offset, found.to_string()) }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

pub(crate) fn offset(loc: Option<&Loc>) -> Option<usize> {
    loc.map(Loc::start)
}

/// Line and column, in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
