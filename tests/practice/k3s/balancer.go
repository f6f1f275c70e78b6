package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// balancerAddress is where an agent reaches whichever server lives, as in K3s.
const balancerAddress = "127.0.0.1:6444"

// balancer passes connections on to a server that answers, and cuts them when it no longer does.
type balancer struct {
	mu      sync.Mutex
	servers []string
	open    map[net.Conn]string
}

func startBalancer(s *supervisor, servers []string) (*balancer, error) {
	listener, err := net.Listen("tcp", balancerAddress)
	if err != nil {
		return nil, err
	}
	b := &balancer{servers: servers, open: map[net.Conn]string{}}
	go b.serve(listener)
	go b.check(s.ctx)
	return b, nil
}

func (b *balancer) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go b.pass(conn)
	}
}

func (b *balancer) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.servers)
}

func (b *balancer) pass(from net.Conn) {
	defer from.Close()
	for _, server := range b.list() {
		to, err := net.DialTimeout("tcp", server, 2*time.Second)
		if err != nil {
			continue
		}
		defer to.Close()
		b.mu.Lock()
		b.open[from] = server
		b.mu.Unlock()
		go func() { io.Copy(to, from); to.Close() }()
		io.Copy(from, to)
		b.mu.Lock()
		delete(b.open, from)
		b.mu.Unlock()
		return
	}
}

// check moves a server that does not answer to the end of the list and cuts its connections:
// the kubelet would otherwise wait long for a machine that is gone.
func (b *balancer) check(ctx context.Context) {
	for ; ctx.Err() == nil; sleep(ctx, 2*time.Second) {
		for _, server := range b.list() {
			if answers(ctx, "tcp", server) == nil {
				continue
			}
			b.mu.Lock()
			b.servers = append(slices.DeleteFunc(b.servers, func(s string) bool { return s == server }), server)
			for conn, to := range b.open {
				if to == server {
					conn.Close()
				}
			}
			b.mu.Unlock()
		}
	}
}

// knownServers are the front doors of an earlier run, for when the configured one is away.
func knownServers() []string {
	var servers []string
	if text, err := os.ReadFile(serversFile); err == nil {
		if err := json.Unmarshal(text, &servers); err != nil {
			log.Printf("%s: %v", serversFile, err)
		}
	}
	for i := range servers {
		servers[i] = "https://" + servers[i]
	}
	return servers
}

// follow keeps the list as the cluster knows it.
func (b *balancer) follow(ctx context.Context, client kubernetes.Interface) {
	for ; ctx.Err() == nil; sleep(ctx, 10*time.Second) {
		slice, err := client.DiscoveryV1().EndpointSlices("default").Get(ctx, "kubernetes", metav1.GetOptions{})
		if err != nil {
			continue
		}
		var now []string
		for _, endpoint := range slice.Endpoints {
			now = append(now, net.JoinHostPort(endpoint.Addresses[0], "6443"))
		}
		b.mu.Lock()
		// Known ones keep their place; lost ones stay, last, in case all others go.
		for _, server := range now {
			if !slices.Contains(b.servers, server) {
				b.servers = append(b.servers, server)
			}
		}
		text, _ := json.Marshal(b.servers)
		b.mu.Unlock()
		if err := writeFile(serversFile, text, 0o600); err != nil {
			log.Print(err)
		}
	}
}
