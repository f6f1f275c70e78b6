package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// pair is a certificate and its key, both PEM.
type pair struct {
	Cert []byte `json:"cert"`
	Key  []byte `json:"key"`
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

// leaf is what a certificate says: organisations are Kubernetes groups, hosts are names or addresses.
type leaf struct {
	name   string
	groups []string
	hosts  []string
}

// ensureAuthority reads tlsDir/NAME.crt and .key, and makes them when they are not there yet.
func ensureAuthority(name string) (*authority, error) {
	base := filepath.Join(tlsDir, name)
	certPEM, err := os.ReadFile(base + ".crt")
	if errors.Is(err, os.ErrNotExist) {
		return newAuthority(base, fmt.Sprintf("k3s-%s@%d", filepath.Base(name), time.Now().Unix()))
	} else if err != nil {
		return nil, err
	}
	both, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return nil, err
	}
	return &authority{cert: both.Leaf, key: both.PrivateKey.(crypto.Signer), pem: certPEM}, nil
}

func newAuthority(base, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: name, NotBefore: time.Now().Add(-time.Minute)}, key)
	if err != nil {
		return nil, err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	a := &authority{cert: cert, key: key, pem: encodeCert(cert.Raw)}
	return a, errors.Join(writeFile(base+".key", keyPEM, 0o600), writeFile(base+".crt", a.pem, 0o644))
}

func (a *authority) issue(l leaf) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: l.name, Organization: l.groups},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, host := range l.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return pair{}, err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	return pair{Cert: encodeCert(der), Key: keyPEM}, err
}

// issueTo writes a fresh certificate to tlsDir/NAME.crt and .key. Leaves are made anew at every start, so none ages.
func (a *authority) issueTo(name string, l leaf) error {
	p, err := a.issue(l)
	if err != nil {
		return err
	}
	return p.write(filepath.Join(tlsDir, name))
}

func (p pair) write(base string) error {
	return errors.Join(writeFile(base+".key", p.Key, 0o600), writeFile(base+".crt", p.Cert, 0o644))
}

// writeFile makes the folder too, and puts the file in place in one move.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.WriteFile(temporary, data, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
