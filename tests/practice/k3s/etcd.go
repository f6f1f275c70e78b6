package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"
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

// memberName is the name of this server's member, as K3s makes it: the node's, a dash and eight hex digits. It lies with
// the database, so that a machine installed anew is another member.
func memberName(cfg *Config) (string, error) {
	text, err := os.ReadFile(memberNameFile)
	if err == nil || !os.IsNotExist(err) {
		return string(text), err
	}
	if err := os.MkdirAll(etcdDir, 0o700); err != nil {
		return "", err
	}
	name := cfg.NodeName + "-" + randomHex(4)
	return name, writeFile(memberNameFile, []byte(name), 0o600)
}

// leaveOldData does as K3s at the start after etcd has put this server out: its data goes aside, and it joins anew.
func leaveOldData(cfg *Config) error {
	if _, err := os.Stat(tombstoneFile); os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	if cfg.Server == "" {
		return errors.New("tombstone file has been detected but --server is empty: backup and delete ${datadir}/server/db to create a new cluster, or set --server to rejoin the cluster")
	}
	log.Print("tombstone file has been detected, removing data dir to rejoin the cluster")
	return os.Rename(etcdDir, fmt.Sprintf("%s-backup-%d", etcdDir, time.Now().Unix()))
}

// removal passes on what etcd says, and notices when it says that it is no member any more.
type removal struct {
	out  io.Writer
	seen atomic.Bool
}

func (r *removal) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("the member has been permanently removed from the cluster")) {
		r.seen.Store(true)
	}
	return r.out.Write(line)
}

// isFinal writes down, as K3s does, that etcd has ended because it was removed. The service stays active without it.
func (r *removal) isFinal() bool {
	if !r.seen.Load() {
		return false
	}
	log.Print("This node has been removed from the cluster - please restart k3s to rejoin the cluster")
	if err := writeFile(tombstoneFile, nil, 0o600); err != nil {
		log.Print(err)
	}
	return true
}

// startEtcd starts this server's member: alone, or as the newest of the cluster that cfg.Server belongs to.
func startEtcd(s *supervisor, cfg *Config) error {
	self := peerURL(cfg.NodeIP)
	name, err := memberName(cfg)
	if err != nil {
		return err
	}
	cluster, state := name+"="+self, "new"
	if !hasDatabase() && cfg.Server != "" {
		state = "existing"
		if cluster, err = joinEtcd(s.ctx, cfg, name); err != nil {
			return fmt.Errorf("etcd cluster join failed: %w", err)
		}
	}
	dir := filepath.Join(tlsDir, "etcd")
	metrics := "http://127.0.0.1:2381"
	if cfg.EtcdExposeMetrics {
		metrics += ",http://" + cfg.NodeIP + ":2381"
	}
	args := append([]string{
		"--name=" + name, "--data-dir=" + etcdDir,
		"--initial-cluster=" + cluster, "--initial-cluster-state=" + state,
		"--listen-peer-urls=" + self, "--initial-advertise-peer-urls=" + self,
		"--listen-client-urls=https://127.0.0.1:2379,https://" + cfg.NodeIP + ":2379",
		// As in K3s: HTTP has a listener of its own, so 2379 is for gRPC only.
		"--listen-client-http-urls=https://127.0.0.1:2382",
		"--advertise-client-urls=https://" + cfg.NodeIP + ":2379", "--listen-metrics-urls=" + metrics,
		"--client-cert-auth", "--trusted-ca-file=" + dir + "/server-ca.crt",
		"--cert-file=" + dir + "/server-client.crt", "--key-file=" + dir + "/server-client.key",
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + dir + "/peer-ca.crt",
		"--peer-cert-file=" + dir + "/peer-server-client.crt", "--peer-key-file=" + dir + "/peer-server-client.key",
		// K3s' own times.
		"--heartbeat-interval=500", "--election-timeout=5000", "--log-level=warn",
	}, flags(cfg.EtcdArg)...)
	watched := &removal{out: prefixed("etcd")}
	s.keep(&child{name: "etcd", args: args, out: watched, isFinal: watched.isFinal})
	return nil
}
