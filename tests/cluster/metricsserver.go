package main

import (
	"fmt"
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

// metricsServer answers metrics.k8s.io with what it reads from the nodes' resource metrics.
func metricsServer() {
	logs.InitLogs()
	command := app.NewMetricsServerCommand(genericapiserver.SetupSignalHandler())
	err := command.Execute()
	logs.FlushLogs()
	if err != nil {
		fmt.Fprintln(os.Stderr, "metrics-server:", err)
		os.Exit(1)
	}
}
