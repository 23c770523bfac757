//! A Secret whose value is found again in whatever form it comes out.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use obolus_tests::secret;
use serde_json::{Value, json};

/// The forms that values take.
const FORMS: [&str; 10] = [
    "plain",
    "base64",
    "last-applied",
    "long",
    "binary",
    "JSON-like",
    "helm release",
    "kapp copy",
    "rancher copy",
    "lines",
];

/// One Secret.
pub(super) struct Canary {
    pub(super) name: String,
    pub(super) form: &'static str,
    /// Letters and digits that no escaping changes: they stand in the value, and nowhere else in the world.
    pub(super) token: String,
    pub(super) secret: Value,
    /// What is looked for, and what it is.
    needles: Vec<(&'static str, String)>,
}

impl Canary {
    pub(super) fn new(index: usize, namespace: &str) -> Result<Self> {
        let form = FORMS[index % FORMS.len()];
        let random = secret::random()?;
        let token = format!(
            "cnry{}",
            random.chars().filter(char::is_ascii_alphanumeric).take(20).collect::<String>()
        );
        let value = value(form, &token);
        let encoded = STANDARD.encode(&value);
        let mut name = format!("canary-{index}");
        if form == "helm release" {
            name = format!("sh.helm.release.v1.canary-{index}.v1");
        }
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": namespace, "annotations": {}},
            "data": {"value": encoded},
        });
        let copy = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "data": {"value": encoded}, "stringData": {"plain": token},
        });
        let annotation = match form {
            "last-applied" => {
                Some(("kubectl.kubernetes.io/last-applied-configuration", copy.to_string()))
            }
            "kapp copy" => Some(("kapp.k14s.io/original", copy.to_string())),
            // Not read by anybody here, and so not shown.
            "rancher copy" => {
                Some(("objectset.rio.cattle.io/applied", STANDARD.encode(copy.to_string())))
            }
            "lines" => Some(("example.com/short-copy", token.clone())),
            _ => None,
        };
        if let Some((key, value)) = annotation {
            secret["metadata"]["annotations"][key] = json!(value);
        }
        if form == "helm release" {
            secret["type"] = json!("helm.sh/release.v1");
            secret["metadata"]["labels"] = json!({"owner": "helm", "name": format!("canary-{index}"), "status": "deployed", "version": "1"});
            let release = json!({"name": format!("canary-{index}"), "version": 1, "namespace": namespace,
                "info": {"status": "deployed"}, "config": {"password": token},
                "chart": {"metadata": {"name": "canary", "version": "1.0.0", "apiVersion": "v2"}}, "manifest": format!("password: {token}")});
            // Helm reads releases that are not compressed, too.
            let once = STANDARD.encode(release.to_string());
            secret["data"] = json!({"release": STANDARD.encode(once)});
        }
        Ok(Self { needles: needles(&token, &value), name, form, token, secret })
    }

    /// Under which the value is.
    pub(super) fn key(&self) -> &'static str {
        if self.form == "helm release" { "release" } else { "value" }
    }

    /// In which encoding the value is in a text, if it is.
    pub(super) fn is_in(&self, text: &str) -> Option<&'static str> {
        self.needles.iter().find(|(_, needle)| text.contains(needle)).map(|(encoding, _)| *encoding)
    }
}

fn value(form: &str, token: &str) -> Vec<u8> {
    match form {
        "base64" => STANDARD.encode(token).into_bytes(),
        "long" => format!("{}{token}{}", "x".repeat(4_000), "y".repeat(4_000)).into_bytes(),
        "binary" => [&[0xff, 0xfe, 0x00, 0x80], token.as_bytes(), &[0xc3, 0x28]].concat(),
        "JSON-like" => format!("{{\"password\":\"{token}\",\"more\":[\"\\\\\",1]}}").into_bytes(),
        "lines" => format!("-----BEGIN KEY-----\n{token}\n\t\"quoted\" \\ é\n-----END KEY-----\n")
            .into_bytes(),
        _ => token.as_bytes().to_vec(),
    }
}

/// The token as it is stands in every text that is escaped, folded or wrapped; its encodings are those of its bytes at each
/// of the three places that base64 has, and of its base64 once more.
fn needles(token: &str, value: &[u8]) -> Vec<(&'static str, String)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut needles = vec![
        ("as it is", token.to_owned()),
        ("in hex", hex(token.as_bytes())),
        ("in hex", hex(token.as_bytes()).to_uppercase()),
        ("the whole in base64", STANDARD_NO_PAD.encode(value)),
        ("the whole in base64url", URL_SAFE_NO_PAD.encode(value)),
    ];
    for once in shifted(token) {
        needles.extend(shifted(&once).map(|twice| ("in base64 of base64", twice)));
        needles.push(("in base64", once));
    }
    needles
}

/// What base64 makes of a text at each of the three places in which it can begin. The first and the last characters
/// share bits with their neighbours and are left out.
fn shifted(text: &str) -> impl Iterator<Item = String> {
    (0..3).map(move |shift| {
        let encoded = STANDARD_NO_PAD.encode(" ".repeat(shift) + text);
        encoded.chars().skip(4).take(encoded.len().saturating_sub(8)).collect()
    })
}

#[test]
fn a_value_is_found_in_every_encoding_and_not_where_it_is_not() {
    for index in 0..FORMS.len() {
        let canary = Canary::new(index, "shop").unwrap();
        let other = Canary::new(index, "shop").unwrap();
        let token = &canary.token;
        for text in [
            format!("password: {token}"),
            json!({"a": format!("{{\"password\":\"{token}\"}}")}).to_string(),
            STANDARD.encode(format!("user=bob&password={token}&x")),
            STANDARD.encode(STANDARD.encode(token)),
            canary.secret.to_string(),
        ] {
            assert!(canary.is_in(&text).is_some(), "{}: {text}", canary.form);
            assert!(other.is_in(&text).is_none(), "{}: {text}", canary.form);
        }
    }
}
