package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

func etcdClient(endpoints ...string) (*clientv3.Client, error) {
	dir := filepath.Join(tlsDir, "etcd")
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, "server-ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
		TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}})
}

// hasDatabase tells whether this server was a member of etcd before. The folder around the log comes first: a server
// killed between the two has joined nothing, and would begin a cluster of its own.
func hasDatabase() bool {
	_, err := os.Stat(filepath.Join(etcdDir, "member", "wal"))
	return err == nil
}

// startEtcd starts this server's member: alone, or as the newest of the cluster that cfg.Server belongs to.
func startEtcd(s *supervisor, cfg *Config) error {
	self := peerURL(cfg.NodeIP)
	cluster, state := cfg.NodeName+"="+self, "new"
	if !hasDatabase() && cfg.Server != "" {
		state = "existing"
		err := until(s.ctx, "become a member of etcd", 2*time.Second, func() (err error) {
			cluster, err = addMember(s.ctx, cfg)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := os.MkdirAll(etcdDir, 0o700); err != nil {
		return err
	}
	dir := filepath.Join(tlsDir, "etcd")
	metrics := "http://127.0.0.1:2381"
	if cfg.EtcdExposeMetrics {
		metrics += ",http://" + cfg.NodeIP + ":2381"
	}
	s.start("etcd", append([]string{
		"--name=" + cfg.NodeName, "--data-dir=" + etcdDir,
		"--initial-cluster=" + cluster, "--initial-cluster-state=" + state,
		"--listen-peer-urls=" + self, "--initial-advertise-peer-urls=" + self,
		"--listen-client-urls=https://127.0.0.1:2379,https://" + cfg.NodeIP + ":2379",
		"--advertise-client-urls=https://" + cfg.NodeIP + ":2379", "--listen-metrics-urls=" + metrics,
		"--client-cert-auth", "--trusted-ca-file=" + dir + "/server-ca.crt",
		"--cert-file=" + dir + "/server-client.crt", "--key-file=" + dir + "/server-client.key",
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + dir + "/peer-ca.crt",
		"--peer-cert-file=" + dir + "/peer-server-client.crt", "--peer-key-file=" + dir + "/peer-server-client.key",
		// Slow shared cores: the usual heartbeat would call elections for nothing.
		"--heartbeat-interval=500", "--election-timeout=5000", "--log-level=warn",
	}, flags(cfg.EtcdArg)...)...)
	return nil
}
