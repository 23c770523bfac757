//! Real parts for tests and the demo.
//!
//! * [`parts`] finds, fetches or builds a real part once and keeps it in the user's cache folder;
//! * [`fixtures`] starts a part on free ports in a temporary folder, waits until it is ready, and
//!   ends it when the value is dropped or when this process dies, however it dies;
//! * the modules beside them are what fixtures are made of.
//!
//! Everything here returns errors that say what was waited for and show the end of the log in
//! question, so that a failing test can be understood without running it again.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

pub mod deadline;
pub mod entra;
pub mod fixtures;
pub mod http1;
pub mod https;
pub mod json_schema;
pub mod parts;
pub mod pki;
pub mod ports;
pub mod process;
pub mod secret;
pub mod shared;
