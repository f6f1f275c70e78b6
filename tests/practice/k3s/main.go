// Command k3s is a practice build: upstream Kubernetes behind K3s' verbs, paths and configuration keys. It is not K3s.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"k8s.io/component-base/version"
)

const usage = `k3s, practice build (upstream Kubernetes behind K3s' verbs; not K3s)

  k3s server           run a server, configured by %[1]s
  k3s agent            run an agent, configured by %[1]s
  k3s kubectl ...      kubectl, with this server's kubeconfig
  k3s ctr ...          containerd's client, with this node's containerd
  k3s etcd-snapshot    save | list
  k3s --version
`

func main() {
	log.SetFlags(0)
	log.SetPrefix("k3s: ")
	args := os.Args
	// Like K3s, the program also answers to links named after its two tools.
	if name := filepath.Base(args[0]); name == "kubectl" || name == "ctr" {
		args = append([]string{"k3s"}, append([]string{name}, args[1:]...)...)
	}
	if len(args) < 2 {
		fmt.Fprintf(os.Stderr, usage, configFile)
		os.Exit(2)
	}
	verb, rest := args[1], args[2:]
	if component, known := components[verb]; known {
		os.Args = append([]string{verb}, rest...)
		component()
		return
	}
	if err := own(verb, rest); err != nil {
		log.Fatal(err)
	}
}

func own(verb string, rest []string) error {
	switch verb {
	case "server", "agent":
		if len(rest) > 0 {
			return fmt.Errorf("%s takes no flags here, only %s: %s", verb, configFile, strings.Join(rest, " "))
		}
		cfg, err := readConfig(verb, configFile)
		if err != nil {
			return err
		}
		if verb == "server" {
			return runServer(cfg)
		}
		return runAgent(cfg)
	case "etcd-snapshot":
		return runSnapshot(rest)
	case "--version", "-v":
		fmt.Printf("k3s version %s (practice build, not K3s)\ngo version %s\n", version.Get().GitVersion, runtime.Version())
		return nil
	case "--help", "-h", "help":
		fmt.Printf(usage, configFile)
		return nil
	}
	verbs := []string{"server", "agent", "etcd-snapshot"}
	for name := range components {
		verbs = append(verbs, name)
	}
	slices.Sort(verbs)
	return fmt.Errorf("unknown verb %q; this practice build knows: %s", verb, strings.Join(verbs, ", "))
}
