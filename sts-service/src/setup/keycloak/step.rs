//! What a run does, one line for each thing that it looks at.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::representation::{Client, Component, Mapper, Scope, Secret};

/// What becomes of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was not there.
    Create,
    /// It was there, and was not right.
    Change,
    /// It was there, and was right.
    Unchanged,
    /// It is not as we would have made it, and is not ours to change.
    LeftAlone,
}

/// One thing, what becomes of it, and how.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) verdict: Verdict,
    /// Such as `client obolus-sts`.
    pub(super) what: String,
    /// Each a reason; one at least, unless nothing is to be said of it.
    pub(super) why: Vec<String>,
    pub(super) actions: Vec<Action>,
}

/// Under which of its two lists a scope stands: always in tokens, or in those of whoever asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Default,
    Optional,
}

/// One request that changes something, or one file.
#[derive(Debug)]
pub(super) enum Action {
    CreateScope(Scope),
    UpdateScope(Scope),
    CreateMapper {
        scope: String,
        mapper: Mapper,
    },
    UpdateMapper {
        scope: String,
        mapper: Mapper,
    },
    RemoveMapper {
        scope: String,
        mapper: Mapper,
    },
    CreateClient(Box<Client>),
    UpdateClient(Box<Client>),
    AddScope {
        client: String,
        scope: String,
        kind: Kind,
    },
    RemoveScope {
        client: String,
        scope: String,
        kind: Kind,
    },
    AddRealmScope {
        scope: String,
        kind: Kind,
    },
    RemoveRealmScope {
        scope: String,
        kind: Kind,
    },
    CreateComponent(Component),
    UpdateComponent(Component),
    /// All of the realm's, ours among them.
    SetClientProfiles(Vec<Value>),
    SetClientPolicies(Vec<Value>),
    WriteSecret {
        path: PathBuf,
        secret: Secret,
    },
}

impl Kind {
    /// As it stands in paths of the administration interface.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Optional => "optional",
        }
    }
}

impl Step {
    /// One that changes nothing, and says why that has to be known.
    pub(super) fn left_alone(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::LeftAlone,
            what: what.into(),
            why: vec![why.into()],
            actions: Vec::new(),
        }
    }

    /// One that makes something.
    pub(super) fn create(what: impl Into<String>, why: impl Into<String>, action: Action) -> Self {
        Self {
            verdict: Verdict::Create,
            what: what.into(),
            why: vec![why.into()],
            actions: vec![action],
        }
    }

    /// One about something that is there: it is changed if there is anything to do.
    pub(super) fn about(what: impl Into<String>, why: Vec<String>, actions: Vec<Action>) -> Self {
        let verdict = if actions.is_empty() { Verdict::Unchanged } else { Verdict::Change };
        Self { verdict, what: what.into(), why, actions }
    }
}

impl Step {
    /// Whether it leaves something on this machine.
    pub(super) fn writes_a_file(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::WriteSecret { .. }))
    }
}

/// How a step is told: as what was done, or as what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    Done,
    WouldBe,
}

impl Verdict {
    fn told(self, tense: Tense) -> &'static str {
        match (self, tense) {
            (Self::Create, Tense::Done) => "created",
            (Self::Create, Tense::WouldBe) => "create",
            (Self::Change, Tense::Done) => "changed",
            (Self::Change, Tense::WouldBe) => "change",
            (Self::Unchanged, _) => "unchanged",
            (Self::LeftAlone, _) => "left alone",
        }
    }
}

/// A step's line.
pub(super) struct Line<'a>(pub(super) &'a Step, pub(super) Tense);

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(step, tense) = self;
        write!(out, "{:<10}  {}", step.verdict.told(*tense), step.what)?;
        if !step.why.is_empty() {
            write!(out, ": {}", step.why.join("; "))?;
        }
        Ok(())
    }
}
