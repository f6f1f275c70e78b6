package main

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

func TestBalancerLeavesADeadServer(t *testing.T) {
	listen := func() net.Listener {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return listener
	}
	// A server says its name and keeps the connection.
	server := func(listener net.Listener, name string) string {
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				io.WriteString(conn, name)
			}
		}()
		return listener.Addr().String()
	}
	first, second, door := listen(), listen(), listen()
	b := &balancer{open: map[net.Conn]string{}, servers: []string{server(first, "a"), server(second, "b")}}
	go b.serve(door)
	reached := func() (net.Conn, string) {
		conn, err := net.Dial("tcp", door.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		name := make([]byte, 1)
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.ReadFull(conn, name); err != nil {
			t.Fatal(err)
		}
		return conn, string(name)
	}
	old, name := reached()
	if name != "a" {
		t.Fatalf("reached %s first", name)
	}
	first.Close()
	go b.check(context.Background())
	if _, err := old.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the connection to the dead server was not cut: %v", err)
	}
	if _, name = reached(); name != "b" {
		t.Fatalf("reached %s, which is dead", name)
	}
}
