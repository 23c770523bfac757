//! Tokens that were verified before, bounded in number and in bytes.

use std::num::NonZeroUsize;

use lru::LruCache;

/// What was learnt of tokens, by their full text: a digest would cost more than the comparison, and saves
/// nothing that the host's memory does not hold anyway.
///
/// Holds whatever is put in until it is evicted, replaced or cleared: the reader checks `exp` at every hit.
pub struct TokenCache<V> {
    entries: LruCache<Box<str>, V>,
    bytes: usize,
    max_bytes: usize,
}

impl<V> TokenCache<V> {
    /// A cache of at most `max_entries` tokens of together at most `max_bytes`.
    #[must_use]
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        let max_entries = NonZeroUsize::new(max_entries).unwrap_or(NonZeroUsize::MIN);
        // Not `LruCache::new`, which would reserve room for every entry at once.
        let mut entries = LruCache::unbounded();
        entries.resize(max_entries);
        Self { entries, bytes: 0, max_bytes }
    }

    /// What is known of this token.
    pub fn get(&mut self, token: &str) -> Option<&V> {
        self.entries.get(token)
    }

    /// Remembers a token; the least recently used ones make room.
    pub fn put(&mut self, token: &str, value: V) {
        self.remove(token);
        self.bytes += token.len();
        if let Some((evicted, _)) = self.entries.push(token.into(), value) {
            self.bytes = self.bytes.saturating_sub(evicted.len());
        }
        while self.bytes > self.max_bytes {
            let Some((evicted, _)) = self.entries.pop_lru() else { break };
            self.bytes = self.bytes.saturating_sub(evicted.len());
        }
    }

    /// Forgets a token.
    pub fn remove(&mut self, token: &str) {
        if self.entries.pop(token).is_some() {
            self.bytes = self.bytes.saturating_sub(token.len());
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<V> std::fmt::Debug for TokenCache<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_token_makes_room() {
        let mut cache = TokenCache::new(2, 100);
        cache.put("a", 1);
        cache.put("b", 2);
        assert_eq!(cache.get("a"), Some(&1));
        cache.put("c", 3);
        assert_eq!(cache.get("a"), Some(&1));
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.get("b"), None);
    }

    #[test]
    fn bytes_are_bounded_too_and_counted_once() {
        let mut cache = TokenCache::new(100, 10);
        for _ in 0..5 {
            cache.put("aaaa", 1);
        }
        cache.put("bbbb", 2);
        assert_eq!(cache.len(), 2);
        cache.put("cccc", 3);
        assert_eq!(cache.get("aaaa"), None);
        assert_eq!(cache.len(), 2);
        cache.clear();
        cache.put("0123456789", 1);
        assert_eq!(cache.len(), 1);
    }
}
