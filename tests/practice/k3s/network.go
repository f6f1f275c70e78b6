package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// The annotation in which flannel's nodes tell each other where they are reached.
const publicIP = "flannel.alpha.coreos.com/public-ip"

// Marks our routes in the kernel's table, so that we remove no others.
const routeProtocol = 75

const cniConfig = `{"name":"cbr0","cniVersion":"1.0.0","plugins":[
{"type":"bridge","bridge":"cni0","isDefaultGateway":true,"forceAddress":true,"hairpinMode":true,"ipam":{"type":"host-local","ranges":[[{"subnet":%q}]]}},
{"type":"portmap","capabilities":{"portMappings":true}}]}
`

// Pods talk to pods under their own address, to everything else under their node's.
const masquerade = `add table ip k3s_practice
delete table ip k3s_practice
table ip k3s_practice {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr %[1]s ip daddr != %[1]s ip daddr != 224.0.0.0/4 masquerade
  }
}
`

// keepNetwork does flannel's work in its host-gw form: the node's own pod range for CNI, one route to each other node.
// It calls laid whenever the node's own range is laid.
func keepNetwork(ctx context.Context, cfg *Config, clusterCIDR string, client kubernetes.Interface, laid func()) {
	nft := exec.CommandContext(ctx, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(fmt.Sprintf(masquerade, clusterCIDR))
	if out, err := nft.CombinedOutput(); err != nil {
		log.Printf("masquerade pods: %v: %s", err, out)
	}
	if until(ctx, "announce the address of this node", 2*time.Second, func() error { return announce(ctx, cfg, client) }) != nil {
		return
	}
	nodes := informers.NewSharedInformerFactory(client, 30*time.Second).Core().V1().Nodes()
	sync := func(any) {
		all, err := nodes.Lister().List(labels.Everything())
		if err != nil {
			log.Printf("list nodes: %v", err)
			return
		}
		hasRange, err := layRoutes(cfg.NodeName, all)
		if err != nil {
			log.Printf("pod network: %v", err)
		}
		if hasRange {
			laid()
		}
	}
	nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: sync, DeleteFunc: sync, UpdateFunc: func(_, now any) { sync(now) },
	})
	nodes.Informer().Run(ctx.Done())
}

// announce tells the other nodes the address of flannel-iface, right or wrong, as flannel does.
func announce(ctx context.Context, cfg *Config, client kubernetes.Interface) error {
	address := cfg.NodeIP
	if cfg.FlannelIface != "" {
		link, err := netlink.LinkByName(cfg.FlannelIface)
		if err != nil {
			return fmt.Errorf("flannel-iface %s: %w", cfg.FlannelIface, err)
		}
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
		if err != nil || len(addresses) == 0 {
			return fmt.Errorf("flannel-iface %s has no IPv4 address", cfg.FlannelIface)
		}
		address = addresses[0].IP.String()
	}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q,"flannel.alpha.coreos.com/backend-type":"host-gw"}}}`, publicIP, address)
	_, err := client.CoreV1().Nodes().Patch(ctx, cfg.NodeName, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// layRoutes writes this node's range for CNI and the routes to the others, and tells whether it has a range yet.
func layRoutes(self string, nodes []*corev1.Node) (hasRange bool, err error) {
	wanted := map[string]net.IP{}
	for _, node := range nodes {
		gateway := net.ParseIP(node.Annotations[publicIP])
		switch {
		case node.Spec.PodCIDR == "":
		case node.Name == self:
			if err := writeFile(filepath.Join(cniDir, "10-flannel.conflist"), fmt.Appendf(nil, cniConfig, node.Spec.PodCIDR), 0o600); err != nil {
				return false, err
			}
			hasRange = true
		case gateway != nil:
			wanted[node.Spec.PodCIDR] = gateway
		}
	}
	present, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return hasRange, err
	}
	for _, route := range present {
		if gateway := wanted[route.Dst.String()]; gateway.Equal(route.Gw) {
			delete(wanted, route.Dst.String())
		} else if err := netlink.RouteDel(&route); err != nil && err != unix.ESRCH {
			return hasRange, err
		}
	}
	for cidr, gateway := range wanted {
		_, destination, err := net.ParseCIDR(cidr)
		if err != nil {
			return hasRange, err
		}
		if err := netlink.RouteReplace(&netlink.Route{Dst: destination, Gw: gateway, Protocol: routeProtocol}); err != nil {
			return hasRange, fmt.Errorf("route %s via %s: %w", cidr, gateway, err)
		}
	}
	return hasRange, nil
}
