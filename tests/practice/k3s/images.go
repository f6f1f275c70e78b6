package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// importImages loads the tarballs of agent/images that are new or changed since the last time.
func importImages(ctx context.Context) error {
	tarballs, err := filepath.Glob(imagesDir + "/*.tar")
	if err != nil {
		return err
	}
	record := filepath.Join(imagesDir, ".cache.json")
	done := map[string]string{}
	if text, err := os.ReadFile(record); err == nil {
		if err := json.Unmarshal(text, &done); err != nil {
			return fmt.Errorf("%s: %w", record, err)
		}
	}
	for _, tarball := range tarballs {
		info, err := os.Stat(tarball)
		if err != nil {
			return err
		}
		mark := fmt.Sprint(info.Size(), " ", info.ModTime().UnixNano())
		// A file changed this very moment may still be arriving.
		if done[tarball] == mark || time.Since(info.ModTime()) < 2*time.Second {
			continue
		}
		begun := time.Now()
		if out, err := run(ctx, "ctr", "images", "import", "--all-platforms", tarball); err != nil {
			return fmt.Errorf("import %s: %w: %s", tarball, err, out)
		}
		log.Printf("imported %s in %.1fs", filepath.Base(tarball), time.Since(begun).Seconds())
		done[tarball] = mark
		text, err := json.Marshal(done)
		if err != nil {
			return err
		}
		if err := writeFile(record, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// watchImages imports what is put into the folder later.
func watchImages(ctx context.Context) {
	for said := ""; ctx.Err() == nil; sleep(ctx, 3*time.Second) {
		if err := importImages(ctx); err != nil && err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			log.Print(err)
		}
	}
}

// run calls one of this program's own verbs and returns what it said.
func run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = "k3s"
	cmd.Env = childEnv()
	out, err := cmd.CombinedOutput()
	return string(out), err
}
