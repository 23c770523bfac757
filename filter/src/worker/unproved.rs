//! Bodies that the host holds for requests whose tokens nobody has verified: anybody can send those.

use std::rc::Rc;

use obolus_core::Reason;

use super::Worker;

/// All of them together, per worker.
const MAX_UNPROVED_BYTES: usize = 16 << 20;

/// What one request adds to the sum, for as long as this lives.
pub(crate) struct Unproved {
    worker: Rc<Worker>,
    bytes: usize,
}

impl Unproved {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        Self { worker: Rc::clone(worker), bytes: 0 }
    }

    /// The request's body is this long now.
    ///
    /// # Errors
    /// [`Reason::Overloaded`] when all together would be too much.
    pub(crate) fn holds(&mut self, bytes: usize) -> Result<(), Reason> {
        let others = self.worker.unproved_bytes.get().saturating_sub(self.bytes);
        let sum = others.saturating_add(bytes);
        if sum > MAX_UNPROVED_BYTES {
            return Err(Reason::Overloaded);
        }
        self.worker.unproved_bytes.set(sum);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Unproved {
    fn drop(&mut self) {
        let others = self.worker.unproved_bytes.get().saturating_sub(self.bytes);
        self.worker.unproved_bytes.set(others);
    }
}
