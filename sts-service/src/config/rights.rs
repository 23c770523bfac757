//! What a configuration leaves of the rights that somebody has, to be told also where nothing else of it counts because
//! some file that it names is of no use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Caller, Clients, Config, Grant, Target};
use crate::brought;

/// All rights that a text speaks of, by the words that it has for them. A part that cannot be read is a mistake, and takes
/// nothing away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    callers: BTreeMap<String, OfCaller>,
    targets: BTreeMap<String, OfTarget>,
}

#[derive(Debug, PartialEq, Eq)]
struct OfCaller {
    files: Option<BTreeSet<PathBuf>>,
    grants: Option<Vec<Grant>>,
}

#[derive(Debug, PartialEq, Eq)]
struct OfTarget {
    audience: Option<String>,
    issuer: Option<String>,
    scopes: Option<BTreeSet<String>>,
}

impl Rights {
    /// `None` where this is no whole configuration, such as one that is just being written.
    pub(crate) fn of(text: &str, folder: &Path) -> Option<Self> {
        let table = text.parse::<toml::Table>().ok()?;
        let value = brought::translate(serde_json::to_value(table).ok()?).value;
        value.get("server")?;
        value.get("issuers")?;
        let mut rights = Self::default();
        for caller in value.get("callers")?.as_array()? {
            let files = texts(caller, "credential_files");
            let files = files.map(|files| files.iter().map(|name| folder.join(name)).collect());
            let grants = caller.get("grants").and_then(Value::as_array);
            let grants = grants.and_then(|all| all.iter().map(grant).collect());
            let id = text_of(caller, "id")?;
            rights.callers.insert(id, OfCaller { files, grants });
        }
        for target in value.get("targets")?.as_array()? {
            let of = OfTarget {
                audience: text_of(target, "audience"),
                issuer: text_of(target, "issuer"),
                scopes: texts(target, "scopes").map(|scopes| scopes.into_iter().collect()),
            };
            rights.targets.insert(text_of(target, "name")?, of);
        }
        let is_some = !rights.callers.is_empty() && !rights.targets.is_empty();
        is_some.then_some(rights)
    }

    /// Those of a good one.
    pub(crate) fn of_config(config: &Config) -> Self {
        let of_caller = |caller: &Caller| OfCaller {
            files: Some(caller.secrets.iter().map(|secret| secret.path().to_owned()).collect()),
            grants: Some(caller.grants.clone()),
        };
        let of_target = |target: &Target| OfTarget {
            audience: Some(target.target.audience.clone()),
            issuer: Some(target.issuer.clone()),
            scopes: Some(target.scopes.iter().cloned().collect()),
        };
        Self {
            callers: config.callers.iter().map(|own| (own.id.clone(), of_caller(own))).collect(),
            targets: config
                .targets
                .iter()
                .map(|own| (own.name().to_owned(), of_target(own)))
                .collect(),
        }
    }

    /// What remains of this caller's rights: what it has, and has here, too. Nothing that it has not.
    pub(crate) fn remaining(&self, caller: &Caller) -> Option<Caller> {
        let here = self.callers.get(&caller.id)?;
        let is_here = |path: &Path| here.files.as_ref().is_none_or(|files| files.contains(path));
        let secrets = caller.secrets.iter().filter(|secret| is_here(secret.path()));
        let grants = match &here.grants {
            Some(here) => {
                let both = |own: &Grant| here.iter().filter_map(|here| shared(own, here)).collect();
                caller.grants.iter().flat_map(|own| -> Vec<Grant> { both(own) }).collect()
            }
            None => caller.grants.clone(),
        };
        Some(Caller { id: caller.id.clone(), secrets: secrets.cloned().collect(), grants })
    }

    /// Whether what this target may be asked for may still be asked for.
    pub(crate) fn leave(&self, target: &Target) -> bool {
        self.targets.get(target.name()).is_some_and(|here| {
            here.audience.as_ref().is_none_or(|here| *here == target.target.audience)
                && here.issuer.as_ref().is_none_or(|here| *here == target.issuer)
                && here
                    .scopes
                    .as_ref()
                    .is_none_or(|here| target.scopes.iter().all(|scope| here.contains(scope)))
        })
    }
}

/// What both grant, if that is anything.
fn shared(own: &Grant, here: &Grant) -> Option<Grant> {
    let both = |own: &[String], here: &[String]| -> Vec<String> {
        own.iter().filter(|name| here.contains(name)).cloned().collect()
    };
    let clients = match (&own.clients, &here.clients) {
        (Clients::Any, clients) | (clients, Clients::Any) => clients.clone(),
        (Clients::Listed(own), Clients::Listed(here)) => Clients::Listed(both(own, here)),
    };
    let grant = Grant {
        issuer: own.issuer.clone(),
        audiences: both(&own.audiences, &here.audiences),
        clients,
        targets: both(&own.targets, &here.targets),
    };
    let is_any = own.issuer == here.issuer
        && !grant.audiences.is_empty()
        && grant.clients != Clients::Listed(Vec::new())
        && !grant.targets.is_empty();
    is_any.then_some(grant)
}

fn grant(value: &Value) -> Option<Grant> {
    let clients = texts(value, "clients")?;
    let is_any = clients.iter().any(|client| client == "*");
    Some(Grant {
        issuer: text_of(value, "issuer")?,
        audiences: texts(value, "audiences")?,
        clients: if is_any { Clients::Any } else { Clients::Listed(clients) },
        targets: texts(value, "targets")?,
    })
}

fn text_of(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn texts(value: &Value, key: &str) -> Option<Vec<String>> {
    value.get(key)?.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn some(audiences: &[&str], clients: &[&str], targets: &[&str]) -> Grant {
        let clients = match clients {
            ["*"] => Clients::Any,
            clients => Clients::Listed(listed(clients)),
        };
        let (audiences, targets) = (listed(audiences), listed(targets));
        Grant { issuer: "idp".to_owned(), audiences, clients, targets }
    }

    #[test]
    fn what_remains_is_what_both_grant_and_never_more() {
        let own = some(&["a", "b"], &["c", "d"], &["t", "u"]);
        assert_eq!(shared(&own, &own), Some(own.clone()));
        let less = some(&["a"], &["c"], &["t"]);
        assert_eq!(shared(&own, &less), Some(less.clone()));
        assert_eq!(shared(&less, &own), Some(less.clone()), "new rights wait");
        let any = some(&["a", "b"], &["*"], &["t", "u"]);
        assert_eq!(shared(&own, &any), Some(own.clone()));
        assert_eq!(shared(&any, &own), Some(own.clone()));
        for other in [
            some(&["x"], &["c"], &["t"]),
            some(&["a"], &["x"], &["t"]),
            some(&["a"], &["c"], &["x"]),
            Grant { issuer: "other".to_owned(), ..own.clone() },
        ] {
            assert_eq!(shared(&own, &other), None, "{other:?}");
        }
    }

    const WHOLE: &str = r#"
[server]
[[issuers]]
[[targets]]
name = "t"
[[callers]]
id = "envoy"
credential_files = ["one"]
"#;

    #[test]
    fn a_text_that_is_no_whole_configuration_takes_nothing_away() {
        let of = |text: &str| Rights::of(text, Path::new("folder"));
        assert!(of(WHOLE).is_some());
        for (start, _) in WHOLE.match_indices('[') {
            assert_eq!(of(&WHOLE[..start]), None, "{}", &WHOLE[..start]);
        }
        for broken in ["", "[server]", "x = ", "callers = 1"] {
            assert_eq!(of(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_caller_that_is_gone_has_nothing_and_what_cannot_be_read_takes_nothing_away() {
        let rights =
            |more: &str| Rights::of(&format!("{WHOLE}{more}"), Path::new("folder")).unwrap();
        let caller = |id: &str| Caller {
            id: id.to_owned(),
            secrets: Vec::new(),
            grants: vec![some(&["a"], &["c"], &["t"])],
        };
        let grants =
            |rights: &Rights, id: &str| rights.remaining(&caller(id)).map(|left| left.grants);
        let unread = [
            "",
            "grants = 1",
            "[[callers.grants]]\nissuer = \"idp\"",
            "[[callers.grants]]\nissuer = 1\naudiences = [\"x\"]\nclients = []\ntargets = []",
        ];
        for unread in unread {
            let rights = rights(unread);
            assert_eq!(grants(&rights, "envoy"), Some(caller("envoy").grants), "{unread}");
            assert_eq!(grants(&rights, "other"), None, "{unread}");
        }
        let read = "[[callers.grants]]\nissuer = \"idp\"\naudiences = [\"x\"]\nclients = [\"c\"]\n\
                    targets = [\"t\"]";
        assert_eq!(grants(&rights(read), "envoy"), Some(Vec::new()));
    }
}
