//! The only place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use obolus_core::UnixSeconds;

/// Now. A clock before 1970 reads as 1970, where no token is valid yet.
pub(crate) fn now() -> UnixSeconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
