//! Names that people and models send, made safe to stand in a URL before one is built.
//!
//! A namespace of `../../api/v1/secrets` must not name another path. So nothing that could end a path segment, or
//! be decoded into something that does, gets past these constructors, and only these types go into paths.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $title:literal, $rule:ident, $advice:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $type(String);

        impl $type {
            /// The name itself.
            #[must_use]
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                if $rule(&text) { Ok(Self(text)) } else { Err(concat!($title, " must be ", $advice)) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

name! {
    /// A namespace: a DNS label (RFC 1123), as the API server demands.
    Namespace, "namespace", is_dns_label,
    "a DNS label: at most 63 of a-z, 0-9 and -, neither first nor last -"
}

name! {
    /// The name of an object. Kubernetes allows more in some kinds (RBAC has colons) than in others; what is
    /// legal nowhere, or would need escaping in a URL, is refused.
    ObjectName, "name", is_segment,
    "the name of an object: at most 253 characters, no spaces, none of / % ? # \\, and neither . nor .."
}

name! {
    /// The name of a container in a pod.
    ContainerName, "container", is_dns_label,
    "a DNS label: at most 63 of a-z, 0-9 and -, neither first nor last -"
}

name! {
    /// A service of a node, or a file of its logs.
    NodeLogName, "query", is_node_log,
    "a service like kubelet, or a file below /var/log like /pods.log: letters, digits and . _ - @ :, no .."
}

name! {
    /// A kind, like `Deployment`.
    Kind, "kind", is_kind, "a kind like Pod or Deployment: letters and digits"
}

name! {
    /// `v1`, or `group/version`.
    ApiVersion, "apiVersion", is_api_version, "like v1 or apps/v1"
}

impl Namespace {
    /// The namespace meant when none is named, as people know it from `kubectl`.
    pub(crate) fn default_namespace() -> Self {
        Self("default".to_owned())
    }
}

impl NodeLogName {
    /// The same as the kubelet has it, whose files begin below `/var/log`.
    pub(crate) fn into_kubelet_path(self) -> Self {
        match self.0.strip_prefix("/var/log/") {
            Some(file) => Self(format!("/{file}")),
            None => self,
        }
    }

    /// Whether it is a file; services have no slash.
    pub(crate) fn is_file(&self) -> bool {
        self.0.contains('/')
    }
}

impl ApiVersion {
    /// Where discovery tells which kinds this version has.
    pub(crate) fn discovery_path(&self) -> String {
        if self.0.contains('/') { format!("/apis/{}", self.0) } else { format!("/api/{}", self.0) }
    }

    /// Group and version; the core group is the empty one.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or(("", &self.0))
    }
}

pub(crate) fn is_dns_label(text: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// `pchar` of RFC 3986 §3.3 without escapes, and not a dot segment.
pub(crate) fn is_segment(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b))
}

/// The kubelet takes what has a slash for a file below `/var/log`, and hands the rest to a program of the node.
fn is_node_log(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && !word.starts_with('-')
            && word != "."
            && !word.contains("..")
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@:+".contains(&b))
    };
    text.len() <= 255 && text.strip_prefix('/').unwrap_or(text).split('/').all(word)
}

fn is_kind(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_api_version(text: &str) -> bool {
    match text.split_once('/') {
        None => is_dns_label(text),
        Some((group, version)) => {
            group.len() <= 253 && group.split('.').all(is_dns_label) && is_dns_label(version)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: TryFrom<String>>(text: &str) -> bool {
        T::try_from(text.to_owned()).is_ok()
    }

    /// Whatever could leave its path segment, in every spelling that some parser on the way might decode.
    const ESCAPES: &[&str] = &[
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../../api/v1/secrets",
        "..%2f..%2fsecrets",
        "%2e%2e",
        "a%00",
        "a?b",
        "a#b",
        "a\\b",
        "a b",
        "a\tb",
        "a\r\nX: y",
        "a\0",
        "．．",
        "ns\u{2215}x",
        "é",
    ];

    #[test]
    fn nothing_that_leaves_its_segment_is_a_name() {
        for text in ESCAPES {
            assert!(!accepts::<Namespace>(text), "namespace {text:?}");
            assert!(!accepts::<ObjectName>(text), "name {text:?}");
            assert!(!accepts::<ContainerName>(text), "container {text:?}");
            assert!(!accepts::<Kind>(text), "kind {text:?}");
            if *text != "a/b" {
                assert!(!accepts::<NodeLogName>(text), "query {text:?}");
            }
        }
        for text in [
            "",
            "/",
            "v1/",
            "/v1",
            "a/b/c",
            "../v1",
            "apps/..",
            "apps/v1?x",
            "apps%2fv1",
            "v1#",
            "apps /v1",
        ] {
            assert!(!accepts::<ApiVersion>(text), "apiVersion {text:?}");
        }
    }

    #[test]
    fn the_logs_of_a_node_are_its_services_and_the_files_of_its_log_folder() {
        for text in ["kubelet", "containerd.service", "getty@tty1", "/kube-proxy.log", "a/b"] {
            assert!(accepts::<NodeLogName>(text), "{text}");
        }
        for text in [
            "/../../etc/shadow",
            "/a/../b",
            "/..%2fetc",
            "/a//b",
            "//a",
            "/a/",
            "/",
            "-u",
            "--since=x",
            "a,b",
            "a;b",
            "$(x)",
            "a\n",
        ] {
            assert!(!accepts::<NodeLogName>(text), "{text:?}");
        }
        let name = |text: &str| NodeLogName::try_from(text.to_owned()).unwrap();
        assert_eq!(name("/var/log/syslog").into_kubelet_path(), name("/syslog"));
        assert_eq!(name("kubelet").into_kubelet_path(), name("kubelet"));
    }

    #[test]
    fn real_names_are_names() {
        for text in ["default", "kube-system", "a", "0", "x-1"] {
            assert!(accepts::<Namespace>(text), "{text}");
        }
        for text in
            ["web-5d8f", "a.b.c", "system:controller:job-controller", "cert-manager.io~v1", "Foo_1"]
        {
            assert!(accepts::<ObjectName>(text), "{text}");
        }
        for text in ["v1", "apps/v1", "rbac.authorization.k8s.io/v1", "v1beta1"] {
            assert!(accepts::<ApiVersion>(text), "{text}");
        }
        assert!(!accepts::<Namespace>(&"a".repeat(64)));
        assert!(!accepts::<ObjectName>(&"a".repeat(254)));
        assert!(accepts::<Kind>("Pod") && !accepts::<Kind>("1Pod"));
    }

    #[test]
    fn discovery_asks_the_core_group_and_the_others_in_their_own_places() {
        let version = |text: &str| ApiVersion::try_from(text.to_owned()).unwrap();
        assert_eq!(version("v1").discovery_path(), "/api/v1");
        assert_eq!(version("apps/v1").discovery_path(), "/apis/apps/v1");
        assert_eq!(version("apps/v1").parts(), ("apps", "v1"));
        assert_eq!(version("v1").parts(), ("", "v1"));
    }
}
