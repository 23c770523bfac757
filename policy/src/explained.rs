//! An explanation, as text for people and as JSON for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use obolus_core::config::Resource;
use obolus_core::mcp::Revision;
use obolus_core::policy::cedar::{Opinion, Outcome};
use obolus_core::policy::{Considered, Explanation, explain};
use obolus_core::token::Claimed;
use obolus_core::{Reason, UnixSeconds, reply};
use serde_json::{Value, json};

use crate::claims::Token;
use crate::request::Asked;

/// What would become of a request, and why.
#[derive(Debug)]
pub struct Explained<'a> {
    token: &'a Token,
    asked: &'a Asked,
    places: &'a BTreeMap<String, String>,
    claimed: Result<Claimed, Reason>,
    token_refused: Option<Reason>,
    decided: Result<(Revision, Explanation), Reason>,
    answer: Option<(u16, String)>,
}

impl<'a> Explained<'a> {
    /// Decides on what is asked for.
    #[must_use]
    pub fn of(
        token: &'a Token,
        asked: &'a Asked,
        resource: &Resource,
        places: &'a BTreeMap<String, String>,
        now: UnixSeconds,
    ) -> Self {
        let examined = token.examine(resource, now);
        let decided = examined.claimed.as_ref().map_err(|reason| *reason).and_then(|claimed| {
            let told = asked
                .admitted(|admitted| (admitted.revision(), explain(claimed, resource, admitted)));
            told.map_err(|denial| denial.reason())
        });
        let denial = decided.as_ref().ok().and_then(|(_, told)| told.outcome.as_ref().err());
        let answer = denial.map(|denial| {
            let reply = reply::denial(denial, resource, None);
            (reply.status, denial.description().to_owned())
        });
        let (claimed, token_refused) = (examined.claimed, examined.refused);
        Self { token, asked, places, claimed, token_refused, decided, answer }
    }

    fn decision(&self) -> &'static str {
        match &self.decided {
            Err(reason) => reason.as_str(),
            Ok((_, told)) => match &told.outcome {
                Ok(_) => "permit",
                Err(denial) => denial.reason().as_str(),
            },
        }
    }

    fn deciding(&self) -> Vec<&str> {
        let ids = match &self.decided {
            Err(_) => &[][..],
            Ok((_, told)) => match &told.outcome {
                Ok(verdict) => &verdict.policies,
                Err(denial) => denial.policies(),
            },
        };
        ids.iter().map(|id| &**id).collect()
    }

    fn place(&self, id: &str) -> Option<&str> {
        self.places.get(id).map(String::as_str)
    }

    fn with_place(&self, id: &str) -> String {
        self.place(id).map_or_else(|| id.to_owned(), |place| format!("{id} ({place})"))
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, told: &str| {
            let _infallible = writeln!(text, "{name:18} {told}");
        };
        match &self.claimed {
            Ok(claimed) => {
                line("who", &format!("{} at {}", claimed.subject(), claimed.issuer_name()));
            }
            Err(reason) => line("who", &format!("nobody: {}", reason.description())),
        }
        line("verified", "no: nobody looked at a signature, this only explains");
        if !self.token.assumed.is_empty() {
            line(
                "assumed",
                &format!("{}, as every token has them here", self.token.assumed.join(", ")),
            );
        }
        if let Some(reason) = self.token_refused {
            line("token", &format!("refused as it is: {reason}, {}", reason.description()));
        }
        line("request", &self.request());
        line("decision", self.decision());
        if let Some((status, description)) = &self.answer {
            line("client is told", &format!("{status} {description}"));
        }
        let Ok((_, told)) = &self.decided else { return text };
        let deciding: Vec<_> = self.deciding().into_iter().map(|id| self.with_place(id)).collect();
        line(
            "decided by",
            &if deciding.is_empty() { "no policy".to_owned() } else { deciding.join(", ") },
        );
        if !told.missing_scopes.is_empty() {
            line("missing scopes", &told.missing_scopes.join(" "));
        }
        if let Some(dry_run) = &told.dry_run {
            let says = dry_run.reason.map_or("permit", Reason::as_str);
            let ids: Vec<_> = dry_run.policies.iter().map(|id| &**id).collect();
            line("dry run", format!("{says} {}", ids.join(", ")).trim_end());
        }
        for one in &told.considered {
            self.consider(one, &mut line);
        }
        text
    }

    fn request(&self) -> String {
        let mut told = self.asked.method.clone();
        if let Ok((revision, explanation)) = &self.decided {
            for one in &explanation.considered {
                told += &format!(" {}", one.name);
            }
            match &explanation.target {
                Ok(target) => told += &format!(", target {target}"),
                Err(reason) => told += &format!(", no target: {reason}"),
            }
            told += &format!(", revision {}", revision.name());
        }
        told
    }

    fn consider(&self, one: &Considered, line: &mut impl FnMut(&str, &str)) {
        if !one.is_known {
            line("not known", &format!("the policies were not compiled with {}", one.name));
        }
        line("listed", if one.is_listed { "yes" } else { "no" });
        line("arguments read", &arguments(one));
        let untold: Vec<_> = untold(one).into_iter().collect();
        if !untold.is_empty() {
            line("claims not told", &untold.join(", "));
        }
        match &one.opinions {
            Err(fault) => line("policies", &format!("not asked: {fault}")),
            Ok(opinions) if opinions.is_empty() => line("policies", "none is about it"),
            Ok(opinions) => {
                for opinion in opinions {
                    let effect = if opinion.is_forbid { "forbid" } else { "permit" };
                    let id = self.with_place(&opinion.id);
                    line(&format!("  {effect}"), &format!("{id}: {}", outcome(opinion)));
                }
            }
        }
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let named = |id: &str| json!({"id": id, "place": self.place(id)});
        let told = self.decided.as_ref().ok();
        let considered = told.map(|(_, told)| {
            let all = told.considered.iter().map(|one| {
                let opinions = one.opinions.as_ref().ok().into_iter().flatten().map(|opinion| {
                    let untold: Vec<_> = match &opinion.outcome {
                        Outcome::Untold(claims) => claims.iter().map(|one| one.claim).collect(),
                        _ => Vec::new(),
                    };
                    json!({
                        "id": &*opinion.id,
                        "place": self.place(&opinion.id),
                        "effect": if opinion.is_forbid { "forbid" } else { "permit" },
                        "applies": applies(opinion),
                        "claimsNotTold": untold,
                        "error": match &opinion.outcome {
                            Outcome::Error(fault) => Some(fault.to_string()),
                            _ => None,
                        },
                    })
                });
                json!({
                    "name": one.name,
                    "known": one.is_known,
                    "listed": one.is_listed,
                    "argumentsRead": one.arguments_read.as_ref().map(|read| read.iter().map(|name| &**name).collect::<Vec<_>>()),
                    "claimsNotTold": untold(one),
                    "policies": opinions.collect::<Vec<_>>(),
                    "error": one.opinions.as_ref().err().map(ToString::to_string),
                })
            });
            all.collect::<Vec<_>>()
        });
        let dry_run = told.and_then(|(_, told)| told.dry_run.as_ref()).map(|verdict| {
            let ids: Vec<_> = verdict.policies.iter().map(|id| &**id).collect();
            json!({"decision": verdict.reason.map_or("permit", Reason::as_str), "policies": ids})
        });
        json!({
            "verified": false,
            "subject": self.claimed.as_ref().ok().map(Claimed::subject),
            "issuer": self.claimed.as_ref().ok().map(Claimed::issuer_name),
            "assumed": self.token.assumed,
            "tokenRefused": self.token_refused.map(Reason::as_str),
            "method": self.asked.method,
            "revision": told.map(|(revision, _)| revision.name()),
            "target": told.and_then(|(_, told)| told.target.as_deref().ok()),
            "decision": self.decision(),
            "status": self.answer.as_ref().map(|(status, _)| status),
            "reason": self.answer.as_ref().map(|(_, description)| description),
            "policies": self.deciding().into_iter().map(named).collect::<Vec<_>>(),
            "missingScopes": told.map_or(&[][..], |(_, told)| &told.missing_scopes),
            "considered": considered.unwrap_or_default(),
            "dryRun": dry_run,
        })
    }
}

fn applies(opinion: &Opinion) -> bool {
    match &opinion.outcome {
        Outcome::Applies => true,
        Outcome::Untold(_) => opinion.is_forbid,
        Outcome::DoesNotApply | Outcome::Error(_) => false,
    }
}

fn outcome(opinion: &Opinion) -> String {
    let reason = opinion.reason.as_ref().map(|reason| format!(", {reason:?}")).unwrap_or_default();
    match &opinion.outcome {
        Outcome::Applies => format!("applies{reason}"),
        Outcome::DoesNotApply => "does not apply".to_owned(),
        Outcome::Untold(claims) => {
            let names: Vec<_> = claims.iter().map(|one| one.claim).collect();
            let applies = if opinion.is_forbid { "applies" } else { "does not apply" };
            format!("{applies}, as the token does not tell {}", names.join(", "))
        }
        Outcome::Error(fault) => format!("denies, as it cannot be evaluated: {fault}"),
    }
}

fn arguments(one: &Considered) -> String {
    match &one.arguments_read {
        None => "all".to_owned(),
        Some(read) if read.is_empty() => "none".to_owned(),
        Some(read) => read.iter().map(|name| &**name).collect::<Vec<_>>().join(", "),
    }
}

/// The claims that policies about it wanted, and the token does not tell.
fn untold(one: &Considered) -> BTreeSet<&'static str> {
    let opinions = one.opinions.as_ref().ok().into_iter().flatten();
    opinions
        .filter_map(|opinion| match &opinion.outcome {
            Outcome::Untold(claims) => Some(claims),
            _ => None,
        })
        .flatten()
        .map(|one| one.claim)
        .collect()
}
