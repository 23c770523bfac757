//! What the API server says of a request that it did not carry out, beside its message.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde::Deserialize;

use super::operation::Operation;

/// More causes than anybody reads.
const MAX_CAUSES: usize = 16;
/// The longest text of a cause that is repeated.
const MAX_CAUSE_CHARS: usize = 300;

/// The reason of a cause that names a field and the manager who holds it.
const HELD_BY_ANOTHER: &str = "FieldManagerConflict";

/// How the API server begins to say that an applied object does not fit its kind's schema.
const UNTYPED: &str = "failed to create typed patch object";

/// A refused operation, and the parts of the `Status` (meta/v1) that say why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(super) operation: Operation,
    /// `Conflict`, `Invalid`, `AlreadyExists`, …; empty when the answer was no `Status`.
    reason: String,
    /// What is missing or in the way, in the plural, and its name.
    about: Option<(String, String)>,
    causes: Vec<Cause>,
    retry_after_seconds: Option<u64>,
    /// Whether what was sent has fields that there are not, or of another type; the API server answers 500 to that.
    is_of_unknown_fields: bool,
}

/// One of several reasons: a field that is wrong, or a field of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Cause {
    /// `FieldManagerConflict`, `FieldValueInvalid`, …
    #[serde(default)]
    pub(crate) reason: String,
    /// In the API server's words.
    #[serde(default)]
    pub(crate) message: String,
    /// The field's path.
    #[serde(default)]
    pub(crate) field: String,
}

/// A `Status`, as far as it is for people.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) message: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    causes: Vec<Cause>,
    #[serde(default)]
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    /// Takes the status, if the answer was one. `clean` takes credentials out of what is repeated.
    pub(super) fn new(
        operation: &Operation,
        status: Option<Status>,
        headers: &HeaderMap,
        clean: impl Fn(&str) -> String,
    ) -> Self {
        let is_of_unknown_fields =
            status.as_ref().is_some_and(|status| status.message.contains(UNTYPED));
        let (reason, details) =
            status.map_or_else(Default::default, |status| (status.reason, status.details));
        let details = details.unwrap_or_default();
        let short = |text: &str| clean(text).chars().take(MAX_CAUSE_CHARS).collect::<String>();
        let causes = details.causes.iter().take(MAX_CAUSES).map(|cause| Cause {
            reason: short(&cause.reason),
            message: short(&cause.message),
            field: short(&cause.field),
        });
        let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Self {
            operation: operation.clone(),
            reason: short(&reason),
            about: (!details.name.is_empty()).then(|| (short(&details.kind), short(&details.name))),
            causes: causes.collect(),
            retry_after_seconds: header
                .and_then(|seconds| seconds.trim().parse().ok())
                .or(details.retry_after_seconds),
            is_of_unknown_fields,
        }
    }

    /// Whether it is for this reason.
    pub(crate) fn is(&self, reason: &str) -> bool {
        self.reason == reason
    }

    /// What is missing or in the way: resource and name.
    pub(crate) fn about(&self) -> Option<(&str, &str)> {
        self.about.as_ref().map(|(kind, name)| (kind.as_str(), name.as_str()))
    }

    /// Why, in detail.
    pub(crate) fn causes(&self) -> &[Cause] {
        &self.causes
    }

    /// Whether nothing is missing by name, so that it is the path that is not known.
    pub(crate) fn is_of_a_path(&self) -> bool {
        self.about.is_none()
            && self.operation.collection().is_some()
            && !self.operation.resource().contains('/')
    }

    /// Whether what was sent does not fit its kind's schema.
    pub(crate) fn is_of_unknown_fields(&self) -> bool {
        self.is_of_unknown_fields
    }

    /// When to come again.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    /// Causes without their texts, where those may quote values of a Secret. Who holds a field is no value.
    pub(super) fn without_messages(mut self) -> Self {
        for cause in self.causes.iter_mut().filter(|cause| cause.reason != HELD_BY_ANOTHER) {
            cause.message.clear();
        }
        self
    }

    /// Who manages which of the fields that were to be changed, each manager once.
    pub(crate) fn conflicts(&self) -> Vec<(String, Vec<String>)> {
        let mut managers: Vec<(String, Vec<String>)> = Vec::new();
        for cause in self.causes.iter().filter(|cause| cause.reason == HELD_BY_ANOTHER) {
            // `conflict with "kubectl" using apps/v1`, where a manager may have any name.
            let manager = cause.message.split('"').nth(1).unwrap_or("another manager").to_owned();
            match managers.iter_mut().find(|(known, _)| *known == manager) {
                Some((_, fields)) => fields.push(cause.field.clone()),
                None => managers.push((manager, vec![cause.field.clone()])),
            }
        }
        managers
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(status: Value, headers: &HeaderMap) -> Refusal {
        let status = serde_json::from_value(status).ok();
        let operation = Operation::on_cluster("patch", "nodes");
        Refusal::new(&operation, status, headers, |text| text.replace("t0ken", "[redacted]"))
    }

    #[test]
    fn conflicts_name_each_manager_once_with_its_fields() {
        let cause = |message: &str, field: &str| json!({"reason": "FieldManagerConflict", "message": message, "field": field});
        let told = refusal(
            json!({"message": "Apply failed", "reason": "Conflict", "details": {"causes": [
                cause(r#"conflict with "kubectl" using apps/v1"#, ".spec.replicas"),
                cause(r#"conflict with "helm" using v1"#, ".data"),
                cause(r#"conflict with "kubectl" using apps/v1"#, ".spec.paused"),
            ]}}),
            &HeaderMap::new(),
        );
        assert!(told.is("Conflict"));
        let kubectl =
            ("kubectl".to_owned(), vec![".spec.replicas".to_owned(), ".spec.paused".to_owned()]);
        let all = [kubectl, ("helm".to_owned(), vec![".data".to_owned()])];
        assert_eq!(told.conflicts(), all);
        assert_eq!(told.without_messages().conflicts(), all, "names are no values");
    }

    #[test]
    fn what_is_repeated_is_bounded_and_without_credentials() {
        let causes = vec![json!({"message": format!("t0ken{}", "x".repeat(10_000))}); 100];
        let told =
            refusal(json!({"message": "", "details": {"causes": causes}}), &HeaderMap::new());
        assert_eq!(told.causes().len(), MAX_CAUSES);
        assert!(told.causes()[0].message.starts_with("[redacted]x"));
        assert_eq!(told.causes()[0].message.len(), MAX_CAUSE_CHARS);
        assert!(told.without_messages().causes().iter().all(|cause| cause.message.is_empty()));
    }

    #[test]
    fn when_to_come_again_is_the_headers_or_the_bodys_word() {
        let body = json!({"message": "", "details": {"retryAfterSeconds": 7}});
        let header = HeaderMap::from_iter([(RETRY_AFTER, "3".parse().unwrap())]);
        assert_eq!(refusal(body.clone(), &header).retry_after_seconds(), Some(3));
        assert_eq!(refusal(body, &HeaderMap::new()).retry_after_seconds(), Some(7));
        assert_eq!(refusal(json!("no status"), &HeaderMap::new()).retry_after_seconds(), None);
    }
}
