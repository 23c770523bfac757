//! Rule 2: how a form has to be sent, and its parameters.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};

use super::errors::Refusal;

/// A request as it arrived.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    /// A header as text; none when it is absent or repeated.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let only = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(only)
    }

    /// The form in the body: POST, of the one content type, no parameter twice.
    pub(super) fn form(&self) -> Result<Parameters, Refusal> {
        let content_type = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            // Where there is no form, there is nothing in it.
            return Err(Refusal::missing("grant_type"));
        }
        if std::str::from_utf8(&self.body).is_err() {
            return Err(Refusal::of(9_002_313));
        }
        let form = Parameters::parse(&self.body);
        form.only_once()?;
        Ok(form)
    }
}

/// Parameters of a body or a query. Empty ones count as absent. Their values are in no Debug text.
pub(super) struct Parameters(Vec<(String, String)>);

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Parameters").field(&self.names()).finish()
    }
}

impl Parameters {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    pub(super) fn only_once(&self) -> Result<(), Refusal> {
        for (place, (name, _)) in self.0.iter().enumerate() {
            if self.0.iter().take(place).any(|(earlier, _)| earlier == name) {
                return Err(Refusal::of(9_002_313).text(format!(
                    "Invalid request. Request is malformed or invalid: parameter '{name}' is duplicated."
                )));
            }
        }
        Ok(())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }
}
