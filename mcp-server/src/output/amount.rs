//! Amounts as Kubernetes writes them (`resource.Quantity`): `250m`, `123456789n`, `64Mi`, `1e3`.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Deserializer};

/// An amount of cores or bytes, to the billionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(i128);

const ONE: i128 = 1_000_000_000;
const MEBIBYTE: i128 = 1024 * 1024;

impl Amount {
    /// What the text says, if it is an amount.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !"0123456789+-.".contains(c)).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let number = billionths(number)?;
        let (times, by): (i128, i128) = match suffix {
            "n" => (1, ONE),
            "u" => (1, 1_000_000),
            "m" => (1, 1_000),
            "" => (1, 1),
            "k" => (1_000, 1),
            "M" => (1_000_000, 1),
            "G" => (ONE, 1),
            "T" => (1_000 * ONE, 1),
            "P" => (1_000_000 * ONE, 1),
            "E" => (ONE * ONE, 1),
            "Ki" => (1 << 10, 1),
            "Mi" => (1 << 20, 1),
            "Gi" => (1 << 30, 1),
            "Ti" => (1 << 40, 1),
            "Pi" => (1 << 50, 1),
            "Ei" => (1 << 60, 1),
            exponent => {
                let exponent: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
                let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
                if exponent < 0 { (1, power) } else { (power, 1) }
            }
        };
        Some(Self(number.checked_mul(times)? / by))
    }

    /// So many billionths of one.
    pub(crate) fn billionths(amount: u64) -> Self {
        Self(i128::from(amount))
    }

    /// So many.
    pub(crate) fn whole(amount: u64) -> Self {
        Self(i128::from(amount).saturating_mul(ONE))
    }

    /// In thousandths, rounded up: what `kubectl top` shows of cores.
    pub(crate) fn thousandths(self) -> i64 {
        let thousandth = ONE / 1_000;
        i64::try_from((self.0 + thousandth - 1).div_euclid(thousandth)).unwrap_or(i64::MAX)
    }

    /// In whole units: bytes.
    pub(crate) fn units(self) -> i64 {
        i64::try_from(self.0 / ONE).unwrap_or(i64::MAX)
    }

    /// How many of a hundred parts of `whole` it is.
    pub(crate) fn percent_of(self, whole: Self) -> Option<i64> {
        let percent = self.0.checked_mul(100)?.checked_div(whole.0)?;
        i64::try_from(percent).ok()
    }

    /// As `kubectl top` writes cores.
    pub(crate) fn as_cores(self) -> String {
        format!("{}m", self.thousandths())
    }

    /// As `kubectl top` writes bytes.
    pub(crate) fn as_mebibytes(self) -> String {
        format!("{}Mi", self.0 / ONE / MEBIBYTE)
    }
}

/// A decimal number in billionths; what is smaller is dropped.
fn billionths(number: &str) -> Option<i128> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let sum = whole.checked_mul(ONE)?.checked_add(fraction.parse().ok()?)?;
    Some(if negative { -sum } else { sum })
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.units())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a quantity"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_what_kubernetes_means_by_them() {
        for (text, billionths) in [
            ("0", 0),
            ("1", ONE),
            ("+1", ONE),
            ("-1", -ONE),
            ("250m", ONE / 4),
            ("123456789n", 123_456_789),
            ("100u", 100_000),
            ("0.5", ONE / 2),
            (".5", ONE / 2),
            ("1.", ONE),
            ("1e3", 1_000 * ONE),
            ("1E3", 1_000 * ONE),
            ("15e-1", 1_500_000_000),
            ("2E", 2 * ONE * ONE * ONE),
            ("1k", 1_000 * ONE),
            ("64Mi", 64 * MEBIBYTE * ONE),
            ("1.5Gi", 1536 * MEBIBYTE * ONE),
        ] {
            assert_eq!(Amount::parse(text), Some(Amount(billionths)), "{text}");
        }
        for text in ["", "m", "-", ".", "1 Mi", "1mi", "1e", "1e99", "1--1", "0x1", "１", "1KiB"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }

    #[test]
    fn they_are_shown_as_kubectl_top_does() {
        let amount = |text| Amount::parse(text).unwrap();
        assert_eq!(amount("1234567n").as_cores(), "2m");
        assert_eq!(amount("0").as_cores(), "0m");
        assert_eq!(amount("2").as_cores(), "2000m");
        assert_eq!(amount("1023Ki").as_mebibytes(), "0Mi");
        assert_eq!(amount("65Mi").as_mebibytes(), "65Mi");
        assert_eq!(amount("500m").percent_of(amount("2")), Some(25));
        assert_eq!(amount("1").percent_of(amount("0")), None);
        assert_eq!([amount("1"), amount("500m")].into_iter().sum::<Amount>(), amount("1500m"));
    }
}
