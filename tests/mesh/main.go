// Istio's control plane and its command line in one binary, so that the packages that the roles share
// are linked once.
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
var roles = map[string]func() error{
	"istio-crds":      istioCRDs,
	"istioctl":        istioctl,
	"pilot-discovery": pilotDiscovery,
}

func main() {
	role, found := roles[filepath.Base(os.Args[0])]
	if !found && len(os.Args) > 1 {
		if role, found = roles[os.Args[1]]; found {
			os.Args = os.Args[1:]
		}
	}
	if !found {
		names := make([]string, 0, len(roles))
		for name := range roles {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "usage: %s ROLE [FLAGS]\nroles: %s\n", filepath.Base(os.Args[0]), strings.Join(names, ", "))
		os.Exit(2)
	}
	if err := role(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}
