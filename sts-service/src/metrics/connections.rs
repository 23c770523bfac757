//! Connections, by listener.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Which of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listens {
    /// What the program is there for.
    Service,
    /// For health and metrics.
    Operations,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfListener {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Met {
    listener: &'static str,
    limit: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionMetrics {
    open: Family<OfListener, Gauge>,
    limited: Family<Met, Counter>,
}

/// Of one listener.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Gauge,
    all_taken: Counter,
    peer_has_enough: Counter,
}

/// One more connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Gauge);

impl ConnectionMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let text = "Connections that are open, also those whose TLS handshake is under way";
        registry.register("connections", text, Family::clone(&new.open));
        let text = "Connections closed at once since their address had enough, and how often all were taken, so that \
                    clients had to wait for one to end";
        registry.register("connections_limited", text, Family::clone(&new.limited));
        new
    }

    /// All of them are there from now on, as none.
    pub(crate) fn of(&self, listens: Listens) -> Connections {
        let listener = match listens {
            Listens::Service => "service",
            Listens::Operations => "operations",
        };
        let limited = |limit| self.limited.get_or_create_owned(&Met { listener, limit });
        Connections {
            open: self.open.get_or_create_owned(&OfListener { listener }),
            all_taken: limited("connections"),
            peer_has_enough: limited("connections_per_peer"),
        }
    }
}

impl Connections {
    /// One is accepted.
    pub(crate) fn opened(&self) -> Open {
        self.open.inc();
        Open(self.open.clone())
    }

    /// No more are accepted until one ends.
    pub(crate) fn all_are_taken(&self) {
        self.all_taken.inc();
    }

    /// One is closed at once, whose address had enough.
    pub(crate) fn peer_has_enough(&self) {
        self.peer_has_enough.inc();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
