package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"k8s.io/client-go/util/keyutil"
	netutils "k8s.io/utils/net"
)

// pki is everything a server signs with.
type pki struct {
	server, client, front, etcdServer, etcdPeer *authority
}

// shared names the files, below serverDir, that every server of a cluster must hold alike.
var shared = []string{
	"tls/server-ca.crt", "tls/server-ca.key", "tls/client-ca.crt", "tls/client-ca.key",
	"tls/request-header-ca.crt", "tls/request-header-ca.key",
	"tls/etcd/server-ca.crt", "tls/etcd/server-ca.key", "tls/etcd/peer-ca.crt", "tls/etcd/peer-ca.key",
	"tls/service.key", "cred/encryption-config.json",
}

func ensurePKI(cfg *Config) (*pki, error) {
	p := &pki{}
	for name, to := range map[string]**authority{
		"server-ca": &p.server, "client-ca": &p.client, "request-header-ca": &p.front,
		"etcd/server-ca": &p.etcdServer, "etcd/peer-ca": &p.etcdPeer,
	} {
		var err error
		if *to, err = ensureAuthority(name); err != nil {
			return nil, fmt.Errorf("certificate authority %s: %w", name, err)
		}
	}
	return p, errors.Join(ensureServiceKey(), ensureEncryption(cfg), p.issueAll(cfg))
}

func (p *pki) issueAll(cfg *Config) error {
	serviceIP, err := firstAddress(cfg.ServiceCIDR)
	if err != nil {
		return err
	}
	domain := "kubernetes.default.svc." + cfg.ClusterDomain
	api := append([]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", domain, "localhost",
		"127.0.0.1", apiAddress, serviceIP, cfg.NodeIP, cfg.AdvertiseAddress, cfg.NodeName}, cfg.TLSSAN...)
	etcd := []string{"localhost", "127.0.0.1", cfg.NodeIP, cfg.NodeName}
	masters := []string{"system:masters"}
	return errors.Join(
		p.server.issueTo("serving-kube-apiserver", leaf{name: "kube-apiserver", hosts: api}),
		p.client.issueTo("client-admin", leaf{name: "system:admin", groups: masters}),
		p.client.issueTo("client-kube-apiserver", leaf{name: "system:apiserver", groups: masters}),
		p.client.issueTo("client-supervisor", leaf{name: "system:k3s-supervisor", groups: masters}),
		p.client.issueTo("client-controller", leaf{name: "system:kube-controller-manager"}),
		p.client.issueTo("client-scheduler", leaf{name: "system:kube-scheduler"}),
		p.front.issueTo("client-auth-proxy", leaf{name: "system:auth-proxy"}),
		p.etcdServer.issueTo("etcd/server-client", leaf{name: "etcd-server", hosts: etcd}),
		p.etcdServer.issueTo("etcd/client", leaf{name: "etcd-client"}),
		p.etcdPeer.issueTo("etcd/peer-server-client", leaf{name: "etcd-peer", hosts: etcd}),
	)
}

// ensureServiceKey makes the key that signs service account tokens.
func ensureServiceKey() error {
	path := filepath.Join(tlsDir, "service.key")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	return writeFile(path, text, 0o600)
}

// ensureEncryption makes the key that encrypts Secrets in etcd. As in K3s it is decided at the first start.
func ensureEncryption(cfg *Config) error {
	if _, err := os.Stat(encryptionFile); err == nil || !cfg.SecretsEncryption {
		return nil
	}
	key := make([]byte, 32)
	rand.Read(key)
	text := fmt.Sprintf(`{"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[{"resources":["secrets"],`+
		`"providers":[{"aescbc":{"keys":[{"name":"aescbckey","secret":%q}]}},{"identity":{}}]}]}`, base64.StdEncoding.EncodeToString(key))
	return writeFile(encryptionFile, []byte(text), 0o600)
}

// firstAddress is the Service that leads to the API server.
func firstAddress(cidr string) (string, error) {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return "", fmt.Errorf("service-cidr: %w", err)
	}
	return netutils.AddIPOffset(netutils.BigForIP(network.IP), 1).String(), nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
