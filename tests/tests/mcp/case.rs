//! One call of a tool and what must come of it.

use std::pin::Pin;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::cluster::username;
use obolus_tests::fixtures::mcp_client::Answered;
use serde_json::Value;

use crate::world::{Person, World};

type Eventually<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;
type Prepare = Box<dyn for<'a> Fn(&'a World) -> Eventually<'a, Value> + Send + Sync>;
type Check = Box<dyn Fn(&Answered) -> Result<()> + Send + Sync>;
type After = Box<dyn for<'a> Fn(&'a World, &'a Value) -> Eventually<'a, ()> + Send + Sync>;

/// One call.
pub(crate) struct Case {
    person: Person,
    arguments: Prepare,
    checks: Vec<Check>,
    after: Vec<After>,
    refusal: Option<Refusal>,
}

/// Why a call is refused.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// By RBAC: the answer has verb, resource and namespace, and the API server has said so.
    Rbac { verb: &'static str, resource: &'static str, namespace: Option<&'static str> },
    /// The token is not accepted by the API server. For tools that RBAC refuses nobody who is known.
    Credential,
    /// There is no token, and the server has to be told who asks. For tools that ask the API server nothing.
    Unknown,
}

impl Case {
    /// A call of this person with these arguments.
    pub(crate) fn of(person: Person, arguments: Value) -> Self {
        Self::made(person, move |_| {
            let arguments = arguments.clone();
            Box::pin(async move { Ok(arguments) })
        })
    }

    /// A call for which something has to be made first, which says with what arguments.
    pub(crate) fn made<F>(person: Person, arguments: F) -> Self
    where
        F: for<'a> Fn(&'a World) -> Eventually<'a, Value> + Send + Sync + 'static,
    {
        Self {
            person,
            arguments: Box::new(arguments),
            checks: Vec::new(),
            after: Vec::new(),
            refusal: None,
        }
    }

    /// The text has this.
    pub(crate) fn says(self, text: &'static str) -> Self {
        self.check(move |answer| {
            ensure!(answer.text().contains(text), "the text has no {text:?}: {}", answer.text());
            Ok(())
        })
    }

    /// The structured content is so.
    pub(crate) fn structured<F>(self, check: F) -> Self
    where
        F: Fn(&Value) -> Result<()> + Send + Sync + 'static,
    {
        self.check(move |answer| check(&answer.body["result"]["structuredContent"]))
    }

    /// The structured content has this value at this JSON pointer.
    pub(crate) fn holds(self, pointer: &'static str, value: Value) -> Self {
        self.structured(move |content| {
            let held = content.pointer(pointer);
            ensure!(held == Some(&value), "{pointer} is not {value} in {content}");
            Ok(())
        })
    }

    fn check<F>(mut self, check: F) -> Self
    where
        F: Fn(&Answered) -> Result<()> + Send + Sync + 'static,
    {
        self.checks.push(Box::new(check));
        self
    }

    /// Afterwards this holds; it is given the arguments.
    pub(crate) fn then<F>(mut self, after: F) -> Self
    where
        F: for<'a> Fn(&'a World, &'a Value) -> Eventually<'a, ()> + Send + Sync + 'static,
    {
        self.after.push(Box::new(after));
        self
    }

    /// It is refused by RBAC.
    pub(crate) fn refused(
        mut self,
        verb: &'static str,
        resource: &'static str,
        namespace: Option<&'static str>,
    ) -> Self {
        self.refusal = Some(Refusal::Rbac { verb, resource, namespace });
        self
    }

    /// It is refused for its credential.
    pub(crate) fn not_accepted(mut self) -> Self {
        self.refusal = Some(Refusal::Credential);
        self
    }

    /// It is refused because nobody is known to ask.
    pub(crate) fn unknown(mut self) -> Self {
        self.refusal = Some(Refusal::Unknown);
        self
    }

    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Makes the call and looks at everything; how many requests the API server got for it.
    pub(crate) async fn run(&self, world: &World, tool: &str) -> Result<usize> {
        let stem = format!("{:?}-{tool}", self.person).to_lowercase().replace('_', "-");
        let name = world.unique(&stem);
        let arguments = (self.arguments)(world).await.context("the preparation")?;
        let answer = world.client(self.person, &name)?.call(tool, arguments.clone()).await?;
        let user = format!("kc:{name}");
        let judged = match &self.refusal {
            None => self.allowed(&answer),
            Some(refusal) => refusal.judge(&answer, &user),
        };
        judged.with_context(|| format!("{arguments} as {name}: {}", answer.body))?;
        for after in &self.after {
            after(world, &arguments).await.with_context(|| format!("after {arguments}"))?;
        }
        // The fixture's own request after these is written after them.
        world.cluster.marker().await?;
        let events = world.cluster.audit_events()?;
        let of_user: Vec<_> = events.iter().filter(|event| username(event) == user).collect();
        if let Some(Refusal::Rbac { .. }) = &self.refusal {
            let forbidden = of_user.iter().any(|event| event["responseStatus"]["code"] == 403);
            ensure!(forbidden, "the API server has refused {name} nothing: {of_user:#?}");
        }
        let stages = of_user.iter().filter(|event| event["stage"] == "ResponseComplete");
        Ok(stages.count())
    }

    fn allowed(&self, answer: &Answered) -> Result<()> {
        ensure!(answer.status.is_success() && !answer.is_tool_error(), "it was refused");
        ensure!(answer.body["result"].is_object(), "no result");
        self.checks.iter().try_for_each(|check| check(answer))
    }
}

impl Refusal {
    fn judge(&self, answer: &Answered, user: &str) -> Result<()> {
        if matches!(self, Self::Unknown) {
            ensure!(answer.status == 401, "not 401, but {}", answer.status);
            ensure!(answer.body["reason"] == "token_missing", "for another reason");
            return Ok(());
        }
        ensure!(answer.is_tool_error(), "it was not refused");
        let text = answer.text();
        let parts = match self {
            Self::Rbac { verb, resource, namespace } => {
                vec![Some(*verb), Some(*resource), *namespace, Some(user)]
            }
            Self::Credential => vec![Some("not accepted"), Some("sign in again")],
            Self::Unknown => Vec::new(),
        };
        for part in parts.into_iter().flatten() {
            ensure!(text.contains(part), "the refusal does not say {part:?}");
        }
        Ok(())
    }
}
