package main

// K3s' own places, so that what looks for them finds them.
const (
	configFile       = "/etc/rancher/k3s/config.yaml"
	kubeconfigFile   = "/etc/rancher/k3s/k3s.yaml"
	passwordFile     = "/etc/rancher/node/password"
	dataDir          = "/var/lib/rancher/k3s"
	serverDir        = dataDir + "/server"
	tlsDir           = serverDir + "/tls"
	manifestsDir     = serverDir + "/manifests"
	etcdDir          = serverDir + "/db/etcd"
	memberNameFile   = etcdDir + "/name"
	tombstoneFile    = etcdDir + "/tombstone"
	snapshotDir      = serverDir + "/db/snapshots"
	etcdMembersFile  = serverDir + "/cred/etcd-members.json"
	encryptionFile   = serverDir + "/cred/encryption-config.json"
	agentDir         = dataDir + "/agent"
	serversFile      = agentDir + "/etc/k3s-agent-load-balancer.json"
	imagesDir        = agentDir + "/images"
	cniDir           = agentDir + "/etc/cni/net.d"
	containerdSocket = "/run/k3s/containerd/containerd.sock"
)

// The API server itself listens on a loopback address of its own; port 6443 elsewhere is the front door (front.go).
const apiAddress = "127.0.0.2"
