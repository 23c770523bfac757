//! What pods and nodes use, as metrics.k8s.io tells it.

use std::iter::Sum;

use form_urlencoded::Serializer;
use serde::Deserialize;

use super::caller::Caller;
use super::operation::Operation;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::Amount;
use crate::selectors::LabelSelector;

const GROUP: &str = "metrics.k8s.io";
const PATH: &str = "/apis/metrics.k8s.io/v1beta1";

/// What one thing uses.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) cpu: Amount,
    #[serde(default)]
    pub(crate) memory: Amount,
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            cpu: sum.cpu + one.cpu,
            memory: sum.memory + one.memory,
        })
    }
}

/// What a pod or a node uses.
#[derive(Debug, Deserialize)]
pub(crate) struct UsageOf {
    pub(crate) metadata: Meta,
    /// A node's.
    #[serde(default)]
    pub(crate) usage: Usage,
    /// A pod's, by container.
    #[serde(default)]
    pub(crate) containers: Vec<ContainerUsage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Meta {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ContainerUsage {
    pub(crate) name: String,
    pub(crate) usage: Usage,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<UsageOf>,
}

impl Caller {
    /// What pods use: one, those of a namespace, or all.
    pub(crate) async fn pod_usage(
        &self,
        namespace: Option<&Namespace>,
        name: Option<&ObjectName>,
        labels: Option<&LabelSelector>,
    ) -> Result<Vec<UsageOf>, Failure> {
        let verb = if name.is_some() { "get" } else { "list" };
        let operation = Operation::in_namespace(verb, format!("pods.{GROUP}"), namespace);
        let operation = operation.of(GROUP, "PodMetrics", "pods");
        let collection = match namespace {
            Some(namespace) => format!("{PATH}/namespaces/{namespace}/pods"),
            None => format!("{PATH}/pods"),
        };
        self.usage(operation, collection, name, labels).await
    }

    /// What nodes use: one or all.
    pub(crate) async fn node_usage(
        &self,
        name: Option<&ObjectName>,
        labels: Option<&LabelSelector>,
    ) -> Result<Vec<UsageOf>, Failure> {
        let verb = if name.is_some() { "get" } else { "list" };
        let operation = Operation::on_cluster(verb, format!("nodes.{GROUP}"));
        let operation = operation.of(GROUP, "NodeMetrics", "nodes");
        self.usage(operation, format!("{PATH}/nodes"), name, labels).await
    }

    async fn usage(
        &self,
        operation: Operation,
        mut target: String,
        name: Option<&ObjectName>,
        labels: Option<&LabelSelector>,
    ) -> Result<Vec<UsageOf>, Failure> {
        let operation = match name {
            Some(name) => {
                target = format!("{target}/{name}");
                operation.named(name)
            }
            None => operation,
        };
        if let Some(LabelSelector(labels)) = labels.filter(|_| name.is_none()) {
            let mut query = Serializer::new(String::new());
            target = format!("{target}?{}", query.append_pair("labelSelector", labels).finish());
        }
        let request = http::Request::get(target)
            .body(Vec::new())
            .map_err(|error| Failure::InvalidArguments(error.to_string()))?;
        let usage = match name {
            Some(_) => self.ask(&operation, request).await.map(|usage| vec![usage]),
            None => self.ask(&operation, request).await.map(|List { items }| items),
        };
        usage.map_err(|failure| self.without_metrics(failure))
    }

    /// A refusal by nobody in particular means that nobody serves the API.
    fn without_metrics(&self, failure: Failure) -> Failure {
        let Failure::Rejected { status, message, .. } = &failure else { return failure };
        let is_unserved = *status == 404 && !message.contains(GROUP);
        if is_unserved || *status == 503 {
            return Failure::NoMetrics { server: self.server(), installed: !is_unserved };
        }
        failure
    }
}
