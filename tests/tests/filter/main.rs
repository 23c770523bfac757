//! The real filter in a real Envoy with the real STS, between a provider that signs anything and an
//! upstream that records everything.

mod smoke;
