//! Rule 18: the `claims` parameter.

use serde_json::Value;

use super::errors::Refusal;
use super::request::Parameters;

/// The parameter, which must be a JSON object.
pub(super) fn read(form: &Parameters) -> Result<Option<Value>, Refusal> {
    let Some(text) = form.get("claims") else { return Ok(None) };
    let value = serde_json::from_str(text).ok().filter(Value::is_object);
    value.map(Some).ok_or_else(|| {
        Refusal::of(9_002_313).text(
            "Invalid request. Request is malformed or invalid: the 'claims' parameter is not a JSON object.",
        )
    })
}

/// Whether the client says that it understands claims challenges: `xms_cc` with `cp1`.
pub(super) fn is_capable(claims: Option<&Value>) -> bool {
    let values = claims.map(|claims| &claims["access_token"]["xms_cc"]["values"]);
    let values = values.and_then(Value::as_array);
    values.is_some_and(|values| values.iter().any(|value| value == "cp1"))
}
