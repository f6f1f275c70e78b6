package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// payload holds the programs that cannot be linked in: runc, the CNI plugins, containerd's shim. The build script
// puts them into a copy of this folder; in the sources it holds nothing but a dot file, which keeps them compilable.
//
//go:embed all:payload
var payload embed.FS

// binDir is where the payload is unpacked; its name changes with the content, as K3s' does.
var binDir = sync.OnceValue(func() string {
	sum := sha256.New()
	for _, name := range payloadNames() {
		data, _ := payload.ReadFile("payload/" + name)
		sum.Write(data)
	}
	return filepath.Join(dataDir, "data", hex.EncodeToString(sum.Sum(nil)), "bin")
})

func payloadNames() []string {
	entries, err := payload.ReadDir("payload")
	exit(err)
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names
}

func unpackPayload() error {
	for _, name := range payloadNames() {
		path := filepath.Join(binDir(), name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		data, err := payload.ReadFile("payload/" + name)
		if err != nil {
			return err
		}
		if err := writeFile(path, data, 0o755); err != nil {
			return err
		}
	}
	return nil
}
