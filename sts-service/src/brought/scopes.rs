//! `oauth_scopes`: what clients are told to ask for. The filter advertises and requires them; here it is seen whether
//! that can work, because this is where the file is read.

use obolus_core::config::brought::Fault;

use super::authority::application_of;
use super::{Settings, Work};

const KEY: &str = "oauth_scopes";
/// Scopes of OpenID Connect: they say something of the sign-in and nothing of a resource.
const OIDC: [&str; 6] = ["openid", "profile", "email", "offline_access", "address", "phone"];

pub(super) fn check(settings: &Settings, entra: bool, work: &mut Work) {
    if !settings.has(KEY) {
        return;
    }
    let scopes = settings.texts(KEY, work);
    if entra && let Some(fault) = entra_fault(settings, &scopes, work) {
        work.fault(fault);
    } else if !work.has_fault(KEY) {
        work.notice(
            KEY,
            "is read by neither program: write the scopes into the filter's requiredScopes, which are advertised and required",
        );
    }
}

fn entra_fault(settings: &Settings, scopes: &[&str], work: &mut Work) -> Option<Fault> {
    let audience = settings.text("oauth_audience", work).and_then(application_of);
    let own = format!("api://{}/access_as_user", audience.unwrap_or("<client id of the STS>"));
    let write = format!("write the API's own scope, fully qualified: {KEY} = [\"{own}\"]");
    let resource: Vec<_> = scopes.iter().filter(|scope| !OIDC.contains(scope)).collect();
    if resource.is_empty() && !scopes.is_empty() {
        return Some(
            Fault::new(KEY, "names scopes of OpenID Connect alone", write).happens(
                "Entra then issues a token for Microsoft Graph: the filter refuses it, and On-Behalf-Of answers AADSTS50013",
            ),
        );
    }
    if let Some(scope) = resource.iter().find(|scope| !scope.contains('/')) {
        let what = format!("names `{scope}` without its resource");
        return Some(
            Fault::new(KEY, what, write).happens(
                "AADSTS650053: a scope without a resource is looked for at Microsoft Graph",
            ),
        );
    }
    resource.iter().find(|scope| scope.ends_with("/.default")).map(|scope| {
        let what = format!("names `{scope}`, which is no scope that a token carries");
        Fault::new(KEY, what, write).happens("no token would ever have it in `scp`")
    })
}
