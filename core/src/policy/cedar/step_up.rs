//! Which scopes would turn a denial into a permit.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::entities::User;
use super::program::{Program, Request};

impl Program {
    /// The scopes that would permit a denied request if the principal had them as well: all that it takes, sorted,
    /// and none that it can do without. Empty when the request is permitted, or when no scope would help.
    #[must_use]
    pub fn scopes_to_permit(&self, request: &Request<'_>) -> Vec<Arc<str>> {
        self.step_up(request, |user| self.decide(&Request { user, ..*request }).is_permit())
    }

    /// The same for a tool, a prompt or a resource in a list: with these scopes it could be called.
    #[must_use]
    pub fn scopes_to_list(&self, request: &Request<'_>) -> Vec<Arc<str>> {
        self.step_up(request, |user| self.is_listable(&Request { user, ..*request }))
    }

    /// The principal as it would be with every scope that policies speak of as well: what a list shows it beyond its
    /// own is what a step-up would open.
    #[must_use]
    pub fn with_every_scope(&self, user: &User) -> User {
        user.with_scopes(user.scopes().chain(self.scopes()))
    }

    fn step_up(&self, request: &Request<'_>, is_good: impl Fn(&User) -> bool) -> Vec<Arc<str>> {
        let has: BTreeSet<_> = request.user.scopes().collect();
        let mut wanted: Vec<_> =
            self.scopes().iter().filter(|scope| !has.contains(scope)).cloned().collect();
        let with =
            |more: &[Arc<str>]| request.user.with_scopes(has.iter().copied().chain(more.iter()));
        if wanted.is_empty() || is_good(request.user) || !is_good(&with(&wanted)) {
            return Vec::new();
        }
        // From the last: of two scopes of which either would do, the first one in the alphabet stays.
        for index in (0..wanted.len()).rev() {
            let mut fewer = wanted.clone();
            fewer.remove(index);
            if is_good(&with(&fewer)) {
                wanted = fewer;
            }
        }
        wanted
    }
}
