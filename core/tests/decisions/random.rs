//! Inputs that nobody has thought of, the same in every run.

/// A source of choices.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// An object of these members, in any order.
    pub(crate) fn joined(&mut self, mut members: Vec<String>) -> String {
        for at in (1..members.len()).rev() {
            let other = self.below(at + 1);
            members.swap(at, other);
        }
        format!("{{{}}}", members.join(*self.of(&[",", ", ", "\n,\t"])))
    }
}
