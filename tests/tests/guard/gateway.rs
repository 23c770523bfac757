//! A gateway with two protected clusters and another application, each a recorder.

use anyhow::Result;
use obolus_envoy::{Bootstrap, FILTER_NAME, Module, PathMatch, Route, Upstream, edit, guard};
use obolus_tests::fixtures::envoy::{Envoy, EnvoyOptions};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::https;
use obolus_tests::pki::Authority;
use obolus_tests::ports::Port;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::modules::{self, Behaviour};

/// Which of the two lines of the guard stand in a variation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// As generated.
    Both,
    /// On the listener, before the router.
    Listener,
    /// On the protected clusters.
    Cluster,
    /// Neither: what would happen if there were no guard.
    None,
}

/// Everything that a variation starts from. The routes, on the resource's host:
/// `/mcp` to `obolus-mcp`; `/shop` to `shop`; any path with `x-moved` to `second`.
pub(crate) struct Plan {
    pub(crate) bootstrap: Bootstrap,
    pub(crate) mcp: Recorder,
    pub(crate) second: Recorder,
    pub(crate) shop: Recorder,
    pub(crate) folder: TempDir,
    /// Its certificate is the file that the STS's cluster trusts.
    pub(crate) sts_authority: Authority,
    port: Port,
    admin: Port,
}

pub(crate) struct Gateway {
    pub(crate) mcp: Recorder,
    pub(crate) second: Recorder,
    pub(crate) shop: Recorder,
    pub(crate) port: Port,
    pub(crate) envoy: Envoy,
    _admin: Port,
    _folder: TempDir,
    http: reqwest::Client,
}

impl Plan {
    pub(crate) async fn new(behaviour: Behaviour) -> Result<Self> {
        let [port, admin] = Port::reserve_all()?;
        let (mcp, second, shop) =
            (Recorder::start().await?, Recorder::start().await?, Recorder::start().await?);
        let folder = tempfile::tempdir()?;
        let sts_authority = Authority::new("the STS's authority")?;
        let ca_file = folder.path().join("ca.pem");
        sts_authority.write(&ca_file)?;

        let mut bootstrap = Bootstrap::default();
        bootstrap.listener.address = port.address();
        bootstrap.admin = admin.address();
        bootstrap.module = Module::at(modules::write(behaviour, folder.path())?);
        bootstrap.sts.ca_file = ca_file.to_string_lossy().into_owned();
        bootstrap.configuration["resources"][0]["resource"] =
            json!(format!("http://localhost:{port}/mcp"));
        bootstrap.configuration["resources"][0]["clusters"] = json!(["obolus-mcp", "second"]);
        let local = |recorder: &Recorder| ([127, 0, 0, 1], recorder.port()).into();
        let upstream = |name, recorder| {
            let address: std::net::SocketAddr = local(recorder);
            Upstream::plain(name, address)
        };
        bootstrap.upstreams = vec![
            upstream("obolus-mcp", &mcp),
            upstream("second", &second),
            upstream("shop", &shop),
        ];
        bootstrap.routes = vec![Route {
            name: "shop".to_owned(),
            hosts: vec![format!("localhost:{port}")],
            path: PathMatch::Below("/shop".to_owned()),
            cluster: "shop".to_owned(),
        }];
        Ok(Self { bootstrap, mcp, second, shop, folder, sts_authority, port, admin })
    }

    /// The host under which the routes are.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The generated bootstrap, with these lines of the guard and the route for moved requests.
    pub(crate) fn bootstrap(&self, lines: Lines) -> Result<Value> {
        let mut value = self.bootstrap.to_value()?;
        if matches!(lines, Lines::Cluster | Lines::None) {
            edit::remove(edit::http_filters(&mut value)?, guard::NAME)?;
        }
        if matches!(lines, Lines::Listener | Lines::None) {
            for cluster in edit::clusters(&mut value)? {
                cluster.as_object_mut().map(|it| it.remove("typed_extension_protocol_options"));
            }
        }
        let moved = json!({
            "name": "moved",
            "match": {"prefix": "/", "headers": [{"name": "x-moved", "present_match": true}]},
            "route": {"cluster": "second"},
        });
        self.add_route_first(&mut value, moved)?;
        Ok(value)
    }

    /// A route before all others of the host.
    pub(crate) fn add_route_first(&self, bootstrap: &mut Value, route: Value) -> Result<()> {
        let host = edit::named(edit::virtual_hosts(bootstrap)?, &self.host())?;
        if let Some(routes) = host["routes"].as_array_mut() {
            routes.insert(0, route);
        }
        Ok(())
    }

    /// Starts Envoy with this bootstrap.
    pub(crate) async fn start(self, bootstrap: &Value) -> Result<Gateway> {
        let envoy = Envoy::start(&bootstrap.to_string(), &EnvoyOptions::default()).await?;
        let Self { mcp, second, shop, folder, port, admin, .. } = self;
        let (_admin, _folder) = (admin, folder);
        Ok(Gateway {
            mcp,
            second,
            shop,
            port,
            envoy,
            _admin,
            _folder,
            http: https::plain_client()?,
        })
    }

    /// The generated bootstrap, started.
    pub(crate) async fn start_with(self, lines: Lines) -> Result<Gateway> {
        let bootstrap = self.bootstrap(lines)?;
        self.start(&bootstrap).await
    }
}

impl Gateway {
    /// The status of an answer.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<u16> {
        let mut request = self.http.get(format!("http://localhost:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.send().await?.status().as_u16())
    }

    /// As [`Self::get`], with a path that is sent as it is: other clients resolve `..` themselves.
    pub(crate) async fn get_raw(&self, path: &str, headers: &[(&str, &str)]) -> Result<u16> {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost:{}\r\n", self.port);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut connection = TcpStream::connect(self.port.address()).await?;
        connection.write_all(request.as_bytes()).await?;
        let mut status_line = [0; "HTTP/1.1 200".len()];
        connection.read_exact(&mut status_line).await?;
        let status_line = String::from_utf8(status_line.to_vec())?;
        Ok(status_line.trim_start_matches("HTTP/1.1 ").parse()?)
    }

    /// How many requests arrived since the last look: at `obolus-mcp`, `second`, `shop`.
    pub(crate) fn arrived(&self) -> [usize; 3] {
        [&self.mcp, &self.second, &self.shop].map(|recorder| recorder.take().len())
    }
}

/// Takes our filter's place: the permit is what the request's own header `x-permit` says.
pub(crate) fn permit_from_header(bootstrap: &mut Value) -> Result<()> {
    let stand_in = json!({
        "name": FILTER_NAME,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": guard::PERMIT_STATE,
                "factory_key": "envoy.string",
                "format_string": {
                    "text_format_source": {"inline_string": "%REQ(x-permit)%"},
                    // An absent header is no permit; without this it is the permit `-`.
                    "omit_empty_values": true,
                },
                "skip_if_empty": true,
            }],
        },
    });
    *edit::named(edit::http_filters(bootstrap)?, FILTER_NAME)? = stand_in;
    Ok(())
}
