package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
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

// startEtcd starts this server's member: alone, or as the newest of the cluster that cfg.Server belongs to.
func startEtcd(s *supervisor, cfg *Config) error {
	self := "https://" + cfg.NodeIP + ":2380"
	cluster, state := cfg.NodeName+"="+self, "new"
	if _, err := os.Stat(filepath.Join(etcdDir, "member")); os.IsNotExist(err) && cfg.Server != "" {
		state = "existing"
		err := until(s.ctx, "become a member of etcd", 2*time.Second, func() (err error) {
			cluster, err = addMember(s.ctx, cfg, self)
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

// addMember announces this server to etcd as a learner, in place of what it may have been before its disk was emptied.
func addMember(ctx context.Context, cfg *Config, self string) (string, error) {
	first, err := url.Parse(cfg.Server)
	if err != nil {
		return "", err
	}
	client, err := etcdClient("https://" + first.Hostname() + ":2379")
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		return "", err
	}
	var cluster []string
	members := list.Members
	if old := find(members, self); old != nil {
		if _, err := client.MemberRemove(ctx, old.ID); err != nil {
			return "", err
		}
		members = slices.DeleteFunc(members, func(m *etcdserverpb.Member) bool { return m.ID == old.ID })
	}
	if _, err := client.MemberAddAsLearner(ctx, []string{self}); err != nil {
		return "", err
	}
	for _, m := range members {
		cluster = append(cluster, m.Name+"="+m.PeerURLs[0])
	}
	return strings.Join(append(cluster, cfg.NodeName+"="+self), ","), nil
}

// promote makes the learner a voter as soon as it has caught up.
func promote(ctx context.Context, cfg *Config) error {
	return until(ctx, "become a voter of etcd", time.Second, func() error {
		// A learner answers no questions about members; the server it joined must be asked then.
		err := promoteThrough(ctx, cfg, "127.0.0.1")
		if first, bad := url.Parse(cfg.Server); err != nil && bad == nil && first.Hostname() != "" {
			err = promoteThrough(ctx, cfg, first.Hostname())
		}
		return err
	})
}

func promoteThrough(ctx context.Context, cfg *Config, host string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := etcdClient("https://" + host + ":2379")
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	m := find(list.Members, "https://"+cfg.NodeIP+":2380")
	if m == nil {
		return fmt.Errorf("etcd on %s does not list this server", host)
	}
	if m.IsLearner {
		_, err = client.MemberPromote(ctx, m.ID)
	}
	return err
}

func find(members []*etcdserverpb.Member, peer string) *etcdserverpb.Member {
	for _, m := range members {
		if slices.Contains(m.PeerURLs, peer) {
			return m
		}
	}
	return nil
}
