//! Which key a person wrote for a key of our own form.

/// For a key that we made and that names another that we made: what is wrong with it is wrong there.
pub(super) const CONSEQUENCE: &str = "";

/// Pairs of paths.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<(String, String)>);

impl Origins {
    /// Notes that everything at `made` came from `written`.
    pub(super) fn note(&mut self, made: impl Into<String>, written: impl Into<String>) {
        self.0.push((made.into(), written.into()));
    }

    /// The key that was written; the path itself when it was.
    pub(super) fn of(&self, path: &str) -> String {
        self.0
            .iter()
            .filter(|(made, _)| {
                path.strip_prefix(made.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
            .max_by_key(|(made, _)| made.len())
            .map_or_else(|| path.to_owned(), |(_, written)| written.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_that_was_made_says_what_was_written() {
        let mut origins = Origins::default();
        origins.note("targets[0]", "token_exchange_strategy");
        origins.note("targets[0].client.id", "sts_client_id");
        for (path, written) in [
            ("targets[0].client.id", "sts_client_id"),
            ("targets[0].client", "token_exchange_strategy"),
            ("targets[0].scopes[1]", "token_exchange_strategy"),
            ("targets[01]", "targets[01]"),
            ("server.listen", "server.listen"),
        ] {
            assert_eq!(origins.of(path), written);
        }
    }
}
