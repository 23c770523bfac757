//! A question on its way to the client and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::{ElicitRequest, ElicitResult, InputRequest, InputRequiredResult, InputResponses};

use super::gate::{form, judged};
use super::{Bound, Gate, Rules, Seal, UnixSeconds, Way};
use crate::failure::Failure;

/// What the question is called among a client's answers.
const NAME: &str = "confirmation";

/// What a client sent back of an earlier question, if anything.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    state: Option<String>,
    responses: Option<InputResponses>,
}

impl Returned {
    pub(crate) fn new(state: Option<String>, responses: Option<InputResponses>) -> Self {
        Self { state, responses }
    }

    /// The gate of this call, which knows what was answered before.
    ///
    /// # Errors
    /// When the state cannot be used, or the answer was no.
    pub(crate) fn gate(
        self,
        seal: &Seal,
        bound: Bound<'_>,
        rules: &Arc<Rules>,
        way: Way,
        now: UnixSeconds,
    ) -> Result<Gate, Failure> {
        let Some(state) = self.state else {
            // Answers to a question that nobody can say was asked are none.
            return Ok(Gate::new(Arc::clone(rules), way, Default::default()));
        };
        let opened = seal.open(bound, &state, now)?;
        let mut confirmed = opened.confirmed;
        let answer = self.responses.unwrap_or_default().remove(NAME);
        if let Some(answer) = answer {
            let answer: ElicitResult = serde_json::from_value(answer).map_err(|_| {
                Failure::Unconfirmed(format!(
                    "inputResponses.{NAME} must be the result of an elicitation, with an action of accept, decline or cancel"
                ))
            })?;
            judged(&answer)?;
            confirmed.insert(opened.asked);
        }
        Ok(Gate::new(Arc::clone(rules), way, confirmed))
    }
}

impl Gate {
    /// The question that the call ends with, if it does.
    ///
    /// # Errors
    /// When a call asks for more than it may.
    pub(crate) async fn question(
        &self,
        seal: &Seal,
        bound: Bound<'_>,
        now: UnixSeconds,
    ) -> Result<Option<InputRequiredResult>, Failure> {
        let Some((question, confirmed)) = self.pending().await else { return Ok(None) };
        let state = seal.seal(bound, &question, confirmed, now)?;
        let request = InputRequest::Elicitation(ElicitRequest::new(form(question.text)));
        let requests = BTreeMap::from([(NAME.to_owned(), request)]);
        Ok(Some(InputRequiredResult::new(Some(requests), Some(state))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::rules::{Rule, Scope};
    use super::*;

    fn rules() -> Arc<Rules> {
        let scope = Scope::Tool { name: None, destructive: Some(true) };
        let rules = vec![Rule { scope, message: "Sure?".to_owned() }];
        Arc::new(Rules { rules, ..Rules::default() })
    }

    fn bound(arguments: &Map<String, Value>) -> Bound<'_> {
        Bound {
            person: "alice",
            method: "tools/call",
            called: "pods_delete",
            cluster: "c",
            arguments,
        }
    }

    fn returned(state: &str, answer: Value) -> Returned {
        let responses = BTreeMap::from([(NAME.to_owned(), answer)]);
        Returned { state: Some(state.to_owned()), responses: Some(responses) }
    }

    async fn asked(seal: &Seal, arguments: &Map<String, Value>) -> String {
        let returned = Returned::default();
        let gate = returned.gate(seal, bound(arguments), &rules(), Way::Return, 0).unwrap();
        assert!(gate.before_tool("pods_delete", true, "x").await.is_err());
        let question = gate.question(seal, bound(arguments), 0).await.unwrap().unwrap();
        let sent = serde_json::to_value(&question).unwrap();
        assert_eq!(sent["resultType"], "input_required");
        let request = &sent["inputRequests"]["confirmation"];
        assert_eq!(request["method"], "elicitation/create");
        assert_eq!(request["params"]["mode"], "form");
        assert_eq!(request["params"]["message"], "Sure?\n\nx");
        assert_eq!(
            request["params"]["requestedSchema"],
            json!({"type": "object", "properties": {}})
        );
        sent["requestState"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn an_accepted_question_lets_the_call_pass_and_any_other_answer_does_not() {
        let seal = Seal::new(None).unwrap();
        let arguments = Map::new();
        let now = |answer: Value, state: &str| {
            returned(state, answer).gate(&seal, bound(&arguments), &rules(), Way::Return, 0)
        };
        let gate = now(json!({"action": "accept"}), &asked(&seal, &arguments).await).unwrap();
        assert_eq!(gate.before_tool("pods_delete", true, "x").await, Ok(()));
        assert!(gate.question(&seal, bound(&arguments), 0).await.unwrap().is_none());
        for answer in [
            json!({"action": "decline"}),
            json!({"action": "cancel"}),
            json!({"action": "ok"}),
            json!({"confirmed": true}),
            json!("accept"),
            json!(null),
        ] {
            let failure = now(answer.clone(), &asked(&seal, &arguments).await).unwrap_err();
            assert_eq!(failure.label(), "unconfirmed", "{answer}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_its_question_and_a_question_without_its_answer_ask_again() {
        let seal = Seal::new(None).unwrap();
        let arguments = Map::new();
        let state = asked(&seal, &arguments).await;
        let accept = || BTreeMap::from([(NAME.to_owned(), json!({"action": "accept"}))]);
        let other = BTreeMap::from([("other".to_owned(), json!({"action": "accept"}))]);
        for returned in [
            Returned { state: None, responses: Some(accept()) },
            Returned { state: Some(state), responses: None },
            Returned { state: Some(asked(&seal, &arguments).await), responses: Some(other) },
        ] {
            let gate = returned.gate(&seal, bound(&arguments), &rules(), Way::Return, 0).unwrap();
            assert!(gate.before_tool("pods_delete", true, "x").await.is_err());
            assert!(gate.question(&seal, bound(&arguments), 0).await.unwrap().is_some());
        }
    }
}
