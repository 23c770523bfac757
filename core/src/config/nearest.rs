//! Which setting somebody may have meant.

/// The known name that is most like `name`, if one is like it at all.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.len() / 4).clamp(1, 3);
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, theirs) in row.iter().skip(1).zip(&other) {
            left = (above + 1).min(left + 1).min(diagonal + usize::from(letter != *theirs));
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_setting_and_another_word_finds_none() {
        let known = ["sts_client_id", "sts_scopes", "port", "read_only"];
        for (name, found) in [
            ("sts_clientid", Some("sts_client_id")),
            ("sts_scope", Some("sts_scopes")),
            ("readonly", Some("read_only")),
            ("prot", None),
            ("ports", Some("port")),
            ("surprise", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), found, "{name}");
        }
        assert_eq!(
            [distance("kitten", "sitting"), distance("", "abc"), distance("a", "a")],
            [3, 3, 0]
        );
    }
}
