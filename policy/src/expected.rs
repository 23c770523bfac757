//! What a test expects, and whether that is what came.

use std::collections::BTreeSet;
use std::fmt;

use obolus_core::Reason;
use obolus_core::config::Section;
use obolus_core::policy::Explanation;
use serde_json::Value;

/// What has to come of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    answer: Answer,
    policies: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Permit,
    /// With these scopes, if they were told, the request would be permitted.
    InsufficientScope(Option<BTreeSet<String>>),
    /// With this text, if one was told.
    Denied(Option<String>),
    Hidden,
    /// For another reason than policies.
    Refused(Reason),
}

const WORDS: &str = "permit, insufficient_scope, denied, hidden or refused";

impl Expected {
    /// Reads `expect` of a test.
    pub(crate) fn read(test: &Section<'_>, raw: Option<&Value>) -> Option<Self> {
        if let Some(Value::String(word)) = raw {
            let answer = match word.as_str() {
                "permit" => Some(Answer::Permit),
                "insufficient_scope" => Some(Answer::InsufficientScope(None)),
                "denied" => Some(Answer::Denied(None)),
                "hidden" => Some(Answer::Hidden),
                _ => {
                    test.problem("expect", format!("must be {WORDS}"));
                    None
                }
            };
            return answer.map(|answer| Self { answer, policies: None });
        }
        let expect = test.optional_section("expect")?;
        let keys = expect.keys();
        let read = match keys.as_slice() {
            ["insufficient_scope"] => {
                let scopes = expect.strings("insufficient_scope").into_iter().collect();
                Some((Answer::InsufficientScope(Some(scopes)), None))
            }
            ["refused"] => {
                let label = expect.string("refused", "the reason, as docs/reasons.md has it");
                let reason = label.and_then(|label| {
                    Reason::ALL.iter().copied().find(|reason| reason.as_str() == label)
                });
                if reason.is_none() {
                    expect.problem("refused", "is no reason of docs/reasons.md");
                }
                reason.map(|reason| (Answer::Refused(reason), None))
            }
            [word @ ("permit" | "denied" | "hidden")] => {
                expect.optional_section(word).map(|more| {
                    let policies = more.has("policies").then(|| more.strings("policies"));
                    let answer = match *word {
                        "permit" => Answer::Permit,
                        "denied" => Answer::Denied(more.optional_string("reason")),
                        _ => Answer::Hidden,
                    };
                    more.finish();
                    (answer, policies)
                })
            }
            _ => {
                test.problem("expect", format!("must be one of {WORDS}"));
                return None;
            }
        };
        expect.finish();
        let (answer, policies) = read?;
        Some(Self { answer, policies: policies.map(|policies| policies.into_iter().collect()) })
    }

    /// Whether this is what came.
    #[must_use]
    pub fn is(&self, came: &Came<'_>) -> bool {
        let answer = match (&self.answer, came) {
            (Answer::Refused(expected), Came::Refused(reason)) => expected == reason,
            (_, Came::Refused(_)) => false,
            (Answer::Permit, Came::Decided(told)) => told.outcome.is_ok(),
            (answer, Came::Decided(told)) => {
                told.outcome.as_ref().is_err_and(|denial| match answer {
                    Answer::Permit => false,
                    Answer::InsufficientScope(expected) => {
                        let missing: BTreeSet<_> = told.missing_scopes.iter().cloned().collect();
                        denial.reason() == Reason::InsufficientScope
                            && expected.as_ref().is_none_or(|expected| *expected == missing)
                    }
                    Answer::Denied(text) => {
                        denial.reason() == Reason::PolicyDenied
                            && text.as_ref().is_none_or(|text| text == denial.description())
                    }
                    Answer::Hidden => denial.reason() == Reason::ToolHidden,
                    Answer::Refused(reason) => denial.reason() == *reason,
                })
            }
        };
        let decided: BTreeSet<_> = came.policies().into_iter().map(str::to_owned).collect();
        answer && self.policies.as_ref().is_none_or(|policies| *policies == decided)
    }
}

/// What came of a request.
#[derive(Debug)]
pub enum Came<'a> {
    /// Nobody got as far as asking policies.
    Refused(Reason),
    /// What was decided.
    Decided(&'a Explanation),
}

impl<'a> Came<'a> {
    /// The ids of the policies that decided.
    #[must_use]
    pub fn policies(&self) -> Vec<&'a str> {
        let ids = match self {
            Self::Refused(_) => &[][..],
            Self::Decided(told) => match &told.outcome {
                Ok(verdict) => &verdict.policies,
                Err(denial) => denial.policies(),
            },
        };
        ids.iter().map(|id| &**id).collect()
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", names.into_iter().collect::<Vec<_>>().join(", "))
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            Answer::Permit => f.write_str("permit")?,
            Answer::InsufficientScope(None) => f.write_str("insufficient_scope")?,
            Answer::InsufficientScope(Some(scopes)) => {
                write!(f, "insufficient_scope {}", list(scopes.iter().map(String::as_str)))?;
            }
            Answer::Denied(None) => f.write_str("denied")?,
            Answer::Denied(Some(text)) => write!(f, "denied {text:?}")?,
            Answer::Hidden => f.write_str("hidden")?,
            Answer::Refused(reason) => write!(f, "refused {reason}")?,
        }
        match &self.policies {
            Some(ids) => write!(f, " by {}", list(ids.iter().map(String::as_str))),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Came<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => return write!(f, "refused {reason}"),
            Self::Decided(told) => match &told.outcome {
                Ok(_) => f.write_str("permit")?,
                Err(denial) => match denial.reason() {
                    Reason::InsufficientScope => {
                        let missing = told.missing_scopes.iter().map(String::as_str);
                        write!(f, "insufficient_scope {}", list(missing))?;
                    }
                    Reason::PolicyDenied => write!(f, "denied {:?}", denial.description())?,
                    Reason::ToolHidden => f.write_str("hidden")?,
                    reason => write!(f, "refused {reason}")?,
                },
            },
        }
        let policies = self.policies();
        if policies.is_empty() { Ok(()) } else { write!(f, " by {}", list(policies)) }
    }
}
