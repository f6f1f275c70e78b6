package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// nodeRequest is what a node says about itself, with a password that proves it is the same node as last time.
type nodeRequest struct {
	Name     string `json:"name"`
	IP       string `json:"ip"`
	Password string `json:"password"`
}

// nodeGrant is what a node receives for a valid token.
type nodeGrant struct {
	ServerCA      []byte   `json:"serverCA"`
	ClientCA      []byte   `json:"clientCA"`
	Serving       pair     `json:"serving"`
	Kubelet       pair     `json:"kubelet"`
	Proxy         pair     `json:"proxy"`
	Controller    pair     `json:"controller"`
	ClusterCIDR   string   `json:"clusterCIDR"`
	ClusterDNS    string   `json:"clusterDNS"`
	ClusterDomain string   `json:"clusterDomain"`
	Servers       []string `json:"servers"`
}

// serverGrant is what a joining server receives: the shared files, and the settings that must be alike.
type serverGrant struct {
	Files    map[string][]byte `json:"files"`
	Settings map[string]string `json:"settings"`
	Etcd     []string          `json:"etcd"`
}

func (p *pki) grantNode(cfg *Config, r nodeRequest) (*nodeGrant, error) {
	g := &nodeGrant{ServerCA: p.server.pem, ClientCA: p.client.pem, ClusterCIDR: cfg.ClusterCIDR,
		ClusterDNS: cfg.ClusterDNS, ClusterDomain: cfg.ClusterDomain, Servers: []string{cfg.AdvertiseAddress + ":6443"}}
	sign := func(to *pair, by *authority, l leaf) (err error) {
		*to, err = by.issue(l)
		return err
	}
	return g, errors.Join(
		sign(&g.Serving, p.server, leaf{name: r.Name, hosts: []string{r.Name, "localhost", "127.0.0.1", r.IP}}),
		sign(&g.Kubelet, p.client, leaf{name: "system:node:" + r.Name, groups: []string{"system:nodes"}}),
		sign(&g.Proxy, p.client, leaf{name: "system:kube-proxy"}),
		sign(&g.Controller, p.client, leaf{name: "system:k3s-controller"}))
}

// mustMatch are the settings K3s insists on being the same on every server.
func mustMatch(cfg *Config) map[string]string {
	return map[string]string{"cluster-cidr": cfg.ClusterCIDR, "service-cidr": cfg.ServiceCIDR, "cluster-dns": cfg.ClusterDNS,
		"cluster-domain": cfg.ClusterDomain, "flannel-backend": cfg.FlannelBackend, "secrets-encryption": fmt.Sprint(cfg.SecretsEncryption)}
}

func grantServer(ctx context.Context, cfg *Config) (*serverGrant, error) {
	members, err := memberURLs(ctx)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	g := &serverGrant{Files: map[string][]byte{}, Settings: mustMatch(cfg), Etcd: members}
	for _, name := range shared {
		text, err := os.ReadFile(filepath.Join(serverDir, name))
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		g.Files[name] = text
	}
	return g, nil
}

// joinHandler answers nodes and servers that hold the right token.
func joinHandler(cfg *Config, p *pki, known passwords, client kubernetes.Interface) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1-k3s/node", guard(map[string]string{"node": known.node, "server": known.server}, func(r *http.Request) (any, error) {
		var request nodeRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, err
		}
		if request.Name == "" || net.ParseIP(request.IP) == nil {
			return nil, errors.New("the node tells no name or no address")
		}
		if err := checkNodePassword(r.Context(), client, request); err != nil {
			return nil, err
		}
		return p.grantNode(cfg, request)
	}))
	mux.HandleFunc("POST /v1-k3s/server", guard(map[string]string{"server": known.server}, func(r *http.Request) (any, error) {
		return grantServer(r.Context(), cfg)
	}))
	return mux
}

func guard(accepted map[string]string, answer func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		want, known := accepted[user]
		if !known || subtle.ConstantTimeCompare([]byte(want), []byte(password)) != 1 {
			http.Error(w, "the token is not valid here", http.StatusUnauthorized)
			return
		}
		body, err := answer(r)
		if errors.Is(err, errOtherNode) {
			log.Print(err)
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(body)
	}
}

func passwordSecret(node string) string { return node + ".node-password.k3s" }

// errOtherNode is K3s' word for a node that is not the one of that name.
var errOtherNode = errors.New("hash does not match")

// checkNodePassword refuses a node that takes the name of another: as in K3s, a rebuilt host may
// come back under its old name only after its Node object was deleted.
func checkNodePassword(ctx context.Context, client kubernetes.Interface, r nodeRequest) error {
	secrets := client.CoreV1().Secrets("kube-system")
	name, hash := passwordSecret(r.Name), hashCA([]byte(r.Password))
	stored, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		if string(stored.Data["hash"]) == hash {
			return nil
		}
		return fmt.Errorf("unable to verify password for node %s: %w", r.Name, errOtherNode)
	} else if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name},
		Data: map[string][]byte{"hash": []byte(hash)}}, metav1.CreateOptions{})
	return err
}
