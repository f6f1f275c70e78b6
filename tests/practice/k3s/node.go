package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// runAgent joins, and is then a node until it is told to end.
func runAgent(cfg *Config) error {
	s := newSupervisor()
	grant, err := joinNode(s.ctx, cfg)
	if err != nil {
		return err
	}
	balancer, err := startBalancer(s, grant.Servers)
	if err != nil {
		return err
	}
	client, network, err := startNode(s, cfg, grant, "https://"+balancerAddress)
	if err != nil {
		return err
	}
	go balancer.follow(s.ctx, client)
	select {
	case <-network:
		notify("READY=1")
		<-s.ctx.Done()
	case <-s.ctx.Done():
	}
	s.end()
	return nil
}

// startNode starts everything that makes this machine a node; api is where the node reaches an API server. The channel is
// closed once its Node is there and pods have their network.
func startNode(s *supervisor, cfg *Config, g *nodeGrant, api string) (kubernetes.Interface, <-chan struct{}, error) {
	if err := unpackPayload(); err != nil {
		return nil, nil, err
	}
	if err := requireWatches(); err != nil {
		return nil, nil, err
	}
	cg, err := prepareCgroups(cfg.NodeName)
	if err != nil {
		return nil, nil, err
	}
	openForwarding()
	if err := g.write(api); err != nil {
		return nil, nil, err
	}
	if err := startContainerd(s, cg); err != nil {
		return nil, nil, err
	}
	if err := startKubelet(s, cfg, g, cg); err != nil {
		return nil, nil, err
	}
	s.start("kube-proxy", append([]string{
		"--kubeconfig=" + agentFile("kubeproxy.kubeconfig"), "--hostname-override=" + cfg.NodeName, "--cluster-cidr=" + g.ClusterCIDR,
		// The connection limit is the outer kernel's: leave it as it is.
		"--proxy-mode=nftables", "--conntrack-max-per-core=0",
		"--healthz-bind-address=127.0.0.1:10256", "--metrics-bind-address=127.0.0.1:10249",
	}, flags(cfg.KubeProxyArg)...)...)
	client, err := clientFor(agentFile("k3scontroller.kubeconfig"))
	if err != nil {
		return nil, nil, err
	}
	go watchImages(s.ctx)
	network := make(chan struct{})
	go keepNetwork(s.ctx, cfg, g.ClusterCIDR, client, sync.OnceFunc(func() { close(network) }))
	return client, network, nil
}

func agentFile(name string) string { return filepath.Join(agentDir, name) }

func (g *nodeGrant) write(api string) error {
	for name, p := range map[string]pair{"kubelet": g.Kubelet, "kubeproxy": g.Proxy, "k3scontroller": g.Controller} {
		if err := writeKubeconfig(agentFile(name+".kubeconfig"), 0o600, api, g.ServerCA, p); err != nil {
			return err
		}
	}
	if err := writeFile(agentFile("client-ca.crt"), g.ClientCA, 0o644); err != nil {
		return err
	}
	if err := writeFile(agentFile("server-ca.crt"), g.ServerCA, 0o644); err != nil {
		return err
	}
	return g.Serving.write(agentFile("serving-kubelet"))
}

func startKubelet(s *supervisor, cfg *Config, g *nodeGrant, cg cgroups) error {
	resolvConf, err := usableResolvConf(cfg)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",
		"authentication": map[string]any{"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": agentFile("client-ca.crt")}},
		"authorization":            map[string]any{"mode": "Webhook"},
		"tlsCertFile":              agentFile("serving-kubelet.crt"),
		"tlsPrivateKeyFile":        agentFile("serving-kubelet.key"),
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"clusterDNS":               []string{g.ClusterDNS}, "clusterDomain": g.ClusterDomain, "resolvConf": resolvConf,
		"cgroupDriver": cg.driver, "cgroupRoot": cg.root, "failCgroupV1": false, "failSwapOn": false,
		"protectKernelDefaults": cfg.ProtectKernelDefaults,
		"serializeImagePulls":   false,
		// A rehearsal should not wait long for a container to crash again: usually 10 s, then ever longer.
		"crashLoopBackOff": map[string]string{"maxContainerRestartPeriod": "3s"},
		"evictionHard":     map[string]string{"imagefs.available": "5%", "nodefs.available": "5%"},
		// Images came from tarballs: once collected, they could not be pulled again.
		"imageGCHighThresholdPercent": 100,
	})
	if err != nil {
		return err
	}
	if err := writeFile(agentFile("etc/kubelet.json"), config, 0o600); err != nil {
		return err
	}
	args := []string{"--config=" + agentFile("etc/kubelet.json"), "--kubeconfig=" + agentFile("kubelet.kubeconfig"),
		"--hostname-override=" + cfg.NodeName, "--node-ip=" + cfg.NodeIP}
	if len(cfg.NodeLabel) > 0 {
		args = append(args, "--node-labels="+strings.Join(cfg.NodeLabel, ","))
	}
	if len(cfg.NodeTaint) > 0 {
		args = append(args, "--register-with-taints="+strings.Join(cfg.NodeTaint, ","))
	}
	// A mount namespace of its own, see shieldKernelSettings; what it mounts for pods still reaches the machine's.
	s.keep(&child{name: "kubelet", args: append(args, flags(cfg.KubeletArg)...), out: prefixed("kubelet"), flags: syscall.CLONE_NEWNS})
	return nil
}

// usableResolvConf gives the pods a resolver they can reach. K3s falls back to a public one; nothing may leave here,
// so the fallback is this machine, where the question ends at once.
func usableResolvConf(cfg *Config) (string, error) {
	text, err := os.ReadFile(cfg.ResolvConf)
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" && !strings.HasPrefix(words[1], "127.") {
			return cfg.ResolvConf, nil
		}
	}
	log.Printf("%s names no resolver that pods can reach: names outside the cluster will not resolve", cfg.ResolvConf)
	fallback := agentFile("etc/resolv.conf")
	return fallback, writeFile(fallback, fmt.Appendf(nil, "nameserver %s\n", cfg.NodeIP), 0o644)
}

func writeKubeconfig(path string, mode os.FileMode, api string, ca []byte, p pair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["default"] = &clientcmdapi.Cluster{Server: api, CertificateAuthorityData: ca}
	config.AuthInfos["default"] = &clientcmdapi.AuthInfo{ClientCertificateData: p.Cert, ClientKeyData: p.Key}
	config.Contexts["default"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "default"}
	config.CurrentContext = "default"
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return writeFile(path, text, mode)
}

func clientFor(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}
