//! Many values, searched for in many places at once.

use std::collections::BTreeSet;

use crate::canary::Canary;

/// Something that is written or shown.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// A canary in a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) canary: String,
    pub(crate) place: String,
}

pub(crate) struct Search<'c> {
    canaries: &'c [Canary],
    /// By the first two bytes of a form, so that most of a place is passed over with one look.
    by_start: Vec<Vec<(usize, &'c [u8])>>,
}

impl<'c> Search<'c> {
    pub(crate) fn new(canaries: &'c [Canary]) -> Self {
        let mut by_start = vec![Vec::new(); 1 << 16];
        for (number, canary) in canaries.iter().enumerate() {
            for form in &canary.forms {
                by_start[start(form)].push((number, form.as_slice()));
            }
        }
        Self { canaries, by_start }
    }

    /// Every canary in every place that has it.
    pub(crate) fn hits(&self, places: &[Place]) -> BTreeSet<Hit> {
        let in_one = |place: &Place| {
            let hit = |canary: &str| Hit { canary: canary.to_owned(), place: place.name.clone() };
            self.found(&place.content).into_iter().map(hit).collect::<Vec<_>>()
        };
        places.iter().flat_map(in_one).collect()
    }

    fn found(&self, content: &[u8]) -> BTreeSet<&'c str> {
        let mut found = BTreeSet::new();
        let mut at = 0;
        while at + 1 < content.len() {
            for (number, form) in &self.by_start[start(&content[at..])] {
                if content[at..].starts_with(form) {
                    found.insert(self.canaries[*number].name.as_str());
                }
            }
            at += 1;
        }
        found
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
