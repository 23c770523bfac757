package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	// What Kubernetes' own main packages import for its side effects.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func etcd() { etcdmain.Main(os.Args) }

func kubeAPIServer() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) }

func kubeControllerManager() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) }

func kubeScheduler() { os.Exit(cli.Run(scheduler.NewSchedulerCommand())) }
