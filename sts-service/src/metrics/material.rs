//! How files stand.

use std::sync::{Arc, Mutex, PoisonError};

use obolus_core::UnixSeconds;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::credentials::FEDERATED_TOKEN;
use crate::material::{Standing, Use};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfMaterial {
    kind: &'static str,
    /// A target, an issuer or a caller.
    of: String,
    file: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct MaterialMetrics {
    state: Family<OfMaterial, Gauge>,
    age: Family<OfMaterial, Gauge>,
    wrong: Family<OfMaterial, Gauge>,
    expiry: Family<OfMaterial, Gauge>,
    token_expiry: Family<OfMaterial, Gauge>,
    needs_restart: Gauge,
    /// One page at a time: gauges of materials are made anew for each.
    page: Arc<Mutex<()>>,
}

impl MaterialMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let text = "What is in use of a file: 0 what is there, 1 the last good content since what is there is of no use, \
                    2 nothing";
        registry.register("material_state", text, Family::clone(&new.state));
        let text = "How long ago the content in use was read";
        registry.register_with_unit("material_age", text, Unit::Seconds, Family::clone(&new.age));
        let text = "For how long what is there is of no use";
        let name = "material_broken";
        registry.register_with_unit(name, text, Unit::Seconds, Family::clone(&new.wrong));
        let text = "When a certificate in use ends (of several the first), in Unix time";
        let name = "material_expiry_timestamp";
        registry.register_with_unit(name, text, Unit::Seconds, Family::clone(&new.expiry));
        let text =
            "When a federated token in use ends, which lives for an hour or a day, in Unix time";
        let name = "federated_token_expiry_timestamp";
        registry.register_with_unit(name, text, Unit::Seconds, Family::clone(&new.token_expiry));
        let text = "Whether the configuration file has changes that count only after a restart";
        registry.register("configuration_needs_restart", text, new.needs_restart.clone());
        new
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl super::Metrics {
    /// Everything that is counted, with all materials as they stand, and no others: what a configuration no longer names
    /// is not there any more.
    pub(crate) fn page(&self, standings: &[(String, Standing)]) -> String {
        let _one = self.material_metrics.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.material(standings);
        self.text()
    }

    fn material(&self, standings: &[(String, Standing)]) {
        let MaterialMetrics { state, age, wrong, expiry, token_expiry, .. } =
            &self.material_metrics;
        for family in [state, age, wrong, expiry, token_expiry] {
            family.clear();
        }
        for (of, standing) in standings {
            let (kind, file) = (standing.kind, standing.path.display().to_string());
            let labels = OfMaterial { kind, of: of.clone(), file };
            let number = match standing.state {
                Use::Current => 0,
                Use::LastGood => 1,
                Use::Nothing => 2,
            };
            state.get_or_create(&labels).set(number);
            age.get_or_create(&labels).set(gauge(standing.age.as_secs()));
            wrong.get_or_create(&labels).set(gauge(standing.wrong.as_secs()));
            if let Some(end) = standing.expires_at {
                let end: UnixSeconds = end;
                // What is renewed by the hour would be at its end by any warning that certificates need.
                let ends = if kind == FEDERATED_TOKEN { token_expiry } else { expiry };
                ends.get_or_create(&labels).set(gauge(end));
            }
        }
    }

    /// The configuration file has changes that count only after a restart, or has none any more.
    pub(crate) fn needs_restart(&self, needs: bool) {
        self.material_metrics.needs_restart.set(i64::from(needs));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn a_federated_token_that_ends_within_the_hour_is_no_certificate_that_does() {
        let standing = |kind, expires_at| Standing {
            kind,
            path: PathBuf::from("file"),
            state: Use::Current,
            age: Duration::ZERO,
            wrong: Duration::ZERO,
            expires_at: Some(expires_at),
        };
        let (of_token, of_server) = (standing(FEDERATED_TOKEN, 3600), standing("server_tls", 7200));
        let page =
            Metrics::new().page(&[("one".to_owned(), of_token), ("two".to_owned(), of_server)]);
        let lines = |start: &str| {
            let lines = page.lines().filter(|line| line.starts_with(start));
            lines.map(|line| line.rsplit(' ').next().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(lines("obolus_sts_material_expiry_timestamp_seconds"), ["7200"]);
        assert_eq!(lines("obolus_sts_federated_token_expiry_timestamp_seconds"), ["3600"]);
    }
}
