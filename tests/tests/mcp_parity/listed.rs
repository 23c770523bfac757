//! What differs, and why.

use crate::compared::Listed;

const fn listed(call: &'static str, at: &'static str, because: &'static str) -> Listed {
    Listed { call, at, because }
}

/// All of it.
pub(crate) const LISTED: &[Listed] = &[];
