//! Which realm, and where its administration interface is.

use reqwest::Url;

use crate::config::is_https;

/// A realm by its issuer, such as `https://keycloak.example.com/realms/obolus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Realm {
    /// Byte for byte as it stands in tokens.
    pub(super) issuer: String,
    /// The server's URL, without a slash at its end, and the realm's name as it stands in paths.
    server: String,
    pub(super) name: String,
    /// Where administrators go, if elsewhere.
    admin_server: Option<String>,
}

impl Realm {
    /// Reads an issuer, and the server of the administration interface if it is another.
    pub(super) fn parse(issuer: &str, admin_url: Option<&str>) -> Result<Self, String> {
        if !is_https(issuer) {
            return Err(format!(
                "{issuer}: must be the issuer of a realm, an https URL such as https://keycloak.example.com/realms/obolus"
            ));
        }
        let parts = issuer.rsplit_once("/realms/").filter(|(_, name)| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.%~".contains(c))
        });
        let Some((server, name)) = parts else {
            return Err(format!(
                "{issuer}: is no realm of a Keycloak: write it as it stands in the realm's tokens, such as \
                 https://keycloak.example.com/realms/obolus"
            ));
        };
        let admin_server = admin_url.map(|url| url.trim_end_matches('/').to_owned());
        if admin_server.as_deref().is_some_and(|url| !is_https(url) || Url::parse(url).is_err()) {
            return Err(
                "--admin-url: must be an https URL, such as https://admin.example.com".to_owned()
            );
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            server: server.to_owned(),
            name: name.to_owned(),
            admin_server,
        })
    }

    fn admin_server(&self) -> &str {
        self.admin_server.as_deref().unwrap_or(&self.server)
    }

    /// Where the realm's discovery document is.
    pub(super) fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer)
    }

    /// Where administrators of a realm sign in.
    pub(super) fn token_url(&self, realm: &str) -> String {
        format!("{}/realms/{realm}/protocol/openid-connect/token", self.admin_server())
    }

    /// The administration interface of this realm.
    pub(super) fn admin_url(&self, path: &str) -> String {
        format!("{}/admin/realms/{}{path}", self.admin_server(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_says_where_its_realm_is_administrated() {
        let realm = Realm::parse("https://sso.example.com/auth/realms/obolus", None).unwrap();
        assert_eq!(
            realm.admin_url("/clients"),
            "https://sso.example.com/auth/admin/realms/obolus/clients"
        );
        assert_eq!(
            realm.token_url("master"),
            "https://sso.example.com/auth/realms/master/protocol/openid-connect/token"
        );
        let realm =
            Realm::parse("https://sso.example.com/realms/obolus", Some("https://admin.internal/"));
        assert_eq!(realm.unwrap().admin_url(""), "https://admin.internal/admin/realms/obolus");
        for bad in [
            "http://sso.example.com/realms/obolus",
            "https://sso.example.com",
            "https://sso.example.com/realms/",
            "https://sso.example.com/realms/obolus/",
            "https://sso.example.com/realms/a/protocol/openid-connect",
            "https://sso.example.com/realms/obolus?x=1",
            "https://user@sso.example.com/realms/obolus",
        ] {
            assert!(Realm::parse(bad, None).is_err(), "{bad}");
        }
    }
}
