//! What differs, and why.

use crate::compared::Listed;

const fn listed(call: &'static str, at: &'static str, because: &'static str) -> Listed {
    Listed { call, at, because }
}

const LABELS_COLUMN: &str = "/rows/*/LABELS";
const LABELS: &str = "labels are the widest column and seldom asked for: ours has them with output json or yaml, see the rows of labels";
const KUBECONFIG: &str = "theirs fails: where the caller's token is used it takes the users out of its kubeconfig, and then misses one";
const IN_DEFAULT: &str = "theirs puts what names no namespace where its kubeconfig says, not where it was told to install";
const NOT_FOUND: &str = "theirs says of a release that the person may not see that it is not there, and no error; ours says what is missing";

/// All of it.
pub(crate) const LISTED: &[Listed] = &[
    listed("configuration_view", "", KUBECONFIG),
    listed("configuration_view, viewer", "", KUBECONFIG),
    listed("helm_install", "/made/configmaps/0/in", IN_DEFAULT),
    listed("helm_install", "/made/secrets/0/in", IN_DEFAULT),
    listed("helm_uninstall, viewer", "/again", NOT_FOUND),
    listed("helm_uninstall, viewer", "/left/configmaps/0/in", IN_DEFAULT),
    listed("helm_uninstall, viewer", "/left/secrets/0/in", IN_DEFAULT),
    listed("helm_uninstall, viewer", "/refused", NOT_FOUND),
    listed("namespaces_list", LABELS_COLUMN, LABELS),
    listed("namespaces_list: fieldSelector", LABELS_COLUMN, LABELS),
    listed(
        "nodes_stats_summary",
        "/form",
        "ours picks what a person asks for out of the kubelet's document, which theirs hands on whole",
    ),
    listed("nodes_top: one", "/count", "theirs has a row of <unknown> for each of the other nodes"),
    listed(
        "nodes_top: one",
        "/rows/*",
        "theirs has a row of <unknown> for each of the other nodes",
    ),
    listed(
        "pods_exec: ends with 3",
        "/refused",
        "the command was run: ours tells what it wrote and its exit code, theirs the exit code as an error",
    ),
    listed("pods_list", LABELS_COLUMN, LABELS),
    listed("pods_list: labelSelector", LABELS_COLUMN, LABELS),
    listed("pods_list_in_namespace", LABELS_COLUMN, LABELS),
    listed("pods_list_in_namespace, viewer", LABELS_COLUMN, LABELS),
    listed("pods_list_in_namespace: fieldSelector", LABELS_COLUMN, LABELS),
    listed("pods_list_in_namespace: fieldSelector, viewer", LABELS_COLUMN, LABELS),
    listed("projects_list", LABELS_COLUMN, LABELS),
    listed("resources_list", LABELS_COLUMN, LABELS),
    listed("resources_list, viewer", LABELS_COLUMN, LABELS),
    listed("resources_list: of the cluster", LABELS_COLUMN, LABELS),
    listed(
        "resources_scale: how many",
        "/selector",
        "the selector is the workload's, with which resources_get shows it; asked is how many there are",
    ),
];
