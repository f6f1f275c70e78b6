package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"sigs.k8s.io/yaml"
)

// list takes one value or several, as K3s does.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// Config holds the keys this build knows; any other is refused.
type Config struct {
	Token                    string `json:"token"`
	AgentToken               string `json:"agent-token"`
	Server                   string `json:"server"`
	ClusterInit              bool   `json:"cluster-init"`
	NodeName                 string `json:"node-name"`
	NodeIP                   string `json:"node-ip"`
	AdvertiseAddress         string `json:"advertise-address"`
	TLSSAN                   list   `json:"tls-san"`
	ClusterCIDR              string `json:"cluster-cidr"`
	ServiceCIDR              string `json:"service-cidr"`
	ClusterDNS               string `json:"cluster-dns"`
	ClusterDomain            string `json:"cluster-domain"`
	FlannelIface             string `json:"flannel-iface"`
	FlannelBackend           string `json:"flannel-backend"`
	Disable                  list   `json:"disable"`
	WriteKubeconfigMode      string `json:"write-kubeconfig-mode"`
	SecretsEncryption        bool   `json:"secrets-encryption"`
	ProtectKernelDefaults    bool   `json:"protect-kernel-defaults"`
	EtcdExposeMetrics        bool   `json:"etcd-expose-metrics"`
	EtcdSnapshotScheduleCron string `json:"etcd-snapshot-schedule-cron"`
	EtcdSnapshotRetention    int    `json:"etcd-snapshot-retention"`
	NodeLabel                list   `json:"node-label"`
	NodeTaint                list   `json:"node-taint"`
	ResolvConf               string `json:"resolv-conf"`
	KubeletArg               list   `json:"kubelet-arg"`
	KubeProxyArg             list   `json:"kube-proxy-arg"`
	KubeAPIServerArg         list   `json:"kube-apiserver-arg"`
	KubeControllerManagerArg list   `json:"kube-controller-manager-arg"`
	KubeSchedulerArg         list   `json:"kube-scheduler-arg"`
	EtcdArg                  list   `json:"etcd-arg"`
}

// What may be disabled: what this build has, and what it never had.
var packaged = []string{"coredns", "metrics-server", "traefik", "servicelb", "local-storage"}

func readConfig(role, file string) (*Config, error) {
	cfg := &Config{
		ClusterCIDR: "10.42.0.0/16", ServiceCIDR: "10.43.0.0/16", ClusterDNS: "10.43.0.10", ClusterDomain: "cluster.local",
		FlannelBackend: "host-gw", WriteKubeconfigMode: "0600", EtcdSnapshotScheduleCron: "0 */12 * * *", EtcdSnapshotRetention: 5,
	}
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(text, cfg); err != nil {
		return nil, fmt.Errorf("%s: %w\nthis practice build knows these keys only: %s", file, err, strings.Join(knownKeys(), ", "))
	}
	if dropIns, _ := filepath.Glob(file + ".d/*"); len(dropIns) > 0 {
		return nil, fmt.Errorf("%s.d: drop-in files are not known to this practice build", file)
	}
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cfg, cfg.check(role, file)
}

func knownKeys() []string {
	var keys []string
	for field := range reflect.TypeFor[Config]().Fields() {
		keys = append(keys, field.Tag.Get("json"))
	}
	slices.Sort(keys)
	return keys
}

// complete fills what K3s would find out for itself.
func (c *Config) complete() (err error) {
	if c.NodeName == "" {
		if c.NodeName, err = os.Hostname(); err != nil {
			return err
		}
	}
	c.NodeName = strings.ToLower(c.NodeName)
	if c.NodeIP == "" {
		address, err := utilnet.ChooseHostInterface()
		if err != nil {
			return fmt.Errorf("node-ip is not set and no default route tells it: %w", err)
		}
		c.NodeIP = address.String()
	}
	if c.AdvertiseAddress == "" {
		c.AdvertiseAddress = c.NodeIP
	}
	if c.ResolvConf == "" {
		c.ResolvConf = "/etc/resolv.conf"
	}
	return nil
}

func (c *Config) check(role, file string) error {
	for key, value := range map[string]string{"node-ip": c.NodeIP, "advertise-address": c.AdvertiseAddress, "cluster-dns": c.ClusterDNS} {
		if net.ParseIP(value) == nil {
			return fmt.Errorf("%s: %s: %q is no address", file, key, value)
		}
	}
	if c.FlannelBackend != "host-gw" {
		return fmt.Errorf("%s: flannel-backend: this practice build has host-gw only, not %q", file, c.FlannelBackend)
	}
	for _, name := range c.Disable {
		if !slices.Contains(packaged, name) {
			return fmt.Errorf("%s: disable: %q is none of %s", file, name, strings.Join(packaged, ", "))
		}
	}
	if c.Server != "" && !strings.HasPrefix(c.Server, "https://") {
		return fmt.Errorf("%s: server: %q does not begin with https://", file, c.Server)
	}
	if role == "agent" && (c.Server == "" || c.Token == "") {
		return fmt.Errorf("%s: an agent needs the keys server and token", file)
	}
	if role == "server" && c.Server != "" && c.Token == "" {
		return fmt.Errorf("%s: a server that joins needs the key token", file)
	}
	return nil
}

// flags turns K3s' key=value lists into upstream flags; they come last, so they win.
func flags(extra list) []string {
	var out []string
	for _, each := range extra {
		out = append(out, "--"+strings.TrimLeft(each, "-"))
	}
	return out
}
