//! Charts, through the `helm` program of the machine.
//!
//! The program gets neither the person's token nor anything of ours: it is told an address on loopback ([`door`]), from
//! where its requests go on as the person's, within what the operator allows. It starts with an environment of four
//! folders that were made for this run, and ends with it.

mod chart;
mod child;
mod door;
mod manifest;
mod outside;
mod program;
mod registry;
mod release;
mod run;

pub(crate) use chart::Chart;
pub(crate) use chart::{ChartSources, ChartUrl};
pub(crate) use program::{find, is_program};
pub(crate) use release::{Installed, Release, ReleaseName, Releases};
pub(crate) use run::Helm;
