//! The keys of every configured issuer, fetched ahead, and mirrored at `GET /keys/{name}` so that a gateway needs no
//! way to the internet.

mod discovery;
mod document;
mod endpoint;
mod held;
mod mirror;
mod tenants;

pub(crate) use endpoint::keys;
pub(crate) use mirror::KeyMirror;
