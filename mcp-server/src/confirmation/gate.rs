//! Where a call waits for its person: before a tool runs, and before each request that a rule is about.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
    ProtocolVersion,
};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};
use tokio::sync::Mutex;

use super::rules::Scope;
use super::sealed::LIFETIME;
use super::{Fallback, Question, Rules, Touched};
use crate::failure::Failure;

/// How a call's person can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// The call ends with the question, and comes again with the answer (MCP 2026-07-28).
    Return,
    /// A request to the client, while the call waits (revisions before).
    Ask(Box<Peer<RoleServer>>),
    /// There is none, and this is why.
    None(&'static str),
}

/// One call's way through the rules.
#[derive(Debug)]
pub(crate) struct Gate {
    rules: Arc<Rules>,
    way: Way,
    so_far: Mutex<SoFar>,
}

#[derive(Debug, Default)]
struct SoFar {
    /// The keys of the questions that were answered with yes.
    confirmed: BTreeSet<String>,
    /// What has to be asked before the call can be made at all.
    pending: Option<Question>,
    /// Whether something was sent that changes the cluster.
    has_changed: bool,
}

impl Way {
    /// How the person behind a request can be asked.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        let can_ask = context.client_capabilities().as_ref().is_some_and(takes_forms);
        let is_stateless = context
            .protocol_version()
            .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        match (is_stateless, can_ask) {
            (true, true) => Self::Return,
            (false, true) => Self::Ask(Box::new(context.peer.clone())),
            (true, false) => Self::None("the client does not declare the elicitation capability"),
            (false, false) => Self::None(
                "the client does not declare the elicitation capability, or has no session in which it could be asked \
                 (sessions = true lets clients of MCP before 2026-07-28 have one)",
            ),
        }
    }
}

/// An empty declaration means forms: it is the older one.
fn takes_forms(client: &ClientCapabilities) -> bool {
    client.elicitation.as_ref().is_some_and(|how| how.form.is_some() || how.url.is_none())
}

/// The form that a question is: nothing to fill in, only a yes or a no.
pub(crate) fn form(text: String) -> ElicitRequestParams {
    let requested_schema = ElicitationSchema::new(std::collections::BTreeMap::new());
    ElicitRequestParams::FormElicitationParams { meta: None, message: text, requested_schema }
}

// === impl Gate ===

impl Gate {
    /// A call's, of which some questions have been answered with yes before.
    pub(crate) fn new(rules: Arc<Rules>, way: Way, confirmed: BTreeSet<String>) -> Self {
        Self { rules, way, so_far: Mutex::new(SoFar { confirmed, ..SoFar::default() }) }
    }

    /// Whether there is a rule about requests at all.
    pub(crate) fn asks_about_requests(&self) -> bool {
        self.rules.rules.iter().any(|rule| matches!(rule.scope, Scope::Request(_)))
    }

    /// Waits before a tool; `about` is what the person reads of the call.
    ///
    /// # Errors
    /// When the person says no, or has to be asked first, or cannot be.
    pub(crate) async fn before_tool(
        &self,
        tool: &str,
        destructive: bool,
        about: &str,
    ) -> Result<(), Failure> {
        self.pass(self.rules.before_tool(tool, destructive, about), false).await
    }

    /// Waits before a request to the API server; `about` is what the person reads of it.
    ///
    /// # Errors
    /// As [`Gate::before_tool`].
    pub(crate) async fn before_request(
        &self,
        touched: Touched<'_>,
        about: &str,
    ) -> Result<(), Failure> {
        self.pass(self.rules.before_request(touched, about), changes(touched)).await
    }

    /// Whether there is a rule about a request.
    pub(crate) fn asks_about(&self, touched: Touched<'_>) -> bool {
        self.rules.before_request(touched, "").is_some()
    }

    /// Waits for the answers about requests that are going to be sent one after the other, before the first of them:
    /// what is half done cannot be asked about.
    ///
    /// # Errors
    /// As [`Gate::before_tool`].
    pub(crate) async fn before_requests(
        &self,
        requests: &[(Touched<'_>, String)],
    ) -> Result<(), Failure> {
        let questions: Vec<Question> = requests
            .iter()
            .filter_map(|(touched, about)| self.rules.before_request(*touched, about))
            .collect();
        let so_far = self.so_far.lock().await;
        let open: Vec<&Question> =
            questions.iter().filter(|asked| !so_far.confirmed.contains(&asked.key)).collect();
        let Some(first) = open.first() else { return Ok(()) };
        let all = match open.as_slice() {
            [_] => (*first).clone(),
            several => Question::of_all(several),
        };
        let already = so_far.confirmed.contains(&all.key);
        drop(so_far);
        if !already {
            self.pass(Some(all), false).await?;
        }
        let mut so_far = self.so_far.lock().await;
        so_far.confirmed.extend(questions.into_iter().map(|question| question.key));
        Ok(())
    }

    /// What has to be asked before the call can be made, with what has been answered so far.
    pub(crate) async fn pending(&self) -> Option<(Question, BTreeSet<String>)> {
        let so_far = self.so_far.lock().await;
        so_far.pending.clone().map(|question| (question, so_far.confirmed.clone()))
    }

    async fn pass(&self, question: Option<Question>, changes: bool) -> Result<(), Failure> {
        // Held while a person thinks: of two requests that one question is about, one asks.
        let mut so_far = self.so_far.lock().await;
        if so_far.pending.is_some() {
            return Err(unasked());
        }
        if let Some(question) = question
            && !so_far.confirmed.contains(&question.key)
        {
            self.answer(&question, &mut so_far).await?;
            so_far.confirmed.insert(question.key);
        }
        so_far.has_changed |= changes;
        Ok(())
    }

    async fn answer(&self, question: &Question, so_far: &mut SoFar) -> Result<(), Failure> {
        match &self.way {
            Way::Return if so_far.has_changed => Err(Failure::Unconfirmed(format!(
                "a later part needs a person's confirmation, which has to be given before the first. What was done so far \
                 stays done; call again for the rest: {}",
                question.text
            ))),
            Way::Return => {
                so_far.pending = Some(question.clone());
                Err(unasked())
            }
            Way::Ask(peer) => ask(peer, question).await,
            Way::None(why) => self.fall_back(question, why),
        }
    }

    fn fall_back(&self, question: &Question, why: &str) -> Result<(), Failure> {
        match self.rules.fallback {
            Fallback::Allow => {
                tracing::warn!(
                    why,
                    "a call that needs confirmation goes on without: confirmation_fallback is allow"
                );
                Ok(())
            }
            Fallback::Deny => Err(Failure::Unconfirmed(format!(
                "it needs a person's confirmation, and nobody can be asked: {why}. The operator has set \
                 confirmation_fallback = \"deny\". What would have been asked: {}",
                question.text
            ))),
        }
    }
}

/// Reading changes nothing, and asking who somebody is or what they may do is no change, though it is a create.
fn changes(touched: Touched<'_>) -> bool {
    !matches!(touched.verb, "get" | "list" | "watch")
        && !matches!(touched.group, "authentication.k8s.io" | "authorization.k8s.io")
}

fn unasked() -> Failure {
    Failure::Unconfirmed("a person has to be asked first".to_owned())
}

async fn ask(peer: &Peer<RoleServer>, question: &Question) -> Result<(), Failure> {
    let timeout = Some(Duration::from_secs(LIFETIME));
    let answer = peer.create_elicitation_with_timeout(form(question.text.clone()), timeout).await;
    match answer {
        Ok(answer) => judged(&answer),
        // What went wrong between us and the client is nobody's yes.
        Err(_) => Err(Failure::Unconfirmed(format!(
            "it needs a person's confirmation, and the client gave no answer within {LIFETIME} s"
        ))),
    }
}

/// Whether an answer is a yes.
pub(crate) fn judged(answer: &ElicitResult) -> Result<(), Failure> {
    let text = match answer.action {
        ElicitationAction::Accept => return Ok(()),
        ElicitationAction::Decline => "the person was asked and said no",
        _ => "the person was asked and gave no answer",
    };
    Err(Failure::Unconfirmed(format!("{text}; do not try again without being told to")))
}

#[cfg(test)]
mod tests {
    use super::super::rules::{RequestScope, Rule, Scope};
    use super::*;

    fn gate(way: Way, fallback: Fallback, confirmed: &[&str]) -> Gate {
        let verb =
            |verb: &str| RequestScope { verb: Some(verb.to_owned()), ..RequestScope::default() };
        let rules =
            [Scope::Tool { name: None, destructive: Some(true) }, Scope::Request(verb("delete"))];
        let rules = rules.map(|scope| Rule { scope, message: "Sure?".to_owned() }).to_vec();
        let confirmed = confirmed.iter().map(|key| (*key).to_owned()).collect();
        Gate::new(Arc::new(Rules { rules, fallback }), way, confirmed)
    }

    fn touched(verb: &str) -> Touched<'_> {
        Touched { verb, group: "", kind: "Pod", namespace: Some("shop"), name: Some("web") }
    }

    #[tokio::test]
    async fn a_call_that_no_rule_is_about_passes_whatever_its_client_can_do() {
        for way in [Way::Return, Way::None("x")] {
            let gate = gate(way, Fallback::Deny, &[]);
            assert_eq!(gate.before_tool("pods_list", false, "x").await, Ok(()));
            assert_eq!(gate.before_request(touched("list"), "x").await, Ok(()));
            assert!(gate.pending().await.is_none());
        }
    }

    #[tokio::test]
    async fn nobody_to_ask_is_what_the_fallback_is_for() {
        let allow = gate(Way::None("no form"), Fallback::Allow, &[]);
        assert_eq!(allow.before_tool("pods_delete", true, "x").await, Ok(()));
        let deny = gate(Way::None("no form"), Fallback::Deny, &[]);
        let failure = deny.before_tool("pods_delete", true, "x").await.unwrap_err();
        assert_eq!(failure.label(), "unconfirmed");
        assert!(failure.to_string().contains("no form"), "{failure}");
        assert!(deny.before_request(touched("delete"), "x").await.is_err());
    }

    #[tokio::test]
    async fn a_question_ends_the_call_and_its_answer_opens_the_gate_for_that_and_no_more() {
        let first = gate(Way::Return, Fallback::Allow, &[]);
        assert!(first.before_tool("pods_delete", true, "web").await.is_err());
        let (question, confirmed) = first.pending().await.unwrap();
        assert!(confirmed.is_empty() && question.text.ends_with("web"));
        assert!(first.before_request(touched("list"), "x").await.is_err(), "nothing more is sent");

        let second = gate(Way::Return, Fallback::Allow, &[&question.key]);
        assert_eq!(second.before_tool("pods_delete", true, "web").await, Ok(()));
        assert!(second.before_request(touched("delete"), "delete pods web").await.is_err());
        let (next, confirmed) = second.pending().await.unwrap();
        assert_eq!(confirmed.len(), 1);

        let third = gate(Way::Return, Fallback::Allow, &[&question.key, &next.key]);
        assert_eq!(third.before_tool("pods_delete", true, "web").await, Ok(()));
        assert_eq!(third.before_request(touched("delete"), "delete pods web").await, Ok(()));
        assert!(third.before_tool("pods_delete", true, "db").await.is_err(), "another question");
    }

    #[tokio::test]
    async fn what_is_half_done_is_not_begun_again() {
        let gate = gate(Way::Return, Fallback::Allow, &[]);
        assert_eq!(gate.before_request(touched("create"), "x").await, Ok(()));
        let failure = gate.before_request(touched("delete"), "x").await.unwrap_err();
        assert!(failure.to_string().contains("stays done"), "{failure}");
        assert!(gate.pending().await.is_none(), "so the call is not made a second time");
    }

    #[tokio::test]
    async fn what_is_told_ahead_is_asked_about_at_once() {
        let first = gate(Way::Return, Fallback::Allow, &[]);
        let requests = ["delete a", "delete b"].map(|about| (touched("delete"), about.to_owned()));
        assert!(first.before_requests(&requests).await.is_err());
        let (question, _) = first.pending().await.unwrap();
        assert!(question.text.contains("delete a") && question.text.contains("delete b"));

        let second = gate(Way::Return, Fallback::Allow, &[&question.key]);
        assert_eq!(second.before_requests(&requests).await, Ok(()));
        for about in ["delete a", "delete b"] {
            assert_eq!(second.before_request(touched("delete"), about).await, Ok(()));
        }
        assert!(second.before_request(touched("delete"), "delete c").await.is_err());
    }

    #[test]
    fn only_accept_is_a_yes() {
        let answer = |word: &str| {
            judged(&serde_json::from_value(serde_json::json!({ "action": word })).unwrap())
        };
        assert_eq!(answer("accept"), Ok(()));
        assert!(answer("decline").unwrap_err().to_string().contains("said no"));
        assert!(answer("cancel").is_err());
    }

    #[test]
    fn forms_are_what_an_empty_declaration_means() {
        for (declared, takes) in [
            (serde_json::json!({}), false),
            (serde_json::json!({"elicitation": {}}), true),
            (serde_json::json!({"elicitation": {"form": {}}}), true),
            (serde_json::json!({"elicitation": {"form": {}, "url": {}}}), true),
            (serde_json::json!({"elicitation": {"url": {}}}), false),
        ] {
            let client = serde_json::from_value(declared.clone()).unwrap();
            assert_eq!(takes_forms(&client), takes, "{declared}");
        }
    }
}
