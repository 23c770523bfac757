//! Where a token may stand in a request: in one `Authorization` header, and nowhere else.

use obolus_core::Reason;
use obolus_core::token::{bearer, token_in_query};

#[test]
fn one_bearer_token_is_found_in_one_header() {
    for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "BeArEr a.b.c"] {
        assert_eq!(bearer(&[value.as_bytes()]), Ok("a.b.c"), "{value}");
    }
    assert_eq!(bearer(&[b"Bearer -._~+/0aZ=="]), Ok("-._~+/0aZ=="));
    assert_eq!(bearer(&[]), Err(Reason::TokenMissing));
}

#[test]
fn two_credentials_are_refused_however_they_are_joined() {
    for values in [
        vec!["Bearer a", "Bearer a"],
        vec!["Bearer a", "Bearer b"],
        vec!["Bearer a", ""],
        vec!["", "Bearer a"],
        vec!["Basic YTpi", "Bearer a"],
        vec!["Bearer a, Bearer b"],
        vec!["Bearer a,Bearer b"],
        vec!["Bearer a,"],
        vec![",Bearer a"],
        vec!["Basic YTpi, Bearer a"],
    ] {
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(bearer(&values), Err(Reason::AuthorizationDuplicated), "{values:?}");
    }
}

#[test]
fn anything_but_the_word_a_space_and_a_token_is_malformed() {
    for value in [
        &b""[..],
        b" ",
        b"Bearer",
        b"Bearer ",
        b" Bearer a",
        b"Bearer  a",
        b"Bearer a ",
        b"Bearer\ta",
        b"Bearer a\t",
        b"Bearer a b",
        b"Bearer a\nb",
        b"Bearer a\0",
        b"Bearer a;b",
        b"Bearer \"a\"",
        b"Bearer token=a",
        b"Bearer =",
        b"Bearer ==a",
        b"Bearer a=b",
        b"Bearer \xc3\xa9",
        b"Bearer a\xff",
        b"Bearer\xc2\xa0a",
        b"Bearer: a",
        b"Bearertoken a",
        b"DPoP a",
        b"Token a",
        b"a.b.c",
    ] {
        assert_eq!(
            bearer(&[value]),
            Err(Reason::AuthorizationMalformed),
            "{}",
            value.escape_ascii()
        );
    }
}

#[test]
fn a_token_in_the_query_is_seen_in_every_spelling_that_a_form_decoder_reads() {
    for target in [
        "/mcp?access_token=x",
        "/mcp?access_token",
        "/mcp?access_token=",
        "/mcp?a&access_token=x",
        "/mcp?a;access_token=x",
        "/mcp?a=1&b=2&access_token=x&c",
        "/mcp?&&access_token=x",
        "/mcp?access%5ftoken=x",
        "/mcp?access%5Ftoken=x",
        "/mcp?%61%63%63%65%73%73%5f%74%6f%6b%65%6e=x",
        "/mcp?Access_Token=x",
        "/mcp?+access_token+=x",
        "/mcp?%20access_token=x",
        "/mcp?a?access_token=x",
        "/mcp?a#access_token=x",
        "/mcp#a?access_token=x",
        "https://mcp.example.com/mcp?access_token=x",
    ] {
        assert!(token_in_query(target), "{target}");
    }
    for target in [
        "/mcp",
        "/mcp?",
        "/access_token",
        "/mcp/access_token=x",
        "/mcp?a=access_token",
        "/mcp?access_tokens=x",
        "/mcp?xaccess_token=x",
        "/mcp?access-token=x",
        "/mcp?access%255ftoken=x",
        "/mcp?%",
        "/mcp?%6",
        "/mcp?%zz=x",
        "",
    ] {
        assert!(!token_in_query(target), "{target}");
    }
}
