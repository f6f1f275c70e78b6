package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	const base = "node-ip: 10.0.0.1\n"
	for _, c := range []struct{ name, role, text, complaint string }{
		{"a plain server", "server", base, ""},
		{"one value where several may stand", "server", base + "disable: traefik\n", ""},
		{"a key a server does not know is passed over", "server", base + "no-such-key: 1\n", ""},
		{"a key an agent does not know", "agent", base + "no-such-key: 1\n", "flag provided but not defined: -no-such-key"},
		{"a key of servers", "agent", base + "server: https://a:6443\ntoken: x\ndisable: traefik\n", "flag provided but not defined: -disable"},
		{"a plain agent", "agent", base + "server: https://a:6443\ntoken: x\nkube-proxy-arg: [a=b]\n", ""},
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

func TestDropIns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.Mkdir(file+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "node-ip: 10.0.0.1\nnode-name: first\ntoken: \"1e3\"\n")
	write(file+".d/1.yaml", "node-name: second\n")
	write(file+".d/2.yaml", "# nothing\n")
	write(file+".d/3.txt", "node-name: third\n")
	cfg, err := readConfig("server", file)
	if err != nil || cfg.NodeName != "second" || cfg.NodeIP != "10.0.0.1" || cfg.Token != "1e3" {
		t.Fatalf("got %+v, %v", cfg, err)
	}
	write(file+".d/4.yml", "tls-san+: [a]\n")
	if _, err := readConfig("server", file); err == nil || !strings.Contains(err.Error(), "tls-san+") {
		t.Fatalf("got %v", err)
	}
}

func TestImageTarballs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.tar", "b.tar.zst", "c.tar.gz", "d.tar.part", ".cache.json", "e.zst"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := imageTarballs(dir)
	if want := []string{dir + "/a.tar", dir + "/b.tar.zst", dir + "/c.tar.gz"}; err != nil || !slices.Equal(paths, want) {
		t.Fatalf("wanted %q, got %q, %v", want, paths, err)
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
