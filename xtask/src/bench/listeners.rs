//! The listeners of the one Envoy that is measured: the generated one, and copies of it whose filters differ.
//!
//! All of them share a worker thread, the connection manager's settings and the access log, so that a difference
//! between two rows is one between their filters.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use obolus_core::audit::AUDIT_PROPERTY;
use obolus_envoy::{FILTER_NAME, guard};
use obolus_tests::fixtures::gateway::{OTHER, PROTECTED};
use obolus_tests::ports::Port;
use serde_json::{Value, json};

use super::{native, policies};

/// Which filters a listener has before the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filters {
    /// None.
    Plain,
    /// Ours and the guard, as generated.
    Ours,
    /// Ours and the guard, and nobody who writes the audit records.
    OursUnwritten,
    /// Ours and the guard, with policies: the generated listener has none.
    OursWithPolicies,
    /// Ours and the guard, with the module of another build.
    OtherModule,
    /// Ours, in front of an application that is none of ours.
    OursElsewhere,
    /// The permit, left by a filter of Envoy's own.
    Permit,
    /// The permit, left by a filter of Envoy's own, and the guards, as generated.
    PermitAndGuard,
    /// The guards, and nobody who leaves a permit.
    GuardAlone,
    /// Envoy's own chain.
    Native,
}

impl Filters {
    const COPIES: [Self; 8] = [
        Self::Plain,
        Self::OursUnwritten,
        Self::OursWithPolicies,
        Self::OursElsewhere,
        Self::Permit,
        Self::PermitAndGuard,
        Self::GuardAlone,
        Self::Native,
    ];

    /// Whether requests go to the protected cluster, which has a guard of its own.
    fn protected(self) -> bool {
        !matches!(self, Self::Plain | Self::OursElsewhere | Self::Permit | Self::Native)
    }

    fn keeps(self, filter: &str) -> bool {
        match filter {
            FILTER_NAME => matches!(
                self,
                Self::Ours
                    | Self::OursUnwritten
                    | Self::OursWithPolicies
                    | Self::OtherModule
                    | Self::OursElsewhere
            ),
            guard::NAME => self.protected(),
            _ => true,
        }
    }
}

/// Where each listener is.
pub(crate) struct Listeners {
    generated: SocketAddr,
    copies: Vec<(Filters, Port)>,
    /// The module that is compared with ours.
    other: Option<PathBuf>,
}

impl Listeners {
    /// Reserves ports for the copies; the generated one has its own.
    pub(crate) fn reserve(generated: SocketAddr, other: Option<PathBuf>) -> Result<Self> {
        let other_module = other.as_ref().map(|_| Filters::OtherModule);
        let copies = Filters::COPIES.into_iter().chain(other_module);
        let copies = copies.map(|filters| Ok((filters, Port::reserve()?)));
        Ok(Self { generated, copies: copies.collect::<Result<_>>()?, other })
    }

    /// Whether there is another module to compare ours with.
    pub(crate) fn compare(&self) -> bool {
        self.other.is_some()
    }

    pub(crate) fn address(&self, filters: Filters) -> SocketAddr {
        let copy = self.copies.iter().find(|(other, _)| *other == filters);
        copy.map_or(self.generated, |(_, port)| port.address())
    }

    /// The generated listener with another access log, and its copies.
    pub(crate) fn all_of(&self, generated: &Value, native: &native::Chain) -> Result<Vec<Value>> {
        let mut generated = generated.clone();
        discard_access_logs(&mut generated)?;
        keep_connections(&mut generated)?;
        let mut listeners = vec![generated.clone()];
        for (filters, port) in &self.copies {
            let mut listener = copy(generated.clone(), *filters, port, native)?;
            if let (Filters::OtherModule, Some(other)) = (filters, &self.other) {
                load(&mut listener, other)?;
            }
            listeners.push(listener);
        }
        Ok(listeners)
    }
}

/// Lines are made as generated, and not kept: a run would fill the disk.
fn discard_access_logs(listener: &mut Value) -> Result<()> {
    let logs = part(listener, "access_log")?.as_array_mut().context("no access logs")?;
    for log in logs {
        let log = log.get_mut("typed_config").and_then(Value::as_object_mut);
        let log = log.context("an access log that is no object")?;
        log.insert(
            "@type".to_owned(),
            "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog".into(),
        );
        log.insert("path".to_owned(), "/dev/null".into());
    }
    Ok(())
}

/// The log of audit records is left out; the one that every request has stays.
fn leave_records(listener: &mut Value) -> Result<()> {
    let logs = part(listener, "access_log")?.as_array_mut().context("no access logs")?;
    let all = logs.len();
    logs.retain(|log| !log.to_string().contains(AUDIT_PROPERTY));
    ensure!(logs.len() + 1 == all, "one log of records among {all}");
    Ok(())
}

/// Envoy closes a connection of HTTP/1.1 after a 400, and a new one costs as much as several requests.
fn keep_connections(listener: &mut Value) -> Result<()> {
    let settings = listener.pointer_mut("/filter_chains/0/filters/0/typed_config");
    let settings = settings.and_then(Value::as_object_mut).context("no connection manager")?;
    settings.insert("stream_error_on_invalid_http_message".to_owned(), true.into());
    Ok(())
}

fn copy(
    mut listener: Value,
    filters: Filters,
    port: &Port,
    native: &native::Chain,
) -> Result<Value> {
    let place = listener.pointer_mut("/address/socket_address/port_value");
    *place.context("a listener without a port")? = port.number().into();
    *listener.pointer_mut("/name").context("a listener without a name")? =
        format!("{filters:?}").into();

    let list = part(&mut listener, "http_filters")?;
    let list = list.as_array_mut().context("filters that are no list")?;
    let all = list.len();
    list.retain(|filter| {
        let name = filter.get("name").and_then(Value::as_str);
        name.is_some_and(|name| filters.keeps(name))
    });
    ensure!(list.len() < all || filters.keeps(FILTER_NAME), "our filter was not there");
    let own = match filters {
        Filters::Permit | Filters::PermitAndGuard => vec![permit()],
        Filters::Native => native.filters(),
        _ => Vec::new(),
    };
    list.splice(0..0, own);
    match filters {
        Filters::OursUnwritten => leave_records(&mut listener)?,
        Filters::OursWithPolicies => {
            policies::add(part(&mut listener, "http_filters/0/typed_config/config")?)?;
        }
        _ => {}
    }

    if !filters.protected() {
        let hosts = part(&mut listener, "route_config/virtual_hosts")?;
        redirect(hosts);
    }
    Ok(listener)
}

/// Has the filter run from another file, in a VM of its own.
fn load(listener: &mut Value, module: &Path) -> Result<()> {
    let vm = part(listener, "http_filters/0/typed_config/config/vm_config")?;
    *vm.pointer_mut("/code/local/filename").context("a module without a file")? =
        module.to_string_lossy().into();
    *vm.pointer_mut("/vm_id").context("a VM without an id")? = "other".into();
    Ok(())
}

/// Leads all routes to the upstream's other name, which nothing protects.
fn redirect(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("cluster").is_some_and(|cluster| cluster == PROTECTED) {
                members.insert("cluster".to_owned(), OTHER.into());
            }
            members.values_mut().for_each(redirect);
        }
        Value::Array(items) => items.iter_mut().for_each(redirect),
        _ => {}
    }
}

/// The permit for the protected cluster for whatever comes, so that the guard can be measured alone.
fn permit() -> Value {
    json!({
        "name": "envoy.filters.http.set_filter_state",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": guard::PERMIT_STATE,
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": PROTECTED}},
            }],
        },
    })
}

/// A place in the listener's connection manager.
fn part<'a>(listener: &'a mut Value, path: &str) -> Result<&'a mut Value> {
    let pointer = format!("/filter_chains/0/filters/0/typed_config/{path}");
    listener.pointer_mut(&pointer).with_context(|| format!("no {path} in the generated listener"))
}
