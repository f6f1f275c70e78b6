package main

import (
	"context"
	"embed"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed manifests
var bundled embed.FS

// writeManifests puts the bundled add-ons into the folder, and takes out those that are disabled.
func writeManifests(ctx context.Context, cfg *Config) error {
	entries, err := bundled.ReadDir("manifests")
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("%{CLUSTER_DNS}%", cfg.ClusterDNS, "%{CLUSTER_DOMAIN}%", cfg.ClusterDomain)
	for _, entry := range entries {
		text, err := bundled.ReadFile("manifests/" + entry.Name())
		if err != nil {
			return err
		}
		file := filepath.Join(manifestsDir, entry.Name())
		if !slices.Contains(cfg.Disable, strings.TrimSuffix(entry.Name(), ".yaml")) {
			if err := writeFile(file, []byte(fill.Replace(string(text))), 0o600); err != nil {
				return err
			}
			continue
		}
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if out, err := kubectlRun(ctx, "delete", "--ignore-not-found", "--wait=false", "-f", file); err != nil {
			return fmt.Errorf("remove %s: %w: %s", entry.Name(), err, out)
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// applyManifests applies the folder's files at start and whenever one changes, as the manager K3s names: what a file does
// not name, such as a number of replicas, stays as others set it. On the server side: kubectl's own three-way patch would
// leave the annotation by which its next server-side apply, that of the kit, takes over every field.
func applyManifests(ctx context.Context, cfg *Config) {
	if until(ctx, "bundled manifests", 2*time.Second, func() error { return writeManifests(ctx, cfg) }) != nil {
		return
	}
	applied, complained := map[string]time.Time{}, map[string]string{}
	for ; ctx.Err() == nil; sleep(ctx, 3*time.Second) {
		files, _ := filepath.Glob(manifestsDir + "/*.yaml")
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil || applied[file].Equal(info.ModTime()) {
				continue
			}
			out, err := kubectlRun(ctx, "apply", "--server-side", "--force-conflicts", "--field-manager=deploy@"+cfg.NodeName, "-f", file)
			if err == nil {
				applied[file] = info.ModTime()
				log.Printf("applied %s", filepath.Base(file))
			} else if complained[file] != out && ctx.Err() == nil {
				complained[file] = out
				log.Printf("apply %s: %v: %s", filepath.Base(file), err, out)
			}
		}
	}
}

func kubectlRun(ctx context.Context, args ...string) (string, error) {
	own := "--kubeconfig=" + filepath.Join(serverDir, "cred/supervisor.kubeconfig")
	return run(ctx, append([]string{"kubectl", own}, args...)...)
}
