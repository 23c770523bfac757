// Istio's agent. It asks istiod's CA for the workload's certificate, hands it to Envoy, and stands
// between Envoy and istiod.
//
// Not a role of the other binary: each workload has one, and there it would need three times the
// memory. Besides, both register an environment variable that istiod has another default for, and
// say so on standard output before anything else.
package main

import (
	"os"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/cmd/pilot-agent/app"
	istioagent "istio.io/istio/pkg/istio-agent"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

func main() {
	log.EnableKlogWithCobra()
	server := func(options *security.Options, cache security.SecretManager, key *meshconfig.PrivateKeyProvider) istioagent.SDSService {
		return sds.NewServer(options, cache, key)
	}
	if err := app.NewRootCommand(server).Execute(); err != nil {
		log.Error(err)
		os.Exit(1)
	}
}
