//! The mesh that the stories share, and the ways into it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions};
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::fixtures::mesh::{
    Application, Kind, Mesh, MeshOptions, Workload, WorkloadOptions,
};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::https;
use obolus_tests::shared::Shared;
use reqwest::Response;
use tokio::sync::{RwLockWriteGuard, watch};
use tokio::task::JoinHandle;

use crate::heavy::after_the_installation;

/// The port of both Services.
pub(crate) const PORT: u16 = 8080;

pub(crate) struct World {
    pub(crate) mesh: Mesh,
    /// Behind the sidecar of the MCP server.
    pub(crate) mcp: Recorder,
    /// Behind the sidecar of the STS.
    pub(crate) sts: Recorder,
    /// Whether requests to `slow.example.test` are answered.
    answered: watch::Sender<bool>,
    _folder: File,
}

/// The mesh, with nothing applied but `manifests/`, for one story at a time.
pub(crate) async fn world() -> Result<RwLockWriteGuard<'static, World>> {
    static WORLD: Shared<World> = Shared::new();
    WORLD.alone(World::start).await
}

/// The files that belong to the stories.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mesh").join(name)
}

impl World {
    async fn start() -> Result<Self> {
        after_the_installation().await;
        let started = Instant::now();
        let (folder, lock) = folder::shared("mesh")?;
        let cluster = ClusterOptions { folder: Some(folder.join("cluster")), ..Default::default() };
        let cluster = Arc::new(Cluster::start(cluster).await?);
        eprintln!("the cluster runs after {:.1?}", started.elapsed());
        let answered = watch::Sender::new(true);
        let waiting = answered.subscribe();
        let mcp = Recorder::answering(move |request| answer(request, waiting.clone())).await?;
        let sts = Recorder::start().await?;
        let behind = |recorder: &Recorder| Application {
            port: PORT,
            ..Application::http(SocketAddr::from(([127, 0, 0, 1], recorder.port())))
        };
        let mut options = MeshOptions::new(behind(&sts), behind(&mcp));
        options.folder = Some(folder.join("mesh"));
        let mut mesh = Mesh::start(cluster, options).await?;
        eprintln!("the mesh runs after {:.1?}", started.elapsed());
        mesh.apply_only(include_str!("stranger.yaml")).await?;
        let stranger = WorkloadOptions::new(Kind::Sidecar, "shop", "stranger");
        mesh.join_caller(stranger, &[PORT]).await?;
        mesh.apply_dir(&file("manifests")).await?;
        eprintln!("all is in place after {:.1?}", started.elapsed());
        Ok(Self { mesh, mcp, sts, answered, _folder: lock })
    }

    /// A workload with an identity of its own that nobody has admitted.
    pub(crate) fn stranger(&self) -> Result<&Workload> {
        self.mesh.other("stranger.shop").context("the stranger has not joined")
    }

    /// A request from outside, through the gateway, to `sts` or `mcp`.
    pub(crate) async fn through_the_gateway(&self, application: &str) -> Result<Response> {
        let address = self.mesh.gateway.at(gateway_port(80));
        get(address, &format!("{application}.example.test")).await
    }

    /// A request that has arrived behind the gateway and is answered only when that is [said](Self::answer).
    pub(crate) async fn slow(&self) -> Result<JoinHandle<Result<Response>>> {
        self.answered.send_replace(false);
        self.mcp.take();
        let address = self.mesh.gateway.at(gateway_port(80));
        let answer = tokio::spawn(async move { get(address, "slow.example.test").await });
        eventually("the slow request", Duration::from_secs(10), || async {
            ensure!(self.mcp.requests().len() == 1, "it has not arrived");
            Ok(())
        })
        .await?;
        Ok(answer)
    }

    /// Lets the slow request be answered.
    pub(crate) fn answer(&self) {
        self.answered.send_replace(true);
    }

    /// A request of the stranger through its own sidecar, as itself.
    pub(crate) async fn as_the_stranger(&self, application: &str) -> Result<Response> {
        let host = format!("obolus-{application}.obolus.svc.cluster.local:{PORT}");
        get(self.stranger()?.at(PORT), &host).await
    }
}

/// To `slow.example.test` when it is time.
async fn answer(
    request: Recorded,
    mut answered: watch::Receiver<bool>,
) -> axum::response::Response {
    if request.header("host").is_some_and(|host| host.starts_with("slow")) {
        let _world_is_gone = answered.wait_for(|answered| *answered).await;
    }
    axum::response::Response::default()
}

pub(crate) async fn get(address: SocketAddr, host: &str) -> Result<Response> {
    let request = https::plain_client()?.get(format!("http://{address}/some/path"));
    Ok(request.header("host", host).send().await?)
}
