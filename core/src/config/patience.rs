//! Who waits how long for whom, unless a configuration says otherwise.

/// How long the filter waits for the STS, in milliseconds.
pub const DEFAULT_STS_TIMEOUT_MS: u64 = 5000;

/// How long the STS waits for an identity provider, in milliseconds.
pub const DEFAULT_IDP_TIMEOUT_MS: u64 = 4000;

// Else people are told that the STS does not answer, whatever the identity provider said.
const _: () = assert!(DEFAULT_IDP_TIMEOUT_MS < DEFAULT_STS_TIMEOUT_MS);
