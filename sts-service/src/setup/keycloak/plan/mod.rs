//! What is to be done, decided before anything is: from what is wanted and what is there.

mod client_policies;
mod mappers;
mod names;
mod people;
mod policies;
mod realm_scopes;
mod scopes;
mod strangers;
mod sts;
mod switches;
mod target;

use super::found::Found;
use super::step::Step;
use super::trouble::Trouble;
use super::wanted::Wanted;

/// Every step, in the order in which it is told.
///
/// # Errors
/// What is there already and cannot be built on: all of it at once.
pub(super) fn plan(wanted: &Wanted, found: &Found) -> Result<Vec<Step>, Trouble> {
    let mut obstacles = scopes::obstacles(wanted, found);
    obstacles.extend(names::obstacles(wanted, found));
    // Early, since it needs a right more than all the others: whoever does not have it leaves everything as it was.
    let mut steps = policies::policies(wanted, found).unwrap_or_else(|obstacle| {
        obstacles.push(obstacle);
        Vec::new()
    });
    steps.extend(scopes::builtin(found));
    steps.extend(scopes::for_clients(wanted, found));
    steps.extend(scopes::for_targets(wanted, found));
    steps.extend(wanted.targets.iter().filter_map(|target| target::client(target, found)));
    for exchanger in &wanted.exchangers {
        match sts::client(exchanger, found) {
            Ok(done) => steps.extend(done),
            Err(obstacle) => obstacles.push(obstacle),
        }
    }
    steps.extend(people::client(wanted, found));
    steps.extend(realm_scopes::lists(wanted, found));
    steps.extend(strangers::who_reach_the_cluster(wanted, found));
    // A folder in which nothing can be written is found out before Keycloak has anything.
    steps.sort_by_key(|step| !step.writes_a_file());
    if obstacles.is_empty() { Ok(steps) } else { Err(Trouble::Obstacles(obstacles)) }
}

#[cfg(test)]
mod tests;
