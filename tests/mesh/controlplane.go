package main

import (
	"fmt"
	"io/fs"
	"os"

	// What Istio's own main packages import for its side effect.
	_ "k8s.io/client-go/plugin/pkg/client/auth"

	"istio.io/istio/istioctl/cmd"
	"istio.io/istio/manifests"
	"istio.io/istio/pilot/cmd/pilot-discovery/app"
	"istio.io/istio/pkg/log"
)

func pilotDiscovery() error {
	log.EnableKlogWithCobra()
	return app.NewRootCommand().Execute()
}

func istioctl() error {
	if err := cmd.ConfigAndEnvProcessing(); err != nil {
		return err
	}
	root := cmd.GetRootCmd(os.Args[1:])
	log.EnableKlogWithCobra()
	if err := root.Execute(); err != nil {
		// istioctl's exit codes tell a bad command line from findings. The command has printed the error.
		os.Exit(cmd.GetExitCode(err))
	}
	return nil
}

// istioCRDs prints the resource definitions that this istiod works with, from Istio's own chart.
func istioCRDs() error {
	crds, err := fs.ReadFile(manifests.BuiltinOrDir(""), "charts/base/files/crd-all.gen.yaml")
	if err != nil {
		return err
	}
	_, err = fmt.Print(string(crds))
	return err
}
