//! Times and identifiers as Entra writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// `2026-11-21 02:51:03Z`.
pub(super) fn written(moment: i64) -> String {
    let timestamp = Timestamp::from_second(moment).unwrap_or_default();
    timestamp.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `Sat, 21 Nov 2026 02:51:03 GMT`, as HTTP has it.
pub(super) fn http_date(moment: i64) -> String {
    let timestamp = Timestamp::from_second(moment).unwrap_or_default();
    timestamp.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Random bytes.
///
/// # Panics
/// When the system has none.
#[expect(clippy::expect_used, reason = "a system without random numbers runs no test")]
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    bytes
}

/// A new random GUID.
pub(super) fn guid() -> String {
    guid_of(&random::<16>())
}

/// The GUID that the first 16 of these bytes make.
pub(super) fn guid_of(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// A random number in this range.
pub(super) fn between(low: i64, high: i64) -> i64 {
    let number = i64::from(u32::from_le_bytes(random()));
    low + number % (high - low + 1)
}
