//! `obolus-sts setup …`: makes at an identity provider what Obolus needs there, and mends it.

pub mod keycloak;
