//! The page that a person sees when nobody can be sent anywhere: static, and without a word that came with the request.

use super::Refusal;

/// Nothing is loaded, run, framed or submitted; the style is the page's own.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'sha256-dgab8YRVoL2LKOwYBda8TSjXAzt6XtOGQd4z/c3t2Bo='; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}code{font-size:.9rem}";

/// The page (HTML).
#[must_use]
pub fn error_page(refusal: Refusal) -> String {
    let (description, label) = (escaped(refusal.description()), escaped(refusal.label()));
    let error = escaped(refusal.error());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Sign-in stopped</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>Sign-in stopped</h1>\n<p>{description}</p>\n\
         <p>You were not sent on, and nothing was given away. Go back to the application that sent you here; if it happens \
         again, show this page to whoever runs this server.</p>\n<p><code>{error} ({label})</code></p>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_page_says_what_is_wrong_and_its_policy_fits_its_style() {
        let digest = STANDARD.encode(Sha256::digest(STYLE));
        assert!(CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{digest}'")), "{digest}");
        for &refusal in Refusal::ALL {
            let page = error_page(refusal);
            assert!(page.contains(refusal.label()), "{page}");
            assert!(!page.contains("http") && !page.contains("<a"), "no links");
            assert!(!page.contains("<script"));
        }
        assert_eq!(escaped("<a href=\"'&\">"), "&lt;a href=&quot;&#39;&amp;&quot;&gt;");
    }
}
