//! Objects that need what another document of their manifest makes: their namespace, or their kind.
//!
//! Applied in order they come to be; a dry run makes neither, so that the API server cannot try what is in them. Then it is
//! said of each, and what can be asked without them is asked.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::CallContext;
use super::changes::Prepared;
use crate::cluster::{Caller, Change, Resource, Written};
use crate::failure::Failure;
use crate::manifest::Document;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};

/// How long an object waits for what has just been made to be of use: a kind is served a moment after its definition is
/// there, and pods need the account that comes after their namespace.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

const DEFINITION: (&str, &str) = ("apiextensions.k8s.io", "CustomResourceDefinition");

/// A document that makes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maker {
    /// Which of all objects it is.
    index: usize,
    /// The number of its document.
    place: usize,
}

/// What the documents of a manifest make.
#[derive(Debug, Default)]
pub(super) struct Made {
    kinds: Vec<(Maker, ApiVersion, Kind, Resource)>,
    namespaces: Vec<(Maker, String)>,
}

/// What came of applying an object.
#[derive(Debug)]
pub(super) enum Attempt {
    Written(Written),
    /// It could not be tried, and why.
    Untried(String),
}

// === impl Made ===

impl Made {
    pub(super) fn by(documents: &[Document]) -> Self {
        let mut made = Self::default();
        for (index, document) in documents.iter().enumerate() {
            let maker = Maker { index, place: document.place };
            let of = (document.api_version.parts().0, document.kind.as_str());
            if of == ("", "Namespace") {
                made.namespaces.push((maker, document.name.to_string()));
            } else if of == DEFINITION {
                made.kinds.extend(
                    defined(document)
                        .into_iter()
                        .map(|(version, kind, of)| (maker, version, kind, of)),
                );
            }
        }
        made
    }

    /// Who makes a kind, and what it will be.
    pub(super) fn kind(&self, version: &ApiVersion, kind: &Kind) -> Option<(Maker, &Resource)> {
        let mut kinds = self.kinds.iter();
        let found = kinds.find(|(_, of, called, _)| {
            of.as_str() == version.as_str() && called.as_str() == kind.as_str()
        });
        found.map(|(maker, .., resource)| (*maker, resource))
    }

    pub(super) fn namespace(&self, namespace: &Namespace) -> Option<Maker> {
        let mut namespaces = self.namespaces.iter();
        namespaces.find(|(_, name)| name == namespace.as_str()).map(|(maker, _)| *maker)
    }
}

/// The kinds that a definition serves, one for each version. One that says nonsense defines none: the API server will say so.
fn defined(definition: &Document) -> Vec<(ApiVersion, Kind, Resource)> {
    let spec = definition.object.get("spec").unwrap_or(&Value::Null);
    let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
    let (Some(group), Some(kind), Some(plural)) =
        (text("/group"), text("/names/kind"), text("/names/plural"))
    else {
        return Vec::new();
    };
    let namespaced = text("/scope") == Some("Namespaced");
    let versions = spec.get("versions").and_then(Value::as_array).into_iter().flatten();
    let served = versions.filter(|version| version.get("served") == Some(&Value::Bool(true)));
    served
        .filter_map(|version| version.get("name")?.as_str())
        .filter_map(|version| {
            let api_version = ApiVersion::try_from(format!("{group}/{version}")).ok()?;
            let known = Kind::try_from(kind.to_owned()).ok()?;
            // What gets into a path is a name.
            let name = ObjectName::try_from(plural.to_owned()).ok()?;
            let resource = Resource::of(group, version, kind, name.as_str(), namespaced);
            Some((api_version, known, resource))
        })
        .collect()
}

// === impl Maker ===

impl Maker {
    /// Whether it comes before the object of this number.
    pub(super) fn is_before(self, index: usize) -> bool {
        self.index < index
    }

    /// The document in words.
    pub(super) fn words(self) -> String {
        format!("document {} of this manifest", self.place)
    }
}

// === impl Prepared ===

impl Prepared {
    /// Applies the object, when what it needs is there.
    pub(super) async fn attempt(
        &self,
        context: &CallContext,
        change: Change,
    ) -> Result<Attempt, Failure> {
        let caller = &context.caller;
        if let Some(maker) = self.kind_by.filter(|_| change.dry_run) {
            return Ok(Attempt::Untried(self.untried(caller, "kind", maker).await));
        }
        let started = Instant::now();
        if let Some(maker) = self.kind_by {
            self.wait_for_kind(context, maker, started).await?;
        }
        loop {
            let (resource, namespace, name) =
                (&self.resource, &self.namespace, &self.document.name);
            let failure = match caller
                .apply(resource, namespace, name, &self.document.object, change)
                .await
            {
                Ok(written) => return Ok(Attempt::Written(written)),
                Err(failure) => failure,
            };
            if let Some(maker) = self.namespace_by
                && failure.is_for_want_of("namespaces", namespace.as_str())
            {
                return if !maker.is_before(self.index) {
                    let advice = format!("Put {} before this one: it makes it", maker.words());
                    Err(Failure::Advised { failure: Box::new(failure), advice })
                } else if change.dry_run {
                    Ok(Attempt::Untried(self.untried(caller, "namespace", maker).await))
                } else {
                    Err(failure)
                };
            }
            let is_early = self.kind_by.is_some() && failure.is_of_an_unknown_path()
                || self.namespace_by.is_some() && failure.is_for_want_of_an_account();
            if !is_early || change.dry_run || started.elapsed() >= PATIENCE {
                return Err(failure);
            }
            sleep(PAUSE).await;
        }
    }

    /// Why the object is not tried, and whether it could be made, as far as that can be asked.
    async fn untried(&self, caller: &Caller, what: &str, maker: Maker) -> String {
        // The API server looks at fields before it misses a namespace. Without a kind there is nothing to look by.
        let checked = if what == "namespace" {
            "; its fields are known and of the right types, their values are not checked"
        } else {
            ""
        };
        let (resource, namespace, name) = (&self.resource, &self.namespace, &self.document.name);
        let may = match caller.may_apply(resource, namespace, name).await {
            Ok(true) => "; you may make it then",
            Ok(false) => {
                "; and you may not make it then, as you lack the verbs patch and create on its kind, or one of them"
            }
            Err(_) => "",
        };
        format!("its {what} does not exist yet, and {} makes it{checked}{may}", maker.words())
    }

    /// Waits until the API server serves the kind that has just been defined.
    async fn wait_for_kind(
        &self,
        context: &CallContext,
        maker: Maker,
        started: Instant,
    ) -> Result<(), Failure> {
        let caller = &context.caller;
        let Document { api_version, kind, .. } = &self.document;
        loop {
            match caller.discover(api_version, kind).await {
                Ok(_) => return Ok(()),
                Err(Failure::UnknownKind { .. }) if started.elapsed() < PATIENCE => {
                    sleep(PAUSE).await;
                }
                Err(Failure::UnknownKind { .. }) => {
                    return Err(Failure::NotYet {
                        what: format!(
                            "the kind {kind} in {api_version}, which {} makes, is not served",
                            maker.words()
                        ),
                        seconds: PATIENCE.as_secs(),
                        seen: self.state_of_the_definition(caller).await,
                    });
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// What stands in the way of a kind, in the words of its definition.
    async fn state_of_the_definition(&self, caller: &Caller) -> String {
        let (group, kind) = DEFINITION;
        let definitions = Resource::of(group, "v1", kind, "customresourcedefinitions", false);
        let called = format!("{}.{}", self.resource.plural(), self.resource.group());
        let Ok(name) = ObjectName::try_from(called.clone()) else { return called };
        let Ok(definition) = caller.get(&definitions, &self.namespace, &name).await else {
            return format!("{kind} {called} could not be read");
        };
        let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
        let told: Vec<String> = conditions
            .into_iter()
            .flatten()
            .filter_map(|condition| {
                let text = |key: &str| condition.get(key)?.as_str();
                let (of, status) = (text("type")?, text("status")?);
                Some(format!("{of} is {status} ({})", text("message").unwrap_or_default()))
            })
            .collect();
        match told.as_slice() {
            [] => format!("{kind} {called} has no conditions"),
            told => format!("of {kind} {called}, {}", told.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    const MANIFEST: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: foos.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: foos, kind: Foo}
  versions: [{name: v1, served: true}, {name: v0, served: false}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: fresh}}
---
{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Namespace, metadata: {name: of-a-list}}]}
---
{apiVersion: example.com/v1, kind: Namespace, metadata: {name: another}}
";

    fn parsed<T: TryFrom<String>>(text: &str) -> T {
        T::try_from(text.to_owned()).ok().unwrap()
    }

    #[test]
    fn what_a_manifest_makes_is_known_by_its_document() {
        let made = Made::by(&manifest::read(MANIFEST).unwrap());
        let (maker, foo) = made.kind(&parsed("example.com/v1"), &parsed("Foo")).unwrap();
        assert_eq!((maker.words().as_str(), foo.plural()), ("document 1 of this manifest", "foos"));
        assert!(foo.is_namespaced() && maker.is_before(1) && !maker.is_before(0));
        for (version, kind) in [("example.com/v0", "Foo"), ("example.com/v1", "Bar"), ("v1", "Foo")]
        {
            assert!(made.kind(&parsed(version), &parsed(kind)).is_none(), "{version} {kind}");
        }
        let place = |name: &str| made.namespace(&parsed(name)).map(|maker| maker.place);
        assert_eq!((place("fresh"), place("of-a-list")), (Some(2), Some(3)));
        assert_eq!((place("another"), place("shop")), (None, None), "no Namespace of the core");
    }

    #[test]
    fn a_definition_of_nonsense_defines_nothing() {
        for (good, bad) in [
            ("plural: foos", "plural: ../secrets"),
            ("group: example.com", "group: 'a/b'"),
            ("kind: Foo", "kind: ''"),
            ("served: true", "served: 'true'"),
        ] {
            let text = MANIFEST.replacen(good, bad, 1);
            assert_ne!(text, MANIFEST);
            let made = Made::by(&manifest::read(&text).unwrap());
            assert!(made.kinds.is_empty(), "{bad}");
        }
    }
}
