package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What the kubelet sets on every host. Inside a container these belong to the outer machine.
var kubeletSettings = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// shieldKernelSettings shows the kubelet, and nobody else, the values it wants, so that it does not write them.
// It runs in the mount namespace the supervisor made for the kubelet.
func shieldKernelSettings() error {
	if _, err := os.Stat("/run/systemd/container"); err != nil {
		return nil
	}
	if err := unix.Mount("", "/proc", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make /proc private to the kubelet: %w", err)
	}
	for name, value := range kubeletSettings {
		shown := filepath.Join("/run/k3s/kernel", name)
		if err := writeFile(shown, []byte(value+"\n"), 0o444); err != nil {
			return err
		}
		if err := unix.Mount(shown, "/proc/sys/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("shield %s: %w", name, err)
		}
	}
	return nil
}

// requireWatches fails early, and with the reason: every machine of the host takes its file watches from one limit,
// and without any left containerd would start, but half.
func requireWatches() error {
	for range 8 { // what containerd and the kubelet take
		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			return fmt.Errorf("no file watches left (fs.inotify.max_user_instances, one limit for all machines of this host): %w", err)
		}
		defer unix.Close(watch)
	}
	return nil
}

// openForwarding sets what pods need and what belongs to this machine's own network namespace.
func openForwarding() {
	for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"} {
		if err := os.WriteFile("/proc/sys/"+name, []byte("1"), 0o644); err != nil {
			log.Printf("cannot set %s: %v", name, err)
		}
	}
}
