//! Which calls a person is asked about first: a decision about values, without I/O.
//!
//! The meaning is that of `kubernetes-mcp-server`: a rule is about a tool or about a request to the API server, all of
//! its fields have to match, and of several that match there is one question.

use sha2::{Digest as _, Sha256};

/// `[[confirmation_rules]]` and `confirmation_fallback`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// What happens if the client cannot ask.
    pub fallback: Fallback,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub scope: Scope,
    /// What the person is told.
    pub message: String,
}

/// What a rule is about. A field that is not set matches anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Calls of a tool, before it does anything.
    Tool {
        /// The tool's name.
        name: Option<String>,
        /// What its annotation says.
        destructive: Option<bool>,
    },
    /// Requests to the API server.
    Request(RequestScope),
}

/// The requests that a rule is about. The version of the API is none of it: who asks before Secrets are read means the
/// Secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestScope {
    /// Such as `delete`.
    pub verb: Option<String>,
    /// Such as `Secret`.
    pub kind: Option<String>,
    /// The core group has no name, so that no rule can be about it alone.
    pub group: Option<String>,
    /// The object's.
    pub name: Option<String>,
    /// The object's.
    pub namespace: Option<String>,
}

/// What happens to a call that a rule is about if its client cannot ask anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fallback {
    /// It goes on, and the log says so.
    #[default]
    Allow,
    /// It ends.
    Deny,
}

/// A request to the API server, as rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touched<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The rules' words, and what is about to happen.
    pub(crate) text: String,
    /// Tells questions apart: a yes to one is none to another.
    pub(crate) key: String,
}

// === impl Rules ===

impl Rules {
    /// What is asked before a tool is called; `about` says with what.
    pub(crate) fn before_tool(
        &self,
        tool: &str,
        destructive: bool,
        about: &str,
    ) -> Option<Question> {
        self.question(about, |scope| match scope {
            Scope::Tool { name, destructive: wanted } => {
                name.as_ref().is_none_or(|name| name == tool)
                    && wanted.is_none_or(|wanted| wanted == destructive)
            }
            Scope::Request(_) => false,
        })
    }

    /// What is asked before a request is sent; `about` says which.
    pub(crate) fn before_request(&self, touched: Touched<'_>, about: &str) -> Option<Question> {
        self.question(about, |scope| match scope {
            Scope::Tool { .. } => false,
            Scope::Request(request) => request.matches(touched),
        })
    }

    fn question(&self, about: &str, matches: impl Fn(&Scope) -> bool) -> Option<Question> {
        let messages: Vec<&str> = self
            .rules
            .iter()
            .filter(|rule| matches(&rule.scope))
            .map(|rule| rule.message.trim())
            .collect();
        let said = match messages.as_slice() {
            [] => return None,
            [""] => "Confirmation required.".to_owned(),
            [one] => (*one).to_owned(),
            several => format!("Confirmation required:\n- {}", several.join("\n- ")),
        };
        Some(Question::new(format!("{said}\n\n{about}")))
    }
}

impl Question {
    fn new(text: String) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let key = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { text, key }
    }

    /// Several as one.
    pub(crate) fn of_all(questions: &[&Self]) -> Self {
        let texts: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
        Self::new(texts.join("\n\n"))
    }
}

impl RequestScope {
    fn matches(&self, touched: Touched<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        // Kinds and groups as people write them: what is spelled in another case is meant all the same.
        let is_like = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| found.eq_ignore_ascii_case(wanted))
        };
        is_like(&self.verb, touched.verb)
            && is_like(&self.kind, touched.kind)
            && is_like(&self.group, touched.group)
            && is(&self.name, touched.name)
            && is(&self.namespace, touched.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(scopes: Vec<(Scope, &str)>) -> Rules {
        let rule = |(scope, message): (Scope, &str)| Rule { scope, message: message.to_owned() };
        Rules { rules: scopes.into_iter().map(rule).collect(), fallback: Fallback::Deny }
    }

    fn tool(name: Option<&str>, destructive: Option<bool>) -> Scope {
        Scope::Tool { name: name.map(str::to_owned), destructive }
    }

    fn request(fields: [Option<&str>; 5]) -> Scope {
        let [verb, kind, group, name, namespace] = fields.map(|field| field.map(str::to_owned));
        Scope::Request(RequestScope { verb, kind, group, name, namespace })
    }

    const POD: Touched<'_> = Touched {
        verb: "delete",
        group: "",
        kind: "Pod",
        namespace: Some("shop"),
        name: Some("web"),
    };

    #[test]
    fn a_tool_is_asked_about_by_its_name_by_its_annotation_or_by_both() {
        for (scope, name, destructive, asks) in [
            (tool(Some("pods_delete"), None), "pods_delete", true, true),
            (tool(Some("pods_delete"), None), "pods_list", false, false),
            (tool(None, Some(true)), "pods_delete", true, true),
            (tool(None, Some(true)), "pods_list", false, false),
            (tool(None, Some(false)), "pods_list", false, true),
            (tool(Some("pods_run"), Some(true)), "pods_run", false, false),
            (request([Some("delete"), None, None, None, None]), "pods_delete", true, false),
        ] {
            let asked = rules(vec![(scope.clone(), "Sure?")]).before_tool(name, destructive, "x");
            assert_eq!(asked.is_some(), asks, "{scope:?} {name}");
        }
    }

    #[test]
    fn a_request_is_asked_about_if_every_field_that_is_set_is_its() {
        for (fields, asks) in [
            ([Some("delete"), None, None, None, None], true),
            ([Some("get"), None, None, None, None], false),
            ([None, Some("Pod"), None, None, None], true),
            ([None, Some("pod"), None, None, None], true),
            ([None, Some("Secret"), None, None, None], false),
            ([None, None, Some("apps"), None, None], false),
            ([None, None, None, Some("web"), None], true),
            ([None, None, None, Some("we"), None], false),
            ([None, None, None, None, Some("shop")], true),
            ([None, None, None, None, Some("prod")], false),
            ([Some("delete"), Some("Pod"), None, Some("web"), Some("shop")], true),
            ([Some("delete"), Some("Pod"), None, Some("web"), Some("prod")], false),
        ] {
            let rules = rules(vec![(request(fields), "Sure?")]);
            assert_eq!(rules.before_request(POD, "x").is_some(), asks, "{fields:?}");
        }
        // A list names neither object nor namespace: a rule about one of them is not about it.
        let everywhere = Touched { namespace: None, name: None, ..POD };
        let of_shop = rules(vec![(request([None, None, None, None, Some("shop")]), "Sure?")]);
        assert!(of_shop.before_request(everywhere, "x").is_none());
        assert!(rules(vec![(tool(None, Some(true)), "x")]).before_request(POD, "x").is_none());
    }

    #[test]
    fn of_several_rules_there_is_one_question_and_another_question_has_another_key() {
        let both = rules(vec![
            (tool(Some("pods_delete"), None), "A pod goes."),
            (tool(None, Some(true)), "It cannot be undone."),
        ]);
        let asked = both.before_tool("pods_delete", true, "pods_delete name=web").unwrap();
        assert_eq!(
            asked.text,
            "Confirmation required:\n- A pod goes.\n- It cannot be undone.\n\npods_delete name=web"
        );
        let other = both.before_tool("pods_delete", true, "pods_delete name=db").unwrap();
        assert_ne!(asked.key, other.key);
        assert_eq!(asked, both.before_tool("pods_delete", true, "pods_delete name=web").unwrap());
        let one = both.before_tool("resources_delete", true, "x").unwrap();
        assert_eq!(one.text, "It cannot be undone.\n\nx");
    }
}
