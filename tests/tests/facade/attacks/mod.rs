//! Attacks, each beside the form of the same request that is taken. Counted and printed.

mod authorize;
mod authorize_rows;
mod register;
mod token;

/// What a row is about, what is taken, and what is refused, with how.
pub(crate) struct Row {
    pub(crate) about: &'static str,
    /// The parameter, or `query` for the whole of it.
    pub(crate) parameter: &'static str,
    pub(crate) taken: String,
    pub(crate) refused: Value,
    pub(crate) told: Told,
}

/// The value of an attack.
pub(crate) enum Value {
    /// In place of the one that is taken.
    Is(String),
    /// The same, but as it stands, without being encoded.
    Raw(String),
    /// The parameter is left out.
    Missing,
    /// The parameter stands there once more, with this value.
    Again(String),
}

/// How it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// On a page or in JSON, by this label or OAuth error; nobody is sent anywhere.
    Here(&'static str),
    /// At the client's own, vetted redirect URI, by this OAuth error.
    ToTheClient(&'static str),
}

/// The body of query or form, attacked.
pub(crate) fn attacked(good: &crate::world::Pairs, row: &Row) -> String {
    use crate::world::{encoded, with, without};
    let name = row.parameter;
    match &row.refused {
        Value::Is(value) => encoded(&with(good.clone(), name, value)),
        Value::Missing => encoded(&without(good.clone(), name)),
        Value::Raw(raw) => format!("{}&{name}={raw}", encoded(&without(good.clone(), name))),
        Value::Again(value) => {
            let mut twice = good.clone();
            twice.push((name.to_owned(), value.clone()));
            encoded(&twice)
        }
    }
}

/// What a person reads in the end.
pub(crate) fn print(endpoint: &str, rows: &[Row]) {
    for row in rows {
        println!("{endpoint} · {} · {}: refused, {:?}", row.about, row.parameter, row.told);
    }
    println!("{endpoint}: {} attacks refused, each beside the form that is taken", rows.len());
}
