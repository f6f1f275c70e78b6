package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
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

// Config holds the keys this build knows. Those marked for a server are unknown to an agent, as in K3s.
type Config struct {
	Token                    string `json:"token"`
	AgentToken               string `json:"agent-token" of:"server"`
	Server                   string `json:"server"`
	ClusterInit              bool   `json:"cluster-init" of:"server"`
	NodeName                 string `json:"node-name"`
	NodeIP                   string `json:"node-ip"`
	AdvertiseAddress         string `json:"advertise-address" of:"server"`
	TLSSAN                   list   `json:"tls-san" of:"server"`
	ClusterCIDR              string `json:"cluster-cidr" of:"server"`
	ServiceCIDR              string `json:"service-cidr" of:"server"`
	ClusterDNS               string `json:"cluster-dns" of:"server"`
	ClusterDomain            string `json:"cluster-domain" of:"server"`
	FlannelIface             string `json:"flannel-iface"`
	FlannelBackend           string `json:"flannel-backend" of:"server"`
	Disable                  list   `json:"disable" of:"server"`
	WriteKubeconfigMode      string `json:"write-kubeconfig-mode" of:"server"`
	SecretsEncryption        bool   `json:"secrets-encryption" of:"server"`
	ProtectKernelDefaults    bool   `json:"protect-kernel-defaults"`
	EtcdExposeMetrics        bool   `json:"etcd-expose-metrics" of:"server"`
	EtcdSnapshotScheduleCron string `json:"etcd-snapshot-schedule-cron" of:"server"`
	EtcdSnapshotRetention    int    `json:"etcd-snapshot-retention" of:"server"`
	NodeLabel                list   `json:"node-label"`
	NodeTaint                list   `json:"node-taint"`
	ResolvConf               string `json:"resolv-conf"`
	KubeletArg               list   `json:"kubelet-arg"`
	KubeProxyArg             list   `json:"kube-proxy-arg"`
	KubeAPIServerArg         list   `json:"kube-apiserver-arg" of:"server"`
	KubeControllerManagerArg list   `json:"kube-controller-manager-arg" of:"server"`
	KubeSchedulerArg         list   `json:"kube-scheduler-arg" of:"server"`
	EtcdArg                  list   `json:"etcd-arg" of:"server"`
}

// What may be disabled: what this build has, and what it never had.
var packaged = []string{"coredns", "metrics-server", "traefik", "servicelb", "local-storage"}

func readConfig(role, file string) (*Config, error) {
	cfg := &Config{
		ClusterCIDR: "10.42.0.0/16", ServiceCIDR: "10.43.0.0/16", ClusterDNS: "10.43.0.10", ClusterDomain: "cluster.local",
		FlannelBackend: "host-gw", WriteKubeconfigMode: "0600", EtcdSnapshotScheduleCron: "0 */12 * * *", EtcdSnapshotRetention: 5,
	}
	values, err := readValues(file)
	if err != nil {
		return nil, err
	}
	for _, key := range unknownKeys(role, values) {
		if role == "agent" {
			return nil, fmt.Errorf("%s: flag provided but not defined: -%s", file, key)
		}
		log.Printf("Unknown flag --%s found in config.yaml, skipping", key)
		delete(values, key)
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cfg, cfg.check(role, file)
}

// readValues reads the file and, after it, the drop-in files beside it, whose values replace its own.
func readValues(file string) (map[string]any, error) {
	values := map[string]any{}
	dropIns, err := filepath.Glob(file + ".d/*.y*ml")
	if err != nil {
		return nil, err
	}
	for _, each := range append([]string{file}, dropIns...) {
		text, err := os.ReadFile(each)
		if each == file && os.IsNotExist(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		own := map[string]any{}
		if err := yaml.Unmarshal(text, &own); err != nil {
			return nil, fmt.Errorf("%s: %w", each, err)
		}
		maps.Copy(values, own)
	}
	for key := range values {
		if strings.HasSuffix(key, "+") {
			return nil, fmt.Errorf("%s: %s: values that are added to others are not known to this practice build", file, key)
		}
	}
	return values, nil
}

// unknownKeys are the keys that mean nothing to a server, or to an agent.
func unknownKeys(role string, values map[string]any) []string {
	known := map[string]bool{}
	for field := range reflect.TypeFor[Config]().Fields() {
		known[field.Tag.Get("json")] = role == "server" || field.Tag.Get("of") != "server"
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(key string) bool { return known[key] })
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
