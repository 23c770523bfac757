//! The emulator, with what a person who follows a guide would have set up there.

use std::path::Path;

use anyhow::{Context as _, Result};
use obolus_tests::entra::directory::Consent;
use obolus_tests::entra::{Directory, Emulator};
use obolus_tests::pki::{Authority, KeyKind, Leaf, self_signed};
use tempfile::TempDir;

/// The filter's credential in the corrected forms.
pub(crate) const CREDENTIAL: &str = "the-gateway's-credential-of-a-guide";

/// An emulator in which the guides' applications are.
pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) entra: Emulator,
    /// What `client.crt` and `client.key` hold.
    pub(crate) client: Leaf,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("guides")?;
        let client = self_signed("mcp-server", KeyKind::Rsa)?;
        let mut directory = Directory::example();
        directory.app_mut("mcp-server").certificates.push((&client).try_into()?);
        // The guides have clients ask for the cluster's application, too, and for scopes of Graph.
        for (resource, scopes) in [
            ("kubernetes", &["access_as_user"][..]),
            ("microsoft-graph", &["openid", "profile", "email", "User.Read"]),
        ] {
            directory.consents.push(Consent {
                tenant: None,
                client: "mcp-client".to_owned(),
                resource: resource.to_owned(),
                scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
                users: None,
            });
        }
        let entra = Emulator::start(&authority, directory).await?;
        Ok(Self { authority, entra, client })
    }
}

/// A folder with every file that a corrected form names.
pub(crate) fn files(authority: &Authority) -> Result<TempDir> {
    let client = self_signed("mcp-server", KeyKind::Rsa)?;
    files_with(authority, &client)
}

pub(crate) fn files_with(authority: &Authority, client: &Leaf) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("obolus-guide-").tempdir()?;
    let server = authority.server()?;
    for (name, content) in [
        ("tls.crt", &server.chain),
        ("tls.key", &server.key),
        ("ca.crt", &authority.pem()),
        ("client.crt", &client.certificate),
        ("client.key", &client.key),
        ("gateway-credential", &CREDENTIAL.to_owned()),
    ] {
        private(&folder.path().join(name), content).context(name)?;
    }
    Ok(folder)
}

/// A file that nobody else may open: `check` notes any other secret.
pub(crate) fn private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::write(path, content)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
