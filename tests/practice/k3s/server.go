package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// runServer runs the control plane, and a node beside it, until it is told to end.
func runServer(cfg *Config) error {
	s := newSupervisor()
	if err := os.MkdirAll(serverDir, 0o700); err != nil {
		return err
	}
	if err := leaveOldData(cfg); err != nil {
		return err
	}
	// As in K3s, a server that has a database once is a member for ever: what it would join no longer matters.
	if !hasDatabase() && cfg.Server != "" {
		if err := joinServers(s.ctx, cfg); err != nil {
			return err
		}
	}
	p, err := ensurePKI(cfg)
	if err != nil {
		return err
	}
	known, err := ensureTokens(cfg, p.server.pem)
	if err != nil {
		return err
	}
	client, err := writeKubeconfigs(cfg, p)
	if err != nil {
		return err
	}
	if err := serveFront(cfg, p, joinHandler(cfg, p, known, client)); err != nil {
		return err
	}
	if err := startEtcd(s, cfg); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- startRest(s, cfg, p, client) }()
	select {
	case err = <-failed:
		if err == nil {
			<-s.ctx.Done()
		}
	case <-s.ctx.Done():
	}
	s.end()
	return err
}

// startRest starts what needs etcd, and what needs the API server.
func startRest(s *supervisor, cfg *Config, p *pki, client kubernetes.Interface) error {
	startAPIServer(s, cfg)
	password, err := nodePassword()
	if err != nil {
		return err
	}
	node := nodeRequest{Name: cfg.NodeName, IP: cfg.NodeIP, Password: password}
	grant, err := p.grantNode(cfg, node)
	if err != nil {
		return err
	}
	if _, _, err := startNode(s, cfg, grant, "https://127.0.0.1:6443"); err != nil {
		return err
	}
	if err := promote(s.ctx, cfg); err != nil {
		return err
	}
	ready := func() error {
		if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Timeout(5 * time.Second).DoRaw(s.ctx); err != nil {
			return errors.New("not ready yet")
		}
		return nil
	}
	if err := until(s.ctx, "API server", 500*time.Millisecond, ready); err != nil {
		return err
	}
	startControllers(s, cfg)
	claim := func() error { return checkNodePassword(s.ctx, client, node) }
	if err := until(s.ctx, "node password", 2*time.Second, claim); err != nil {
		return err
	}
	go applyManifests(s.ctx, cfg)
	go scheduleSnapshots(s.ctx, cfg)
	go forgetDeletedNodes(s.ctx, client)
	go tellVoters(s.ctx, client)
	// As in K3s: its Node may come moments later.
	notify("READY=1")
	return until(s.ctx, "this server's Node", time.Second, func() error { return labelServer(s.ctx, cfg, client) })
}

// labelServer sets the roles, which a kubelet may not give itself, and names the Node's member of etcd.
func labelServer(ctx context.Context, cfg *Config, client kubernetes.Interface) error {
	member, err := memberName(cfg)
	if err != nil {
		return err
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":"true",%q:"true"},"annotations":{%q:%q,%q:%q}}}`,
		etcdLabel, memberAnnotation, member, addressOfMember, cfg.NodeIP)
	_, err = client.CoreV1().Nodes().Patch(ctx, cfg.NodeName, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func startAPIServer(s *supervisor, cfg *Config) {
	tls := func(name string) string { return filepath.Join(tlsDir, name) }
	issuer := "https://kubernetes.default.svc." + cfg.ClusterDomain
	args := []string{
		// Not on the node's address, where the front door is; yet with its port, which the kubernetes Service repeats.
		"--bind-address=" + apiAddress, "--secure-port=6443", "--advertise-address=" + cfg.AdvertiseAddress,
		"--tls-cert-file=" + tls("serving-kube-apiserver.crt"), "--tls-private-key-file=" + tls("serving-kube-apiserver.key"),
		"--client-ca-file=" + tls("client-ca.crt"),
		"--requestheader-client-ca-file=" + tls("request-header-ca.crt"), "--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + tls("client-auth-proxy.crt"), "--proxy-client-key-file=" + tls("client-auth-proxy.key"),
		"--etcd-servers=https://127.0.0.1:2379", "--etcd-cafile=" + tls("etcd/server-ca.crt"),
		"--etcd-certfile=" + tls("etcd/client.crt"), "--etcd-keyfile=" + tls("etcd/client.key"),
		"--kubelet-client-certificate=" + tls("client-kube-apiserver.crt"), "--kubelet-client-key=" + tls("client-kube-apiserver.key"),
		"--kubelet-certificate-authority=" + tls("server-ca.crt"), "--kubelet-preferred-address-types=InternalIP,Hostname",
		"--service-account-key-file=" + tls("service.key"), "--service-account-signing-key-file=" + tls("service.key"),
		"--service-account-issuer=" + issuer, "--api-audiences=" + issuer + ",k3s",
		"--service-cluster-ip-range=" + cfg.ServiceCIDR, "--authorization-mode=Node,RBAC", "--anonymous-auth=false",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true", "--profiling=false",
	}
	if _, err := os.Stat(encryptionFile); err == nil {
		args = append(args, "--encryption-provider-config="+encryptionFile)
	}
	s.start("kube-apiserver", append(args, flags(cfg.KubeAPIServerArg)...)...)
}

func startControllers(s *supervisor, cfg *Config) {
	kubeconfig := func(name string) []string {
		file := filepath.Join(serverDir, "cred", name+".kubeconfig")
		return []string{"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file,
			"--bind-address=127.0.0.1", "--profiling=false"}
	}
	s.start("kube-controller-manager", append(append(kubeconfig("controller"),
		"--allocate-node-cidrs", "--cluster-cidr="+cfg.ClusterCIDR, "--service-cluster-ip-range="+cfg.ServiceCIDR,
		"--root-ca-file="+filepath.Join(tlsDir, "server-ca.crt"),
		"--service-account-private-key-file="+filepath.Join(tlsDir, "service.key"),
		// Without it the controllers share one account, which lacks rights; nodes would get no pod ranges.
		"--use-service-account-credentials=true",
		// A rehearsal should not wait long for the first word of an autoscaler: usually it trusts a pod after 30 s and
		// looks every 15.
		"--horizontal-pod-autoscaler-initial-readiness-delay=5s", "--horizontal-pod-autoscaler-sync-period=5s",
	), flags(cfg.KubeControllerManagerArg)...)...)
	s.start("kube-scheduler", append(kubeconfig("scheduler"), flags(cfg.KubeSchedulerArg)...)...)
}

// writeKubeconfigs writes the operator's kubeconfig and those of the server's own parts, and returns the supervisor's client.
func writeKubeconfigs(cfg *Config, p *pki) (kubernetes.Interface, error) {
	mode, err := strconv.ParseUint(cfg.WriteKubeconfigMode, 8, 32)
	if err != nil {
		return nil, fmt.Errorf("write-kubeconfig-mode: %w", err)
	}
	own := filepath.Join(serverDir, "cred/supervisor.kubeconfig")
	for _, each := range []struct {
		cert, file, api string
		mode            os.FileMode
	}{
		{"client-admin", kubeconfigFile, "https://127.0.0.1:6443", os.FileMode(mode)},
		{"client-supervisor", own, "https://" + apiAddress + ":6443", 0o600},
		{"client-controller", filepath.Join(serverDir, "cred/controller.kubeconfig"), "https://" + apiAddress + ":6443", 0o600},
		{"client-scheduler", filepath.Join(serverDir, "cred/scheduler.kubeconfig"), "https://" + apiAddress + ":6443", 0o600},
	} {
		cert, err := os.ReadFile(filepath.Join(tlsDir, each.cert+".crt"))
		key, keyErr := os.ReadFile(filepath.Join(tlsDir, each.cert+".key"))
		if err := errors.Join(err, keyErr, writeKubeconfig(each.file, each.mode, each.api, p.server.pem, pair{cert, key})); err != nil {
			return nil, err
		}
	}
	return clientFor(own)
}
