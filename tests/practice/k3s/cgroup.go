package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups says how the kubelet has to use the control groups of this machine.
type cgroups struct {
	driver string
	root   string
}

// prepareCgroups looks which version the machine has. Version 2 needs nothing. Version 1, in a container, is one tree
// that all machines of the host share: each gets a folder of its own under every controller.
func prepareCgroups(nodeName string) (cgroups, error) {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return cgroups{driver: "systemd", root: "/"}, nil
	}
	mounts, err := cgroupMounts()
	if err != nil {
		return cgroups{}, err
	}
	if len(mounts) == 0 {
		return cgroups{}, fmt.Errorf("no control groups are mounted under /sys/fs/cgroup")
	}
	root := "/" + nodeName
	for _, mount := range mounts {
		flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
		if err := unix.Mount("", mount, "", flags, ""); err != nil {
			return cgroups{}, fmt.Errorf("make %s writable: %w", mount, err)
		}
		if err := os.MkdirAll(mount+root, 0o755); err != nil {
			return cgroups{}, err
		}
		// Nothing may run in a new cpuset before it names CPUs and memory nodes.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := inherit(mount, mount+root, name); err != nil {
				return cgroups{}, err
			}
		}
	}
	return cgroups{driver: "cgroupfs", root: root}, nil
}

func inherit(from, to, name string) error {
	value, err := os.ReadFile(filepath.Join(from, name))
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, name), bytes.TrimSpace(value), 0o644)
}

func cgroupMounts() ([]string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var mounts []string
	for line := range strings.Lines(string(table)) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) > 4 && strings.HasPrefix(after, "cgroup ") {
			mounts = append(mounts, fields[4])
		}
	}
	return mounts, nil
}
