//! What published guides print, and what works instead (`docs/guide-errors/`, `docs/entra.md`); and what our own pages
//! for operators say (`docs/operating.md`, `docs/audit.md`, `docs/metrics.md`, `docs/policies.md`, the alerts), against
//! the code.
//!
//! The printed form is sent to the Entra emulator as its own program would send it, and refused with the documented
//! code; `obolus-sts check` names its line; the corrected form exchanges a person's token through a real STS. What this
//! does not prove: that the emulator is the service.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails"
)]

mod audit;
mod checked;
mod corrected;
mod documentation;
mod guide;
mod mesh_with_entra;
mod metrics;
mod operating;
mod policies;
mod printed;
mod world;
