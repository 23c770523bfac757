//! The server on the wire, in front of a stand-in for the API server.

mod faults;
mod identity;
mod program;
mod protocol;
mod support;
