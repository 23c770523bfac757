package main

import (
	"fmt"
	"strings"

	metricsresource "sigs.k8s.io/kwok/kustomize/metrics/resource"
	metricsusage "sigs.k8s.io/kwok/kustomize/metrics/usage"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

// kwokStages prints KWOK's own stages for nodes that are ready and pods that run at once. KWOK started
// with a configuration file has no stages unless the file carries them.
func kwokStages() {
	fmt.Println(strings.Join([]string{
		nodefast.DefaultNodeInit,
		nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady,
		podfast.DefaultPodComplete,
		podfast.DefaultPodDelete,
	}, "\n---\n"))
}

// kwokMetrics prints how KWOK serves a node's resource metrics, and where it takes the values from.
func kwokMetrics() {
	fmt.Println(strings.Join([]string{
		metricsresource.DefaultMetricsResource,
		metricsusage.DefaultUsageFromAnnotation,
	}, "\n---\n"))
}
