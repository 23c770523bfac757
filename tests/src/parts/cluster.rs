//! The cluster binary.
