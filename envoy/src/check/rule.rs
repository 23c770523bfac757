//! Every kind of finding: a closed set, whose names stand in tests and in people's CI.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something would be open, or would not work.
    Error,
    /// It would work, and somebody would be surprised.
    Warning,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $id:literal $severity:ident,)*) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// Its stable name.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$rule => $id,)*
                }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$rule => Severity::$severity,)*
                }
            }
        }
    };
}

rules! {
    /// A file that should be looked at and cannot be read.
    Unreadable "unreadable" Error,
    /// An object that stands in two places.
    DefinedTwice "defined-twice" Error,
    /// There is no configuration of our filter, so nothing is known to be protected.
    NoFilter "no-filter" Error,
    /// Two files of one installation say different things.
    Disagrees "disagrees" Error,
    /// Configuration that comes from somewhere else at run time.
    Unseen "unseen" Warning,

    /// Filters lead to a protected cluster without the native guard.
    GuardMissing "guard-missing" Error,
    /// The guard is there and says something else than it must.
    GuardExpression "guard-expression" Error,
    /// The guard is there and is switched off.
    GuardOff "guard-off" Error,
    /// The guard stands where it cannot judge.
    GuardOrder "guard-order" Error,
    /// A protected cluster without its own guard.
    ClusterGuard "cluster-guard" Error,
    /// Something besides our filter writes or could write the permit.
    PermitForged "permit-forged" Error,

    /// Our filter stands where requests do not come.
    FilterOrder "filter-order" Error,
    /// A filter between ours and the router may change the request.
    Between "between" Error,
    /// An EnvoyFilter is for Pods that are not there.
    SelectsNothing "selects-nothing" Error,
    /// A route leads to a protected cluster, and our filter is not in its chain.
    FilterMissing "filter-missing" Error,
    /// Our filter is in the chain and does not run.
    FilterOff "filter-off" Error,
    /// Headers are not held until the body has been judged.
    BodyHold "body-hold" Error,
    /// A failed module lets requests pass.
    FailOpen "fail-open" Error,
    /// A failed module stays failed.
    NoReload "no-reload" Warning,
    /// Nothing writes the filter's audit records.
    AuditMissing "audit-missing" Warning,
    /// A problem with the filter's own configuration.
    FilterConfiguration "filter-configuration" Error,
    /// The module is not the one that is named.
    ModuleDigest "module-digest" Error,
    /// The module is not named yet.
    PlaceholderDigest "placeholder-digest" Warning,
    /// The module is not where the filter looks for it.
    ModuleMissing "module-missing" Error,
    /// The filter's credential stands in the configuration.
    CredentialInline "credential-inline" Error,
    /// The filter does not get its credential.
    CredentialMissing "credential-missing" Error,
    /// A log, a header, a trace or a recording tells a token or the credential.
    SecretTold "secret-told" Error,
    /// Something tells what may be a credential.
    SecretMayBeTold "secret-may-be-told" Warning,
    /// The module's image is named by a tag, which may be another one tomorrow.
    ImageNotPinned "image-not-pinned" Warning,
    /// Envoy refuses bodies that the filter would take.
    BufferLimit "buffer-limit" Error,

    /// The STS's cluster does not hold the STS to its authority and name.
    StsTls "sts-tls" Error,
    /// There is no cluster of the name that the filter calls.
    StsMissing "sts-missing" Error,
    /// A route leads to the STS.
    RouteToSts "route-to-sts" Error,
    /// A façade's URL, or an identity provider's under the gateway's name, leads to somebody else.
    LoginElsewhere "login-elsewhere" Error,
    /// A façade's URL has no route to the façade.
    FacadeMissing "facade-missing" Error,
    /// Nothing makes the cluster that is protected, so another one leads there.
    NoSuchCluster "no-such-cluster" Error,
    /// Another way leads to the same machines, past the guard.
    Alias "alias" Error,
    /// Machines by their address may be protected ones.
    MayBeAlias "may-be-alias" Warning,
    /// HTTP filters do not run for each connection.
    NotHttp "not-http" Error,
    /// Others may put routes on our host.
    OpenHost "open-host" Error,
    /// The MCP server or the STS is not held to its mesh identity.
    UpstreamTls "upstream-tls" Error,
    /// A protected cluster is reached without any HTTP filter.
    AroundHttp "around-http" Error,
    /// A client's header chooses the cluster.
    ClientRoutes "client-routes" Warning,
    /// Requests are copied, past all filters.
    Mirror "mirror" Error,
    /// No Gateway listens on the port of a resource's URL.
    GatewayPort "gateway-port" Warning,
    /// Tool calls are repeated.
    Retries "retries" Error,
    /// A time limit ends event streams.
    StreamTimeout "stream-timeout" Warning,
    /// `Authorization` is changed behind our filter.
    TokenChanged "token-changed" Error,
    /// The client's token is taken away before our filter sees it.
    TokenConsumed "token-consumed" Error,
    /// The client's token is refused before our filter sees it.
    TokenRefused "token-refused" Error,
    /// Envoy's admin page is reachable from elsewhere.
    AdminOpen "admin-open" Error,

    /// Others than the gateway are admitted.
    Admission "admission" Error,
    /// Callers without a mesh identity are admitted.
    MtlsNotStrict "mtls-not-strict" Error,
    /// Reachable from outside the mesh.
    Exposed "exposed" Error,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
