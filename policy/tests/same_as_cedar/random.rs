//! The same inputs in every run.

/// A linear congruential generator: every failure can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub(crate) fn some(&mut self, choices: &[&str]) -> Vec<String> {
        let chosen = choices.iter().filter(|_| self.below(2) == 0);
        chosen.map(ToString::to_string).collect()
    }
}
