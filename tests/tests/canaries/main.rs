//! Nothing secret lies about: secrets, private keys and both tokens are planted with known values, good, bad and
//! failing requests are made, and then everything is searched that the parts wrote or show.
//!
//! **Searched**: every file below every part's folder, among them all that they print; each page of Envoy's
//! admin port; the metrics of STS and MCP server; the command lines of all processes. Envoy logs its Wasm
//! filters, and STS and MCP server themselves, at debug level.
//!
//! **Looked for**: the STS's client secret and signing key, the filter's credential, the private keys of TLS, a
//! person's password, the client's tokens and what they are exchanged for, and whatever callers sent in place of
//! a credential; as they are, in base64 at any alignment, in hexadecimal, percent-encoded and as a list of
//! numbers; of a token its signature alone, too.
//!
//! **Not searched**: Keycloak's database (`keycloak/data/h2`), which holds its clients' secrets by profession; the
//! memory of processes; `/proc/*/environ`, by which Envoy is handed the filter's credential: whoever may read
//! that may read Envoy's memory, too.
//!
//! Each value is found in the one file that it is configured in, by the same search. Other values, which are no
//! secrets, are found in every log, page and command line.
//!
//! Where Envoy itself logs headers is shown at the end: with `http:debug` clients' tokens are in its log, with
//! `router:debug` the exchanged ones and the filter's credential, too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod canary;
mod failures;
mod places;
mod requests;
mod search;
mod world;

use std::collections::BTreeSet;

use canary::Canary;
use search::{Place, Search};
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_written_or_shown_anywhere() {
    let mut world = World::start().await.unwrap();
    let mut canaries = world.planted();
    canaries.extend(requests::good(&mut world).await);
    canaries.extend(requests::bad(&world).await);
    canaries.extend(failures::of_each_part(&mut world).await);

    let places = places::all(&world).await.unwrap();
    let controls = world.controls();
    let texts: Vec<_> =
        controls.iter().map(|hit| Canary::of(&hit.canary, hit.canary.as_bytes())).collect();
    let found = Search::new(&texts).hits(&places);
    let missing: Vec<_> = controls.iter().filter(|hit| !found.contains(hit)).collect();
    assert!(missing.is_empty(), "not found where they are: {missing:#?}\nbut: {found:#?}");
    let search = Search::new(&canaries);
    let hits = search.hits(&places);
    let at_home: BTreeSet<_> = world.at_home().into();
    assert_eq!(
        hits, at_home,
        "secrets elsewhere than where they are configured, or not even there"
    );
    println!(
        "{} values in {} places, {} MB",
        canaries.len(),
        places.len(),
        places.iter().map(|place| place.content.len()).sum::<usize>() / 1_000_000
    );

    // What Envoy itself prints at other levels, and nobody else does. envoy/README.md says it.
    let envoy = &world.stack.gateway.envoy;
    let of_clients = ["another token", "the client's token"];
    let of_ours = ["the exchanged token", "the filter's credential"];
    let all = [of_clients, of_ours].concat();
    for (level, printed) in
        [("http=debug", &of_clients[..]), ("router=debug", &all), ("level=debug", &all)]
    {
        envoy.admin_post(&format!("/logging?{level}")).await.unwrap();
        requests::once_more(&world).await;
        let log = Place { name: "envoy/envoy.log".to_owned(), content: envoy.log().into() };
        let found: Vec<_> = search.hits(&[log]).into_iter().map(|hit| hit.canary).collect();
        println!("{level}: {found:?}");
        assert_eq!(found, printed, "{level}");
    }
    let mut hits = search.hits(&places::all(&world).await.unwrap());
    hits.retain(|hit| hit.place != "envoy/envoy.log");
    assert_eq!(hits, at_home, "elsewhere than in Envoy's log");
}
