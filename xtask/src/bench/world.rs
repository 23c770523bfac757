//! What runs during a measurement: one Envoy, our STS, an identity provider, an upstream.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use obolus_envoy::edit;
use obolus_tests::fixtures::envoy::Envoy;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::idp::{Behaviour, Idp};
use obolus_tests::fixtures::sts::{Sts, StsIssuer, StsOptions};
use obolus_tests::fixtures::workbench::issuers;
use obolus_tests::pki::Authority;
use obolus_tests::secret;

use super::listeners::Listeners;
use super::native;
use super::tokens::{Mint, exchanged_filling};
use super::upstream::Upstream;

/// As `maxCachedTokens` and `maxBodyBytes` are by default.
const CACHED_TOKENS: u32 = 4096;
const MAX_BODY_BYTES: u64 = 1 << 20;

pub(crate) struct World {
    pub(crate) envoy: Envoy,
    pub(crate) listeners: Listeners,
    pub(crate) upstream: Upstream,
    pub(crate) mint: Mint,
    /// The resource's URL.
    pub(crate) resource: String,
    /// `host:port` of the resource's URL.
    pub(crate) host: String,
    _place: Place,
    _sts: Sts,
    _idp: Idp,
}

impl World {
    pub(crate) async fn start(other: Option<PathBuf>) -> Result<Self> {
        let authority = Authority::new("obolus bench")?;
        let idp = Idp::start(&authority).await?;
        idp.behave(Behaviour::Claims(exchanged_filling()));
        let upstream = Upstream::start()?;
        let place = Place::reserve()?;
        let credential = secret::random()?;
        let sts = Sts::start(
            &authority,
            &StsOptions {
                issuers: vec![StsIssuer::oidc(idp.issuer(), vec![place.resource()])?],
                credential: credential.clone(),
                ..StsOptions::default()
            },
        )
        .await?;

        let mint = Mint::new(&idp, &place.resource())?;
        let listeners = Listeners::reserve(place.address(), other)?;
        let native = native::Chain {
            issuer: idp.issuer(),
            audience: place.resource(),
            keys: idp.key_set(),
            cached_tokens: CACHED_TOKENS,
            max_body_bytes: MAX_BODY_BYTES,
            scope: "mcp:tools",
        };
        let mut options = GatewayOptions::new(issuers(&idp), upstream.protected, &credential);
        options.other = Some(upstream.open);
        let (config, start) = Gateway::prepare(&place, sts.address(), sts.ca_file(), options)?;
        let mut config = serde_json::from_str(&config)?;
        let all = edit::listeners(&mut config)?;
        let generated = all.first().context("no listener was generated")?;
        *all = listeners.all_of(generated, &native)?;
        let envoy = Envoy::start(&config.to_string(), &start).await?;
        let (resource, host) = (place.resource(), place.authority());
        Ok(Self {
            envoy,
            listeners,
            upstream,
            mint,
            resource,
            host,
            _place: place,
            _sts: sts,
            _idp: idp,
        })
    }

    /// Throws away what Envoy has logged: a run would fill the disk.
    pub(crate) fn empty_log(&self) -> Result<()> {
        let log = std::fs::File::options().write(true).open(self.envoy.log_path())?;
        Ok(log.set_len(0)?)
    }

    /// How many exchanges the filter has asked the STS for.
    pub(crate) async fn exchanges(&self) -> Result<u64> {
        self.envoy.counter("wasmcustom.obolus.exchange_call").await
    }

    /// Envoy's version as it says it itself.
    pub(crate) async fn envoy_version(&self) -> Result<String> {
        let info: serde_json::Value =
            serde_json::from_str(&self.envoy.admin_get("/server_info").await?)?;
        let version = info.get("version").and_then(serde_json::Value::as_str);
        version.map(str::to_owned).ok_or_else(|| anyhow!("Envoy does not say its version"))
    }
}
