package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	const base = "node-ip: 10.0.0.1\n"
	for _, c := range []struct{ name, role, text, complaint string }{
		{"a plain server", "server", base, ""},
		{"one value where several may stand", "server", base + "disable: traefik\n", ""},
		{"an unknown key", "server", base + "no-such-key: 1\n", "no-such-key"},
		{"a backend it has not", "server", base + "flannel-backend: vxlan\n", "host-gw only"},
		{"an add-on it has not", "server", base + "disable: [nginx]\n", "nginx"},
		{"a server without https", "server", base + "server: http://a:6443\ntoken: x\n", "https"},
		{"an agent that knows no server", "agent", base + "token: x\n", "server and token"},
		{"no address", "server", "node-ip: here\n", "no address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readConfig(c.role, file)
			if (err == nil) != (c.complaint == "") || err != nil && !strings.Contains(err.Error(), c.complaint) {
				t.Fatalf("wanted %q, got %v", c.complaint, err)
			}
		})
	}
}

func TestToken(t *testing.T) {
	hash := hashCA([]byte("ca"))
	for text, want := range map[string]token{
		"secret":                      {user: "node", password: "secret"},
		"K10" + hash + "::server:a:b": {caHash: hash, user: "server", password: "a:b"},
		"K10" + hash:                  {},
		"K10short::server:secret":     {},
		"K10" + hash + "::server:":    {},
	} {
		got, err := parseToken(text, "node")
		if got != want || (err != nil) != (want == token{}) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// Another token than the database was made with does not start, as with K3s; without a database any is taken.
func TestRequireSame(t *testing.T) {
	dir := t.TempDir()
	old, otherServer, otherNode := passwords{"a", "b"}, passwords{"x", "b"}, passwords{"a", "y"}
	for _, c := range []struct {
		name      string
		founded   bool
		known     passwords
		complaint string
	}{
		{"tokens of a start that made no database", false, otherServer, ""},
		{"the tokens it is made with", false, old, ""},
		{"the same", true, old, ""},
		{"another server token", true, otherServer, "encrypted with different token"},
		{"the old one again", true, old, ""},
		{"another agent token, for the first time", true, otherNode, ""},
		{"another agent token, at the next start", true, otherNode, "newer than datastore"},
		{"the old one, while the file is there", true, old, "newer than datastore"},
	} {
		err := requireSame(dir, c.founded, c.known)
		if (err == nil) != (c.complaint == "") || err != nil && !strings.Contains(err.Error(), c.complaint) {
			t.Fatalf("%s: wanted %q, got %v", c.name, c.complaint, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "cred", "passwd")); err != nil {
		t.Fatal(err)
	}
	if err := requireSame(dir, true, old); err != nil {
		t.Fatal(err)
	}
}
