//! What a person sees.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::clock;
use super::errors::{Refusal, Trace};
use super::request::Asked;

/// The sign-in page, which comes back to the address that it was shown at.
pub(super) fn login(trace: &Trace, asked: &Asked, why: Option<&Refusal>) -> Response {
    let problem = why.map_or_else(String::new, |refusal| {
        format!("<p role=\"alert\">{}</p>", escaped(&trace.description(refusal, clock::now())))
    });
    let action = escaped(&format!("{}?{}", asked.path, asked.query));
    let page = format!(
        r#"{problem}<form method="post" action="{action}">
<p><label>User <input name="username" id="username" autocomplete="username" autofocus required></label></p>
<p><label>Password <input name="password" id="password" type="password" autocomplete="current-password"></label></p>
<p><label><input name="accept" id="accept" type="checkbox" value="yes"> I accept what the application asks for</label></p>
<p><button type="submit" id="sign-in">Sign in</button>
<button type="submit" name="decline" value="yes" formnovalidate>Decline</button></p>
</form>"#
    );
    trace.mark(html(StatusCode::OK, "Sign in to your account", &page))
}

/// The page for what cannot be told to the client.
pub(super) fn error(trace: &Trace, refusal: &Refusal) -> Response {
    let text = escaped(&trace.description(refusal, clock::now()));
    let status = if refusal.status == 405 {
        StatusCode::METHOD_NOT_ALLOWED
    } else {
        StatusCode::BAD_REQUEST
    };
    let page = format!("<h1>Sorry, but we’re having trouble signing you in.</h1><pre>{text}</pre>");
    trace.mark(html(status, "Sign in to your account", &page))
}

/// A form that sends itself.
pub(super) fn form_post(uri: &str, parameters: &[(&str, &str)]) -> Response {
    let inputs: String = parameters
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">\n",
                escaped(name),
                escaped(value)
            )
        })
        .collect();
    let page = format!(
        r#"<form method="post" action="{}">
{inputs}<noscript><button type="submit">Continue</button></noscript>
</form>
<script>document.forms[0].submit();</script>"#,
        escaped(uri)
    );
    html(StatusCode::OK, "Working...", &page)
}

fn html(status: StatusCode, title: &str, body: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head><body>\n{body}\n</body></html>\n"
    );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
