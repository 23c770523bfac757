//! What of a configuration that is good somebody should know before it is noticed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use obolus_core::UnixSeconds;
use obolus_core::config::brought::Notice;
use obolus_core::token::Provider;

use crate::clock;
use crate::config::{Caller, Config, Target};
use crate::credentials::day;

/// `sts.timeoutMs` of the filter, where nothing else is written there.
const FILTER_WAITS_MS: u128 = 5000;
/// Time enough to have a certificate renewed.
const SOON: UnixSeconds = 14 * 86_400;

/// All of them, at our own keys.
pub(super) fn of(config: &Config) -> Vec<Notice> {
    let mut remarks = Remarks(Vec::new());
    remarks.server(config);
    remarks.limits(config);
    for (place, issuer) in config.issuers.iter().enumerate() {
        let keycloak =
            matches!(&issuer.rules.provider, Provider::Keycloak(url) if !url.contains("/realms/"));
        if keycloak {
            remarks.note(
                format!("issuers[{place}].issuer"),
                "has no /realms/ in it, as the issuer of every Keycloak realm does",
            );
        }
    }
    for (place, target) in config.targets.iter().enumerate() {
        remarks.target(&format!("targets[{place}]"), target, &config.callers);
    }
    for (place, caller) in config.callers.iter().enumerate() {
        remarks.caller(&format!("callers[{place}]"), caller);
    }
    remarks.0
}

struct Remarks(Vec<Notice>);

impl Remarks {
    fn note(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.push(Notice::new(path, text));
    }

    fn server(&mut self, config: &Config) {
        let files = &config.server.tls;
        self.secret("server.private_key_file", &files.private_key);
        let ends = files.open().ok().and_then(|side| side.standing().expires_at);
        self.end("server.certificate_file", ends);
    }

    fn limits(&mut self, config: &Config) {
        let limits = &config.limits;
        if limits.idp_timeout.as_millis() >= FILTER_WAITS_MS {
            self.note(
                "limits.idp_timeout_ms",
                "is as long as the filter waits (sts.timeoutMs, 5000 by default) or longer: people would be told \
                 sts_unavailable and not why; write less, or more there",
            );
        }
        if limits.cached_tokens == 0 {
            let text = "means that nothing is remembered: the identity provider is asked for every request";
            self.note("limits.cached_tokens", text);
        }
        if limits.connections_per_peer > limits.connections {
            let text = "is more than connections, so one address can have them all";
            self.note("limits.connections_per_peer", text);
        }
        let collector = config.traces.as_ref().map(|collection| collection.url.as_str());
        if collector.is_some_and(|url| url.contains(":4317/")) {
            let text = "is on port 4317, where collectors speak gRPC: OTLP over HTTP is on 4318";
            self.note("traces.otlp_endpoint", text);
        }
    }

    fn target(&mut self, path: &str, target: &Target, callers: &[Caller]) {
        let mut grants = callers.iter().flat_map(|caller| &caller.grants);
        if !grants.any(|grant| grant.targets.iter().any(|name| name == target.name())) {
            self.note(format!("{path}.name"), "is in no grant of a caller: nobody can ask for it");
        }
        self.end(&format!("{path}.client.certificate_file"), target.client.expires_at());
        if let Some(watched) = target.client.watched(target.name()) {
            self.secret(&format!("{path}.client"), &(watched.standing)().path);
        }
    }

    fn caller(&mut self, path: &str, caller: &Caller) {
        for (place, secret) in caller.secrets.iter().enumerate() {
            let path = format!("{path}.credential_files[{place}]");
            match secret.withdrawn() {
                Some(fault) => self.note(
                    path,
                    format!(
                        "lets nobody in ({fault}), and counts as withdrawn: the other file does; leave it out, or write \
                         the next secret into it"
                    ),
                ),
                None => self.secret(&path, secret.path()),
            }
        }
    }

    /// A file that everybody on this machine may read is no secret.
    fn secret(&mut self, path: &str, file: &Path) {
        let mode = std::fs::metadata(file).map(|of| of.permissions().mode() & 0o777);
        if let Ok(mode) = mode
            && mode & 0o007 != 0
        {
            let text = format!(
                "names a file that everybody on this machine may open (mode {mode:04o}): leave it to the STS alone, 0400 or 0440"
            );
            self.note(path, text);
        }
    }

    fn end(&mut self, path: &str, ends: Option<UnixSeconds>) {
        if let Some(end) = ends.filter(|end| *end < clock::now().saturating_add(SOON)) {
            self.note(path, format!("names a certificate that ends soon{}: renew it", day(end)));
        }
    }
}
