//! Which traces are recorded (OpenTelemetry, "Built-in samplers").

use obolus_core::trace::TraceParent;

/// Of 2^63, as the SDKs of OpenTelemetry compare it with a trace's id.
const WHOLE: u64 = 1 << 63;

/// Decides when a request begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampler {
    root: Root,
    /// Whether the parent's decision, where there is one, goes before ours.
    heeds_parents: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    On,
    Off,
    /// Ids whose last 63 bits are below this.
    Below(u64),
}

/// What whoever came before decides; where there is nobody, every trace.
impl Default for Sampler {
    fn default() -> Self {
        Self { root: Root::On, heeds_parents: true }
    }
}

impl Sampler {
    /// Every name that [`Sampler::named`] knows.
    pub const NAMES: [&str; 6] = [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ];

    /// By the name that `OTEL_TRACES_SAMPLER` has for it; `ratio`, from 0 to 1, is of those that take one.
    #[must_use]
    pub fn named(name: &str, ratio: f64) -> Option<Self> {
        let heeded = name.strip_prefix("parentbased_");
        let root = match heeded.unwrap_or(name) {
            "always_on" => Root::On,
            "always_off" => Root::Off,
            "traceidratio" => Root::Below(below(ratio)),
            _ => return None,
        };
        Some(Self { root, heeds_parents: heeded.is_some() })
    }

    /// Whether the sampler of this name takes a ratio.
    #[must_use]
    pub fn takes_a_ratio(name: &str) -> bool {
        name.ends_with("traceidratio")
    }

    pub(crate) fn records(&self, parent: Option<&TraceParent>, trace_id: &str) -> bool {
        match (parent, &self.root) {
            (Some(parent), _) if self.heeds_parents => parent.is_sampled(),
            (_, Root::On) => true,
            (_, Root::Off) => false,
            (_, Root::Below(limit)) => {
                let last = trace_id.get(16..).and_then(|id| u64::from_str_radix(id, 16).ok());
                last.is_some_and(|id| id >> 1 < *limit)
            }
        }
    }
}

/// A part of [`WHOLE`]. Whole milliards are as fine as anybody asks for, and are counted without rounding.
fn below(ratio: f64) -> u64 {
    const PARTS: u32 = 1_000_000_000;
    let parts = (0..=30).rev().map(|bit| 1u32 << bit).fold(0u32, |sum, step| {
        let next = sum.saturating_add(step);
        if next <= PARTS && f64::from(next) <= ratio * f64::from(PARTS) { next } else { sum }
    });
    let limit = u128::from(WHOLE) * u128::from(parts) / u128::from(PARTS);
    u64::try_from(limit).unwrap_or(WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(flags: &str) -> TraceParent {
        let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        TraceParent::parse(&text).unwrap()
    }

    /// With an id in the lower fifth, and one in the upper.
    fn decides(name: &str, flags: Option<&str>) -> [bool; 2] {
        let sampler = Sampler::named(name, 0.25).unwrap();
        let parent = flags.map(parent);
        ["1999999999999999", "e666666666666666"]
            .map(|id| sampler.records(parent.as_ref(), &format!("ffffffffffffffff{id}")))
    }

    #[test]
    fn each_name_decides_as_opentelemetry_says() {
        for (name, of_none, of_unsampled, of_sampled) in [
            ("always_on", [true; 2], [true; 2], [true; 2]),
            ("always_off", [false; 2], [false; 2], [false; 2]),
            ("traceidratio", [true, false], [true, false], [true, false]),
            ("parentbased_always_on", [true; 2], [false; 2], [true; 2]),
            ("parentbased_always_off", [false; 2], [false; 2], [true; 2]),
            ("parentbased_traceidratio", [true, false], [false; 2], [true; 2]),
        ] {
            assert!(Sampler::NAMES.contains(&name));
            assert_eq!(decides(name, None), of_none, "{name}");
            assert_eq!(decides(name, Some("00")), of_unsampled, "{name}");
            assert_eq!(decides(name, Some("01")), of_sampled, "{name}");
        }
        assert_eq!(Sampler::named("jaeger_remote", 1.0), None);
        assert_eq!(Sampler::named("parentbased_always_on", 1.0), Some(Sampler::default()));
    }

    #[test]
    fn a_ratio_is_a_part_of_all_ids_and_its_ends_are_all_and_none() {
        assert_eq!((below(0.0), below(1.0), below(0.5)), (0, WHOLE, WHOLE / 2));
        let ids = |ratio: f64| {
            let sampler = Sampler::named("traceidratio", ratio).unwrap();
            let recorded = (0..1000u64).filter(|part| {
                let last = (u64::MAX / 1000) * part;
                sampler.records(None, &format!("0000000000000001{last:016x}"))
            });
            recorded.count()
        };
        assert_eq!((ids(0.0), ids(1.0)), (0, 1000));
        assert!((99..=101).contains(&ids(0.1)), "{}", ids(0.1));
    }
}
