package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// imported is what this start has loaded: name of the tarball, and its size and time.
var imported = map[string]string{}

// imageEndings are the tarballs containerd's client reads as they are. K3s reads .tar.bz2, .tbz and .tar.lz4 too.
var imageEndings = []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"}

// imageTarballs lists the tarballs in a folder.
func imageTarballs(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() && slices.ContainsFunc(imageEndings, func(ending string) bool { return strings.HasSuffix(name, ending) }) {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths, err
}

// importImages loads the tarballs of agent/images that are new or changed since the last time: since this start, or
// since ever where .cache.json is there, as in K3s, which never makes that file itself.
func importImages(ctx context.Context) error {
	tarballs, err := imageTarballs(imagesDir)
	if err != nil {
		return err
	}
	record := filepath.Join(imagesDir, ".cache.json")
	text, missing := os.ReadFile(record)
	// An operator makes it empty.
	if missing == nil && len(text) > 0 {
		if err := json.Unmarshal(text, &imported); err != nil {
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
		if imported[tarball] == mark || time.Since(info.ModTime()) < 2*time.Second {
			continue
		}
		begun := time.Now()
		if out, err := run(ctx, "ctr", "images", "import", "--all-platforms", tarball); err != nil {
			return fmt.Errorf("import %s: %w: %s", tarball, err, out)
		}
		log.Printf("imported %s in %.1fs", filepath.Base(tarball), time.Since(begun).Seconds())
		imported[tarball] = mark
		if missing != nil {
			continue
		}
		text, err := json.Marshal(imported)
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
