//! A request to the token endpoint, changed in one place at a time.

/// Parameters in their order, repeated ones too.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) parameters: Vec<(String, String)>,
    /// `Authorization`, where there is one.
    pub(crate) authorization: Option<String>,
    /// `client-request-id`, where there is one.
    pub(crate) correlation: Option<String>,
}

impl Form {
    pub(crate) fn new<const N: usize>(parameters: [(&str, &str); N]) -> Self {
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { parameters: parameters.into(), authorization: None, correlation: None }
    }

    /// With this value for a parameter, and no other one.
    pub(crate) fn with(&self, name: &str, value: impl Into<String>) -> Self {
        self.without(name).and(name, value)
    }

    /// With one parameter more, whether or not there is one of this name.
    pub(crate) fn and(&self, name: &str, value: impl Into<String>) -> Self {
        let mut form = self.clone();
        form.parameters.push((name.to_owned(), value.into()));
        form
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut form = self.clone();
        form.parameters.retain(|(known, _)| known != name);
        form
    }

    /// Without any credential.
    pub(crate) fn anonymous(&self) -> Self {
        let mut form = self
            .without("client_secret")
            .without("client_assertion")
            .without("client_assertion_type");
        form.authorization = None;
        form
    }

    pub(crate) fn authorized(&self, authorization: impl Into<String>) -> Self {
        Self { authorization: Some(authorization.into()), ..self.clone() }
    }

    pub(crate) fn correlated(&self, id: &str) -> Self {
        Self { correlation: Some(id.to_owned()), ..self.clone() }
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// As it is posted.
    pub(crate) fn body(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }
}
