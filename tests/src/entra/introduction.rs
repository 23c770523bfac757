//! What somebody who starts the emulator wants to know first: who is there, and two requests to copy.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use super::directory::{App, Directory, User};
use super::emulator::Emulator;
use super::token::ON_BEHALF_OF;

/// Good enough for a command to copy: whoever reads it may use it.
const VERIFIER: &str = "a-code-verifier-to-copy-and-paste-of-43-characters-or-more";

/// Who can be shown: a user, a public client, the API it signs in to, and what that may exchange for.
struct Cast<'d> {
    user: &'d User,
    client: &'d App,
    api: &'d App,
    target: &'d App,
}

impl<'d> Cast<'d> {
    fn of(directory: &'d Directory) -> Option<Self> {
        let user = directory.users.iter().find(|user| user.enabled)?;
        let consented = |client: &App| {
            let name = client.name.clone();
            directory.consents.iter().filter(move |consent| {
                consent.client == name
                    && consent.users.is_none()
                    && consent.tenant.as_ref().is_none_or(|tenant| *tenant == user.tenant)
            })
        };
        directory.apps.iter().filter(|app| app.public && !app.redirect_uris.is_empty()).find_map(
            |client| {
                consented(client).find_map(|consent| {
                    let api = directory.app(&consent.resource)?;
                    api.current_secret()?;
                    let target = directory.app(&consented(api).next()?.resource)?;
                    Some(Self { user, client, api, target })
                })
            },
        )
    }
}

impl Emulator {
    /// Who is in the directory, and commands that get a token and exchange it. `ca` is where the authority's certificate lies.
    pub fn introduction(&self, ca: &Path) -> String {
        let directory = self.directory();
        let mut text = String::new();
        for tenant in &directory.tenants {
            let _ = writeln!(text, "tenant {} {}", tenant.name, self.issuer(&tenant.name));
            for user in directory.users.iter().filter(|user| user.tenant == tenant.name) {
                let disabled = if user.enabled { "" } else { " (disabled)" };
                let name = directory.principal_name(user);
                let _ = writeln!(
                    text,
                    "  user {:<10} {name}, password {}, oid {}{disabled}",
                    user.name, user.password, user.id
                );
            }
            for app in directory.apps.iter().filter(|app| app.is_in(&tenant.name)) {
                let _ = writeln!(text, "  app  {:<10} {}", app.name, app.id);
            }
        }
        if let Some(cast) = Cast::of(&directory) {
            text.push_str(&self.commands(&directory, &cast, ca));
        }
        text
    }

    fn commands(&self, directory: &Directory, cast: &Cast<'_>, ca: &Path) -> String {
        let Cast { user, client, api, target } = cast;
        let digest = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
        let redirect_uri = client.redirect_uris.first().map_or("", String::as_str);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", client.id.as_str()),
                ("response_type", "code"),
                ("redirect_uri", redirect_uri),
                ("scope", &format!("{}/.default", api.id)),
                ("code_challenge", &URL_SAFE_NO_PAD.encode(digest)),
                ("code_challenge_method", "S256"),
                ("login_hint", &directory.principal_name(user)),
            ])
            .finish();
        let (authorize, token) =
            (self.authorization_endpoint(&user.tenant), self.token_endpoint(&user.tenant));
        let (ca, name, api_id) = (ca.display(), &user.name, &api.id);
        let (client_id, api_name, target_name) = (&client.id, &api.name, &target.name);
        let (target_id, secret) = (&target.id, api.current_secret().unwrap_or_default());
        format!(
            r#"
# A token of {name} for {api_name}:
CODE=$(curl -s --cacert {ca} -o /dev/null -w '%{{redirect_url}}' \
  '{authorize}?{query}' | sed 's/.*[?&]code=\([^&]*\).*/\1/')
TOKEN=$(curl -s --cacert {ca} {token} \
  -d grant_type=authorization_code -d client_id={client_id} -d "code=$CODE" \
  --data-urlencode redirect_uri={redirect_uri} -d code_verifier={VERIFIER} \
  | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

# {api_name} exchanges it for one for {target_name}:
curl -s --cacert {ca} {token} \
  -d grant_type={ON_BEHALF_OF} -d requested_token_use=on_behalf_of \
  -d client_id={api_id} --data-urlencode 'client_secret={secret}' \
  -d "assertion=$TOKEN" -d scope={target_id}/.default
"#
        )
    }
}
