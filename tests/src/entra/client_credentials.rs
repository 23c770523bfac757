//! An application asks for itself: it gets application permissions and nobody's name.

use serde_json::Value;

use super::case::Case;
use super::challenge;
use super::client_authentication::Kind;
use super::errors::Refusal;
use super::issue::Ticket;
use super::record::Request;
use super::session::Session;

/// Judges it.
pub(super) async fn judge(case: &Case<'_>, entry: &mut Request) -> Result<Value, Refusal> {
    let Case { world, directory, tenant, form, .. } = *case;
    let client = case.authenticate(Kind::ConfidentialOnly, entry).await?;
    let scope = form.required("scope")?;
    if !scope.ends_with("/.default") || scope.contains(' ') {
        return Err(Refusal::of(1_002_012).text(format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        )));
    }
    let wanted = case.wanted(client, scope)?;
    let claims = challenge::read(form)?;
    let assigned = directory
        .assignments
        .iter()
        .any(|one| one.app == wanted.resource.name && one.apps.contains(&client.app.name));
    if wanted.resource.assignment_required && !assigned {
        return Err(Refusal::of(50105).text(format!(
            "Application '{}' is not assigned to a role for the application '{}'({}).",
            client.app.id, wanted.resource.id, wanted.resource.name
        )));
    }
    let session = Session::default();
    let ticket = Ticket {
        tenant,
        client,
        resource: wanted.resource,
        called: &wanted.called,
        user: None,
        scopes: Vec::new(),
        session: &session,
        claims: claims.as_ref(),
    };
    let issued = ticket.issue(world, directory);
    let mut answer = case.around(&ticket, issued)?;
    if let Some(answer) = answer.as_object_mut() {
        // The service names no scopes here: an application has roles.
        answer.remove("scope");
    }
    Ok(answer)
}
