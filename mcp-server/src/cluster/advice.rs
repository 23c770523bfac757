//! What to do about a failure: asked of the cluster as the caller, so that nothing is told that they may not know.
//!
//! Only what failed costs these requests. They are few, bounded in size and time, and a failure among them is no advice.

use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderValue, Request};
use serde::Deserialize;

use super::caller::Caller;
use super::operation::Operation;
use super::refusal::Refusal;
use crate::failure::Failure;
use crate::names::Namespace;
use crate::near::near;

/// How long a person waits for advice on top of a failure.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many names are looked through.
const MAX_NAMES: usize = 500;
/// How many namespaces are told.
const MAX_TOLD: usize = 10;

/// Names alone: neither specs nor values travel.
const AS_METADATA: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Item {
    metadata: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    namespace: String,
}

/// Objects that the caller may list, by name and namespace.
struct Seen {
    objects: Vec<(String, String)>,
    /// Whether these are all.
    is_whole: bool,
}

impl Seen {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().map(|(name, _)| name.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.names().any(|seen| seen == name)
    }
}

impl Caller {
    /// The failure with what to do about it, where there is something to say.
    pub(crate) async fn advise(&self, failure: Failure) -> Failure {
        if let Failure::Partly { failure, failed, done, left } = failure {
            let failure = Box::new(Box::pin(self.advise(*failure)).await);
            return Failure::Partly { failure, failed, done, left };
        }
        let advice = tokio::time::timeout(PATIENCE, self.advice(&failure)).await.ok().flatten();
        match advice {
            Some(advice) => Failure::Advised { failure: Box::new(failure), advice },
            None => failure,
        }
    }

    async fn advice(&self, failure: &Failure) -> Option<String> {
        match failure {
            Failure::Forbidden { is_about_access: true, refused, .. } => {
                Some(self.about_access(refused).await)
            }
            Failure::Forbidden { .. } => Some(
                "This is a rule about what objects may be, not about who you are: change what the rule names, or ask the cluster's administrators"
                    .to_owned(),
            ),
            Failure::Rejected { status: 404, refused, .. } => self.about_missing(refused).await,
            Failure::Rejected { refused, .. } if refused.is_of_unknown_fields() => Some(
                "The fields that the API server names are none of this kind, or hold another type: correct them; explain tells what there is"
                    .to_owned(),
            ),
            Failure::Rejected { status, refused, message, .. } => {
                about_status(*status, refused, message)
            }
            Failure::UnknownKind { kind, api_version, .. } => {
                self.about_kind(api_version, kind).await
            }
            Failure::Unreachable { reason, .. } => Some(about_the_way(reason).to_owned()),
            Failure::TimedOut { .. } => Some(
                "Ask for less, with a namespace, a selector or a limit, or try again later".to_owned(),
            ),
            _ => None,
        }
    }

    /// Which permission is missing, who can give it, and where else to look.
    async fn about_access(&self, refused: &Refusal) -> String {
        let operation = &refused.operation;
        let (place, grant) = match operation.namespace() {
            Some(namespace) => {
                (format!("namespace \"{namespace}\""), "a Role and a RoleBinding there")
            }
            None => ("the cluster".to_owned(), "a ClusterRole and a ClusterRoleBinding"),
        };
        let lacks = format!(
            "What is missing is the verb {} on {}: whoever administers {place} can grant it, with {grant}; can_i tells what you may do",
            operation.verb(),
            operation.resource(),
        );
        let where_else = match operation.namespace() {
            Some(namespace) => self.about_namespace(namespace).await,
            None if operation.is_everywhere() => self.namespaces().await.map_or_else(
                || Some("Name one namespace: that may be allowed".to_owned()),
                |seen| {
                    let told = told(seen.names());
                    Some(format!("Name one namespace: that may be allowed. There are {told}"))
                },
            ),
            None => None,
        };
        where_else.map_or(lacks.clone(), |more| format!("{lacks}. {more}"))
    }

    /// What there is that has a name like the missing one, and whether its namespace is there.
    async fn about_missing(&self, refused: &Refusal) -> Option<String> {
        let operation = &refused.operation;
        if let Some(("namespaces", name)) = refused.about()
            && operation.namespace() == Some(name)
        {
            return self.about_namespace(name).await;
        }
        let Some(name) = operation.name() else {
            return Some(
                "The API server does not know this path: api_resources tells what it has"
                    .to_owned(),
            );
        };
        if refused.about().is_some_and(|(_, missing)| missing != name) {
            return None;
        }
        let collection = operation.collection()?;
        let here = self.seen(operation, &collection.here);
        let elsewhere = async {
            if operation.namespace().is_none() || name.contains(['=', ',', '!']) {
                return None;
            }
            let selected =
                format!("{}?fieldSelector=metadata.name%3D{name}", collection.everywhere);
            self.seen(operation, &selected).await
        };
        let namespace = async {
            match operation.namespace() {
                Some(namespace) => self.about_namespace(namespace).await,
                None => None,
            }
        };
        let (here, elsewhere, namespace) = tokio::join!(here, elsewhere, namespace);
        let mut advice: Vec<String> = namespace.into_iter().collect();
        let places: Vec<&str> = elsewhere
            .iter()
            .flat_map(|seen| seen.objects.iter())
            .filter(|(found, _)| found == name)
            .map(|(_, namespace)| namespace.as_str())
            .collect();
        if !places.is_empty() {
            advice.push(format!("There is one of this name in {}", told(places.into_iter())));
        }
        if let Some(seen) = here {
            let alike = near(name, seen.names());
            if !alike.is_empty() {
                advice.push(format!("Names like it: {}", alike.join(", ")));
            } else if !seen.objects.is_empty() && advice.is_empty() {
                let names = told(seen.names());
                advice.push(format!("None has a name like it; there are {names}"));
            } else if seen.objects.is_empty() && seen.is_whole && advice.is_empty() {
                advice.push(format!("There are no {} here", operation.resource()));
            }
        }
        (!advice.is_empty()).then(|| advice.join(". "))
    }

    /// What is to be said of a namespace in which nothing was found: that there is none of this name, if it is so.
    pub(crate) async fn about_an_empty_namespace(&self, namespace: &Namespace) -> Option<String> {
        let told = self.about_namespace(namespace.as_str());
        tokio::time::timeout(PATIENCE, told).await.ok().flatten()
    }

    /// Whether a namespace is there, as far as the caller may know; nothing if it is.
    async fn about_namespace(&self, namespace: &str) -> Option<String> {
        let seen = self.namespaces().await?;
        if seen.has(namespace) || !seen.is_whole {
            return None;
        }
        let alike = near(namespace, seen.names());
        let there = if alike.is_empty() { told(seen.names()) } else { alike.join(", ") };
        Some(format!("There is no namespace \"{namespace}\"; there are {there}"))
    }

    async fn about_kind(&self, api_version: &str, kind: &str) -> Option<String> {
        let kinds = self.api_kinds().await.ok()?;
        let lower = kind.to_lowercase();
        let same: Vec<String> = kinds
            .iter()
            .filter(|of| of.is_called(&lower))
            .map(|of| format!("{} in {}", of.kind, of.api_version))
            .collect();
        if !same.is_empty() {
            return Some(format!("There is {}", told(same.iter().map(String::as_str))));
        }
        let here = kinds.iter().filter(|of| of.api_version == api_version);
        let mut alike = near(kind, here.map(|of| of.kind.as_str()));
        if alike.is_empty() {
            alike = near(kind, kinds.iter().map(|of| of.kind.as_str()));
        }
        let told: Vec<String> = alike
            .iter()
            .filter_map(|&like| kinds.iter().find(|of| of.kind == like))
            .map(|of| format!("{} in {}", of.kind, of.api_version))
            .collect();
        if told.is_empty() {
            return Some("api_resources tells which kinds there are".to_owned());
        }
        Some(format!("Kinds like it: {}", told.join(", ")))
    }

    async fn namespaces(&self) -> Option<Seen> {
        let operation =
            Operation::on_cluster("list", "namespaces").of("", "Namespace", "namespaces");
        self.seen(&operation, "/api/v1/namespaces").await
    }

    /// What the caller sees in a collection; nothing if they may not list it.
    async fn seen(&self, like: &Operation, path: &str) -> Option<Seen> {
        let mut operation = Operation::on_cluster("list", like.resource());
        if let Some(of) = like.kind() {
            operation = operation.of(&of.group, &of.kind, &of.plural);
        }
        let and = if path.contains('?') { '&' } else { '?' };
        let request = Request::get(format!("{path}{and}limit={MAX_NAMES}"))
            .header(ACCEPT, AS_METADATA)
            .body(Vec::new())
            .ok()?;
        let page: Page = self.ask(&operation, request).await.ok()?;
        let objects = page.items.into_iter().take(MAX_NAMES);
        Some(Seen {
            objects: objects.map(|item| (item.metadata.name, item.metadata.namespace)).collect(),
            is_whole: page.metadata.next.is_empty(),
        })
    }
}

/// Some of them, and how many more there are.
fn told<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(MAX_TOLD).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_TOLD) {
        0 if names.is_empty() => "none that you see".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What to do about a connection that there is not, by what was in its way.
fn about_the_way(reason: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["UnknownIssuer", "BadSignature"]) {
        "The certificate authority that is configured for this cluster is not the one that its certificate is of: correct it, and nothing else makes the connection safe"
    } else if has(&["NotValidForName"]) {
        "Its certificate is for another name: write the URL that it is for, or in a kubeconfig tls-server-name"
    } else if has(&["Expired", "NotValidYet"]) {
        "Its certificate is out of date, or this machine's clock is wrong: tell whoever runs the cluster"
    } else if has(&["dns error"]) {
        "This machine does not know the name in its URL: correct the URL, or connect the network (VPN) in which it is known"
    } else if has(&["refused"]) {
        "Nothing listens at that address: see whether the cluster is running, and whether the address is still its own"
    } else {
        "See whether the cluster is running and the network (VPN, proxy, firewall) lets this machine get there, and try again"
    }
}

/// What needs no asking.
fn about_status(status: u16, refused: &Refusal, said: &str) -> Option<String> {
    let fields = |of: &[String]| of.join(", ");
    match status {
        409 => {
            let conflicts = refused.conflicts();
            if !conflicts.is_empty() {
                let managers: Vec<String> = conflicts
                    .iter()
                    .map(|(manager, of)| format!("\"{manager}\" manages {}", fields(of)))
                    .collect();
                return Some(format!(
                    "{}: leave these fields out, or take them over (force) if their manager will not set them again",
                    managers.join("; ")
                ));
            }
            if refused.is("AlreadyExists") {
                return Some(
                    "It is there already: change that one, or choose another name".to_owned(),
                );
            }
            Some(
                "It has changed since it was read: read it again, and repeat the change on that"
                    .to_owned(),
            )
        }
        422 => {
            let causes: Vec<String> = refused
                .causes()
                .iter()
                .filter(|cause| !cause.field.is_empty())
                .map(|cause| match cause.message.as_str() {
                    // The message of the whole has it already.
                    message if said.contains(message) => cause.field.clone(),
                    message => format!("{}: {message}", cause.field),
                })
                .collect();
            (!causes.is_empty()).then(|| {
                format!("Correct by field: {}; explain tells what fields take", causes.join("; "))
            })
        }
        400 if refused.operation.verb() == "list" => Some(
            "Correct what the API server names: a fieldSelector takes few fields of a kind, a labelSelector all labels"
                .to_owned(),
        ),
        400 => Some(
            "Correct what the API server names; explain tells which fields a kind has".to_owned(),
        ),
        405 => {
            Some("This kind does not take this verb: api_resources tells which it takes".to_owned())
        }
        410 => {
            Some("The list has moved on since that page: begin again without continue".to_owned())
        }
        429 => {
            let seconds = refused.retry_after_seconds().unwrap_or(1);
            Some(format!(
                "The API server has more to do than it takes on: try again in {seconds} s"
            ))
        }
        500 | 502 | 503 | 504 => {
            let when = refused
                .retry_after_seconds()
                .map_or_else(|| "later".to_owned(), |seconds| format!("in {seconds} s"));
            Some(format!(
                "That is trouble of the cluster's, or of the service behind this API: try again {when}, and if it stays, ask its operator"
            ))
        }
        _ => None,
    }
}
