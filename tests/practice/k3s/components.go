package main

import (
	"context"
	"log"
	"os"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
	containerd "github.com/containerd/containerd/v2/cmd/containerd/command"
	ctr "github.com/containerd/containerd/v2/cmd/ctr/app"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// components are upstream programs as they are. Each runs in a process of its own and reads os.Args.
var components = map[string]func(){
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"kube-apiserver":          func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) },
	"kube-controller-manager": func() { os.Exit(cli.Run(controllers.NewControllerManagerCommand())) },
	"kube-scheduler":          func() { os.Exit(cli.Run(scheduler.NewSchedulerCommand())) },
	"kube-proxy":              func() { os.Exit(cli.Run(proxy.NewProxyCommand())) },
	"kubelet":                 runKubelet,
	"containerd":              func() { exit(containerd.App().Run(os.Args)) },
	"ctr":                     runCtr,
	"kubectl":                 runKubectl,
}

func runKubelet() {
	exit(shieldKernelSettings())
	os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
}

func runKubectl() {
	if os.Getenv("KUBECONFIG") == "" {
		os.Setenv("KUBECONFIG", kubeconfigFile)
	}
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

func runCtr() {
	for name, value := range map[string]string{"CONTAINERD_ADDRESS": containerdSocket, "CONTAINERD_NAMESPACE": "k8s.io",
		// It would repeat at every call that version 1 of control groups ages.
		"CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS": "true"} {
		if os.Getenv(name) == "" {
			os.Setenv(name, value)
		}
	}
	exit(ctr.New().Run(os.Args))
}

func exit(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
