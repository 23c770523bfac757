//! Everything that is searched.

use std::path::Path;

use anyhow::{Context as _, Result};
use obolus_tests::https;

use crate::search::Place;
use crate::world::World;

const ADMIN_PAGES: [&str; 12] = [
    "/stats",
    "/stats/prometheus",
    "/config_dump?include_eds",
    "/clusters",
    "/clusters?format=json",
    "/certs",
    "/server_info",
    "/listeners?format=json",
    "/init_dump",
    "/runtime",
    "/memory",
    "/contention",
];

/// Keycloak's database holds the secrets of its clients.
const LEFT_OUT: &str = "keycloak/data/h2";

pub(crate) async fn all(world: &World) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    files(&world.folder, &world.folder, &mut places)?;
    for page in ADMIN_PAGES {
        let content = world.stack.gateway.envoy.admin_get(page).await?;
        places.push(Place { name: format!("envoy {page}"), content: content.into() });
    }
    let http = https::plain_client()?;
    for (part, url) in [
        ("sts", world.stack.sts.operations_url()),
        ("mcp", world.stack.mcp_server.operations_url()),
    ] {
        for page in ["/metrics", "/readyz"] {
            let content = http.get(format!("{url}{page}")).send().await?.bytes().await?.to_vec();
            places.push(Place { name: format!("{part} {page}"), content });
        }
    }
    places.push(command_lines()?);
    Ok(places)
}

/// All files below `folder`, by their paths from `root` on; what links lead to is shared with others.
fn files(root: &Path, folder: &Path, places: &mut Vec<Place>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
        if about.is_dir() && name != LEFT_OUT {
            files(root, &path, places)?;
        } else if about.is_file() {
            // The API server's log of changes turns over now and then.
            let Ok(content) = std::fs::read(&path) else { continue };
            places.push(Place { name, content });
        }
    }
    Ok(())
}

/// Of everybody on this machine: what is secret here must not be there either.
fn command_lines() -> Result<Place> {
    let mut content = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path().join("cmdline");
        // Most of /proc is no process, and processes end.
        content.extend(std::fs::read(path).unwrap_or_default());
        content.push(b'\n');
    }
    Ok(Place { name: "command lines".to_owned(), content })
}
