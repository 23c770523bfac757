//! Medians and differences of what was measured.

use std::ops::{Add, Div, Sub};

use serde_json::{Value, json};

/// One value per round. Sums and differences are taken round by round, so that whatever slowed a whole round
/// down takes part on both sides.
#[derive(Debug, Clone)]
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    /// The value below which this part of all values lies.
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = part * sorted.len().saturating_sub(1) as f64;
        let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
        let (low, high) = (at(place.floor()), at(place.ceil()));
        low + (high - low) * place.fract()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The middle half of all values.
    pub(crate) fn quartiles(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    pub(crate) fn to_json(&self) -> Value {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let (low, high) = self.quartiles();
        json!({
            "median": rounded(self.median()),
            "quartiles": [rounded(low), rounded(high)],
            "rounds": self.0.iter().copied().map(rounded).collect::<Vec<_>>(),
        })
    }

    fn with(&self, other: &Self, join: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, two)| join(*one, *two)).collect())
    }
}

impl Sub for &Series {
    type Output = Series;

    fn sub(self, other: Self) -> Series {
        self.with(other, |one, two| one - two)
    }
}

impl Add for &Series {
    type Output = Series;

    fn add(self, other: Self) -> Series {
        self.with(other, |one, two| one + two)
    }
}

impl Div for &Series {
    type Output = Series;

    fn div(self, other: Self) -> Series {
        self.with(other, |one, two| one / two)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_quartiles_do_not_mind_one_bad_round() {
        let series = Series(vec![2.0, 1.0, 4.0, 900.0, 3.0]);
        assert_eq!((series.median(), series.quartiles()), (3.0, (2.0, 4.0)));
        assert_eq!(Series(vec![1.0, 2.0]).median(), 1.5);
        let difference = &Series(vec![5.0, 100.0]) - &Series(vec![1.0, 96.0]);
        assert_eq!(difference.0, [4.0, 4.0]);
    }
}
