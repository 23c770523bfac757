//! What outlives a configuration: who is being served, how often they came, and which sessions are open.

use std::sync::Arc;

use crate::limits::Limits;
use crate::rate::Rates;
use crate::server::Shared;
use crate::sessions::Sessions;

/// Kept while configurations come and go, so that a reload forgives nobody.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) rates: Arc<Rates>,
    pub(crate) sessions: Arc<Sessions>,
}

impl Surroundings {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, limits: Limits::new(), rates: Arc::default(), sessions: Arc::default() }
    }
}
