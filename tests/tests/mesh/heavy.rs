//! What keeps all cores busy for a while. Most stories wait for the installation, which therefore starts alone: the
//! other mesh, and what needs none, have the cores that its stories leave.

use tokio::sync::Mutex;

/// Whoever has it is at heavy work.
pub(crate) static HEAVY: Mutex<()> = Mutex::const_new(());
