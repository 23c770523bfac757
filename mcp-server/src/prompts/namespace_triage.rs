//! `namespace-triage`.

use super::arguments::Arguments;
use super::cluster_health::{troubles, warnings};
use super::gathered::Gathered;
use super::{Argument, Of, Ours};
use crate::cluster::{Caller, ListQuery, Resource};
use crate::failure::Failure;

pub(super) const PROMPT: Ours = Ours {
    name: "namespace-triage",
    title: "Namespace triage",
    description: "What is wrong in a namespace, and what to look at first: pods, workloads, storage, quotas and warnings",
    arguments: &[Argument {
        name: "namespace",
        description: "The namespace",
        required: true,
        of: Of::Namespace,
    }],
    gather: |caller, arguments| Box::pin(gather(caller, arguments)),
};

async fn gather(caller: Caller, arguments: Arguments) -> Result<Gathered, Failure> {
    let namespace = caller.namespace_or_default(arguments.namespace()?);
    let mut gathered = Gathered::about(format!(
        "Triage namespace {namespace}. Group what is wrong by its likely cause, begin with what most people feel, and say for \
         each what to check next. If nothing is wrong, say so in one sentence. Change nothing without asking me."
    ));
    for (heading, kind, plural) in [
        ("Pods", "Pod", "pods"),
        ("Services", "Service", "services"),
        ("Quotas", "ResourceQuota", "resourcequotas"),
    ] {
        let resource = Resource::core(kind, plural, true);
        let query = ListQuery::default();
        let found = caller.list_table(&resource, Some(&namespace), &query).await;
        gathered.add(heading, found.map(|list| list.reply().text))?;
    }
    troubles(&caller, Some(&namespace), &mut gathered).await?;
    gathered.add("Warnings", warnings(&caller, Some(&namespace)).await)?;
    Ok(gathered)
}
