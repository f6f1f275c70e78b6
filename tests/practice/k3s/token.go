package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// token is K3s' join token: K10<hash of the server CA>::<user>:<password>, or the password alone.
type token struct {
	caHash, user, password string
}

func parseToken(text, defaultUser string) (token, error) {
	if !strings.HasPrefix(text, "K10") {
		return token{user: defaultUser, password: text}, nil
	}
	hash, credentials, found := strings.Cut(strings.TrimPrefix(text, "K10"), "::")
	user, password, both := strings.Cut(credentials, ":")
	if !found || !both || len(hash) != sha256.Size*2 || password == "" {
		return token{}, errors.New("the token is neither a password nor K10<ca hash>::<user>:<password>")
	}
	return token{caHash: hash, user: user, password: password}, nil
}

func hashCA(pem []byte) string {
	sum := sha256.Sum256(pem)
	return hex.EncodeToString(sum[:])
}

func randomHex(bytes int) string {
	buffer := make([]byte, bytes)
	rand.Read(buffer)
	return hex.EncodeToString(buffer)
}

// passwords are what joiners must know: servers one, agents the other.
type passwords struct {
	server, node string
}

// ensureTokens settles the cluster's passwords and writes the full tokens where K3s puts them.
func ensureTokens(cfg *Config, ca []byte) (passwords, error) {
	file := filepath.Join(serverDir, "token")
	text := cfg.Token
	if text == "" {
		stored, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return passwords{}, err
		}
		text = strings.TrimSpace(string(stored))
	}
	if text == "" {
		text = randomHex(16)
	}
	server, err := parseToken(text, "server")
	if err != nil {
		return passwords{}, err
	}
	if server.caHash != "" && server.caHash != hashCA(ca) {
		return passwords{}, errors.New("the token belongs to another cluster: its CA hash is not that of this server's CA")
	}
	known := passwords{server: server.password, node: server.password}
	if cfg.AgentToken != "" {
		known.node = cfg.AgentToken
	}
	if err := requireSame(serverDir, hasDatabase(), known); err != nil {
		return passwords{}, err
	}
	full := func(user, password string) []byte {
		return fmt.Appendf(nil, "K10%s::%s:%s\n", hashCA(ca), user, password)
	}
	agents := full("server", known.server)
	if cfg.AgentToken != "" {
		agents = full("node", known.node)
	}
	return known, errors.Join(
		writeFile(file, full("server", known.server), 0o600),
		writeFile(filepath.Join(serverDir, "node-token"), full("server", known.server), 0o600),
		writeFile(filepath.Join(serverDir, "agent-token"), agents, 0o600))
}

// requireSame refuses passwords the database was not made with, as K3s does: another server token at once; another
// agent token at the start after the next, for the first one lays it on the disk and the database keeps the old one.
func requireSame(dir string, founded bool, known passwords) error {
	made, onDisk := filepath.Join(dir, "db", "bootstrap"), filepath.Join(dir, "cred", "passwd")
	server, node := hashCA([]byte(known.server)), hashCA([]byte(known.node))
	stored, err := os.ReadFile(made)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if founded && err == nil {
		first, second, _ := strings.Cut(strings.TrimSpace(string(stored)), " ")
		if first != server {
			return errors.New("bootstrap data already found and encrypted with different token")
		}
		if last, err := os.ReadFile(onDisk); err == nil && strings.TrimSpace(string(last)) != second {
			return fmt.Errorf("%s newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore", onDisk)
		}
	} else if err := writeFile(made, fmt.Appendf(nil, "%s %s\n", server, node), 0o600); err != nil {
		return err
	}
	return writeFile(onDisk, []byte(node+"\n"), 0o600)
}
