//! The STS's cluster: TLS, held to one authority and one name.

use super::finding::Findings;
use super::node::Node;
use super::plugin::Settings;
use super::rule::Rule;

/// Looks for the cluster that the filter calls, and checks it.
pub(super) fn check_named(
    settings: &Settings,
    clusters: &[Node<'_>],
    has_more: bool,
    findings: &mut Findings,
) {
    let name = &settings.sts_cluster;
    let mut found = clusters.iter().filter(|cluster| cluster.text("name") == name).peekable();
    if found.peek().is_none()
        && !has_more
        && let Some(any) = clusters.first()
    {
        missing(settings, &Node::top(any.document), findings);
    }
    found.for_each(|cluster| check_tls(cluster, &settings.sts_authority, findings));
}

pub(super) fn missing(settings: &Settings, place: &Node<'_>, findings: &mut Findings) {
    let name = &settings.sts_cluster;
    findings.add(
        Rule::StsMissing,
        place,
        format!(
            "there is no cluster `{name}` (sts.cluster): every exchange fails, and callers get 503"
        ),
        format!(
            "a cluster `{name}` with TLS, the STS's authority and the name {}",
            settings.sts_authority
        ),
    );
}

/// Checks the TLS of a cluster, or of a patch of one.
pub(super) fn check_tls(cluster: &Node<'_>, authority: &str, findings: &mut Findings) {
    let write = format!(
        "an UpstreamTlsContext whose validation_context has trusted_ca, the STS's own authority, and \
         match_typed_subject_alt_names: [{{san_type: DNS, matcher: {{exact: {authority}}}}}]"
    );
    let mut add = |place: &Node<'_>, what: &str| {
        let what = format!("{what}: people's tokens and the credential may go to somebody else");
        findings.add(Rule::StsTls, place, what, &write);
    };
    for other in cluster.list("transport_socket_matches") {
        let kind = other.at("transport_socket/typed_config").map(|one| one.type_name());
        if kind != Some("UpstreamTlsContext") {
            add(&other, "some of the STS's machines are called without TLS");
        }
    }
    let socket = cluster.at("transport_socket/typed_config");
    let Some(tls) = socket.filter(|socket| socket.type_name() == "UpstreamTlsContext") else {
        if cluster.list("transport_socket_matches").is_empty() {
            add(&cluster.nearest("transport_socket"), "the STS is called without TLS");
        }
        return;
    };
    let common = tls.nearest("common_tls_context");
    let contexts = ["validation_context", "combined_validation_context/default_validation_context"];
    let contexts: Vec<_> = contexts.iter().filter_map(|key| common.at(key)).collect();
    let has_discovered_ca =
        common.at("combined_validation_context/validation_context_sds_secret_config").is_some();
    let Some(context) = contexts.first() else {
        return add(&common, "the STS's certificate is not looked at");
    };
    let ca = context.get("trusted_ca");
    if let Some(place) = context.get("system_root_certs") {
        add(&place, "any public authority may sign for the STS");
    } else if ca.is_none() && !has_discovered_ca {
        add(context, "the STS's certificate may come from any authority");
    }
    if let Some(file) = ca.and_then(|ca| ca.get("filename"))
        && ["/etc/ssl/", "/etc/pki/", "/usr/share/ca-certificates"]
            .iter()
            .any(|folder| file.value.as_str().is_some_and(|path| path.starts_with(folder)))
    {
        add(&file, "any public authority may sign for the STS");
    }
    if context.text("trust_chain_verification") == "ACCEPT_UNTRUSTED" {
        let place = context.nearest("trust_chain_verification");
        add(&place, "a certificate of no authority is accepted");
    }
    let names = context.list("match_typed_subject_alt_names");
    if names.is_empty() {
        add(context, "any certificate of that authority may stand for the STS");
    }
    for name in names {
        let exact = name.text("matcher/exact");
        let fits = match name.text("san_type") {
            "DNS" => exact.eq_ignore_ascii_case(host_of(authority)),
            // The mesh's own identity.
            "URI" => exact.starts_with("spiffe://"),
            _ => false,
        };
        if !fits {
            add(&name, &format!("whoever has another name than {authority} is taken for the STS"));
        }
    }
}

/// The authority without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}
