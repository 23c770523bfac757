//! The keys of every configured issuer, fetched ahead, and mirrored at `GET /keys/{name}` so that a gateway needs no
//! way to the internet. Each of Entra ID's tenants has its own, at `GET /keys/{name}/{tenant}`: one that is away,
//! hangs, or has too many keys is no other's trouble.

mod discovery;
mod document;
mod endpoint;
mod mirror;
mod spacing;

pub(crate) use endpoint::keys;
pub(crate) use mirror::KeyMirror;
