//! prerequisites
