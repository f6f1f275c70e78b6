package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// joiner talks to the server named in the configuration, whose CA the token pins.
type joiner struct {
	url    string
	token  token
	client *http.Client
}

func newJoiner(server, text, defaultUser string) (*joiner, error) {
	t, err := parseToken(text, defaultUser)
	if err != nil {
		return nil, err
	}
	return &joiner{url: strings.TrimSuffix(server, "/"), token: t}, nil
}

// pin fetches the server's CA without trusting it yet, and from then on trusts nothing else.
func (j *joiner) pin() error {
	blind := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := blind.Get(j.url + "/cacerts")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	ca, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if j.token.caHash == "" {
		log.Print("the token carries no CA hash: this server's CA is trusted unseen")
	} else if j.token.caHash != hashCA(ca) {
		return fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", j.token.caHash, hashCA(ca))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return fmt.Errorf("%s/cacerts: %s, no certificate", j.url, response.Status)
	}
	j.client = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return nil
}

func (j *joiner) post(path string, ask, answer any) error {
	if j.client == nil {
		if err := j.pin(); err != nil {
			return err
		}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, j.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(j.token.user, j.token.password)
	response, err := j.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(response.Body).Decode(answer)
	case http.StatusUnauthorized:
		return errToken
	case http.StatusForbidden:
		return errPassword
	}
	reason, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
	return fmt.Errorf("%s answers %s: %s", j.url, response.Status, strings.TrimSpace(string(reason)))
}

// What a server refuses a joiner for, in K3s' words.
var (
	errToken    = errors.New("failed to retrieve configuration from server: not authorized")
	errPassword = errors.New(agentFile("serving-kubelet.crt") + ": Node password rejected, duplicate hostname or contents of '" + passwordFile +
		"' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")
)

// joinNode asks until a server grants what the node needs: the configured one, or one it knew before. As in K3s a node
// that is refused asks for ever, and says so at every try.
func joinNode(ctx context.Context, cfg *Config) (*nodeGrant, error) {
	password, err := nodePassword()
	if err != nil {
		return nil, err
	}
	var joiners []*joiner
	for _, server := range append([]string{cfg.Server}, knownServers()...) {
		j, err := newJoiner(server, cfg.Token, "node")
		if err != nil {
			return nil, err
		}
		joiners = append(joiners, j)
	}
	g, ask := &nodeGrant{}, nodeRequest{Name: cfg.NodeName, IP: cfg.NodeIP, Password: password}
	for {
		said, pause := "", 2*time.Second
		for _, j := range joiners {
			err := j.post("/v1-k3s/node", ask, g)
			if err == nil {
				return g, nil
			}
			said += "; " + err.Error()
			if errors.Is(err, errToken) || errors.Is(err, errPassword) {
				pause = 6 * time.Second
			}
		}
		log.Printf("Waiting to retrieve agent configuration; server is not ready: %s", strings.TrimPrefix(said, "; "))
		if sleep(ctx, pause); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// joinServers fetches the files all servers share.
func joinServers(ctx context.Context, cfg *Config) error {
	j, err := newJoiner(cfg.Server, cfg.Token, "server")
	if err != nil {
		return err
	}
	g := &serverGrant{}
	err = until(ctx, "join "+cfg.Server, 2*time.Second, func() error { return j.post("/v1-k3s/server", struct{}{}, g) })
	if err != nil {
		return err
	}
	for key, value := range mustMatch(cfg) {
		if g.Settings[key] != value {
			return fmt.Errorf("%s is %q here and %q on %s: it must be the same on every server", key, value, g.Settings[key], cfg.Server)
		}
	}
	for _, name := range shared {
		if text, given := g.Files[name]; given {
			err = errors.Join(err, writeFile(filepath.Join(serverDir, name), text, 0o600))
		}
	}
	members, badList := json.Marshal(g.Etcd)
	return errors.Join(err, badList, writeFile(etcdMembersFile, members, 0o600))
}

func nodePassword() (string, error) {
	text, err := os.ReadFile(passwordFile)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	} else if !os.IsNotExist(err) {
		return "", err
	}
	password := randomHex(16)
	return password, writeFile(passwordFile, []byte(password+"\n"), 0o600)
}
