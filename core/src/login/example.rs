//! A façade for tests.

use super::{Facade, FacadeIssuer, Resource, Resources};
use crate::metadata::ResourceUrl;

/// The public client.
pub(super) const CLIENT: &str = "cccccccc-0000-4000-8000-000000000001";
/// The API that tokens are for.
pub(super) const API: &str = "bbbbbbbb-0000-4000-8000-000000000001";

/// One resource, no redirect URIs of its own, registration on.
pub(super) fn example() -> Facade {
    let url = ResourceUrl::parse("https://mcp.example.com/mcp").unwrap();
    let resource = Resource::new(url, vec![format!("api://{API}/access_as_user")]).unwrap();
    Facade {
        issuer: FacadeIssuer::parse("https://mcp.example.com/oauth").unwrap(),
        client_id: CLIENT.to_owned(),
        resources: Resources::new(vec![resource]),
        redirects: Vec::new(),
        registers: true,
    }
}
