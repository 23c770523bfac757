//! Names like one that is not there.

/// How alike two names have to be, from 0 to 1.
const ALIKE: f64 = 0.6;
/// More than anybody needs to find the right one.
const MAX_NEAR: usize = 5;

/// The names that are most like `wanted`, best first.
pub(crate) fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut alike: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (alike(&wanted, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    alike.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    alike.dedup_by(|(_, left), (_, right)| left == right);
    alike.into_iter().take(MAX_NEAR).map(|(_, name)| name).collect()
}

fn alike(wanted: &str, name: &str) -> f64 {
    let distance = strsim::normalized_damerau_levenshtein(wanted, name);
    // The pods of a Deployment begin with its name; of two, the one with less behind it is nearer.
    let contained = wanted.len() > 2 && name.contains(wanted);
    if contained { 0.75 + distance / 4.0 } else { distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_and_beginnings_are_near_and_strangers_are_not() {
        let names = ["web-5d8f7c-abcde", "web", "database", "cart", "Deployment", "prometheus"];
        for (wanted, best) in [
            ("wbe", "web"),
            ("web-5d8f7c-vwxyz", "web-5d8f7c-abcde"),
            ("deploymnt", "Deployment"),
            ("databse", "database"),
            ("data", "database"),
        ] {
            assert_eq!(
                near(wanted, names).first(),
                Some(&best),
                "{wanted}: {:?}",
                near(wanted, names)
            );
        }
        assert!(near("keycloak", names).is_empty());
        assert!(near("", names).is_empty());
    }

    #[test]
    fn there_are_few_of_them() {
        let names: Vec<String> = (0..100).map(|index| format!("web-{index}")).collect();
        assert_eq!(near("web", names.iter().map(String::as_str)).len(), MAX_NEAR);
    }
}
