// Every role of a small Kubernetes control plane in one binary, so that the tests build and cache
// one file: the packages that the roles share are compiled and linked once.
//
// The role is the name the binary is called by, or its first argument.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// roles maps each role's name to its entry point, which reads os.Args like the original program.
var roles = map[string]func(){
	"etcd":                    etcd,
	"helm":                    helm,
	"kube-apiserver":          kubeAPIServer,
	"kube-controller-manager": kubeControllerManager,
	"kube-scheduler":          kubeScheduler,
	"kubectl":                 kubectl,
	"kwok":                    kwok,
	"kwok-metrics":            kwokMetrics,
	"kwok-stages":             kwokStages,
	"metrics-server":          metricsServer,
}

func main() {
	if run, found := roles[filepath.Base(os.Args[0])]; found {
		run()
		return
	}
	if len(os.Args) > 1 {
		if run, found := roles[os.Args[1]]; found {
			os.Args = os.Args[1:]
			run()
			return
		}
	}
	names := make([]string, 0, len(roles))
	for name := range roles {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "usage: %s ROLE [FLAGS]\nroles: %s\n", filepath.Base(os.Args[0]), strings.Join(names, ", "))
	os.Exit(2)
}
