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

// tarball is what is compared of one, written in the form of K3s' .cache.json: its time without a fraction of a second.
type tarball struct {
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
}

// imported is what this start has loaded, by the tarball's path.
var imported = map[string]tarball{}

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
	for _, path := range tarballs {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		last, known := imported[path]
		isSame := known && last.Size == info.Size() && !info.ModTime().After(last.ModTime)
		// A file changed this very moment may still be arriving.
		if isSame || time.Since(info.ModTime()) < 2*time.Second {
			continue
		}
		begun := time.Now()
		if out, err := run(ctx, "ctr", "images", "import", "--all-platforms", path); err != nil {
			return fmt.Errorf("import %s: %w: %s", path, err, out)
		}
		log.Printf("imported %s in %.1fs", filepath.Base(path), time.Since(begun).Seconds())
		imported[path] = tarball{info.Size(), info.ModTime()}
		if missing != nil {
			continue
		}
		text, err := noteOf(imported)
		if err != nil {
			return err
		}
		if err := writeFile(record, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// noteOf is what the next start reads: as in K3s the times lose their fraction, so that a tarball whose time has one is
// imported at every start.
func noteOf(imported map[string]tarball) ([]byte, error) {
	note := map[string]tarball{}
	for path, one := range imported {
		note[path] = tarball{one.Size, one.ModTime.Truncate(time.Second).UTC()}
	}
	return json.Marshal(note)
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
