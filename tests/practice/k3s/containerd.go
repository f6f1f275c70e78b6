package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const pauseImage = "docker.io/keybuzz/practice-pause:1"

const containerdConfig = `version = 3
root = "%[1]s/containerd"
state = "/run/k3s/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "%[2]s"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "%[3]s"
[plugins."io.containerd.cri.v1.runtime"]
  # A container has no right to lower its OOM score; without this runc dies.
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["%[4]s"]
  conf_dir = "%[5]s"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = %[6]t
`

// startContainerd starts it and loads the images that wait for it.
func startContainerd(s *supervisor, cg cgroups) error {
	dir := filepath.Join(agentDir, "containerd")
	for _, each := range []string{dir, cniDir, imagesDir} {
		if err := os.MkdirAll(each, 0o755); err != nil {
			return err
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return fmt.Errorf("%s lies on an overlay, which cannot carry containerd's own: mount a plain folder at %s", dir, filepath.Dir(dataDir))
	}
	file := filepath.Join(agentDir, "etc/containerd/config.toml")
	text := fmt.Sprintf(containerdConfig, agentDir, containerdSocket, pauseImage, binDir(), cniDir, cg.driver == "systemd")
	if err := writeFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(dir, "containerd.log"))
	if err != nil {
		return err
	}
	s.keep(&child{name: "containerd", args: []string{"--config", file}, out: logFile})
	if err := until(s.ctx, "containerd", 200*time.Millisecond, func() error { return answers(s.ctx, "unix", containerdSocket) }); err != nil {
		return err
	}
	return until(s.ctx, "import images", 2*time.Second, func() error { return importImages(s.ctx) })
}

func answers(ctx context.Context, network, address string) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}
