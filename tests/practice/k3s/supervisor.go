package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const grace = 3 * time.Second

// supervisor keeps the components running as children of this process, and ends them with it.
type supervisor struct {
	ctx      context.Context
	cancel   func()
	mu       sync.Mutex
	children []*child
}

type child struct {
	name  string
	args  []string
	flags uintptr
	out   io.Writer
	// isFinal, where it is given, tells after each end whether it is the last.
	isFinal func() bool
	mu      sync.Mutex
	pid     int
	ended   chan struct{}
}

func newSupervisor() *supervisor {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	return &supervisor{ctx: ctx, cancel: cancel}
}

// start runs `k3s NAME ARGS...` and starts it again whenever it ends.
func (s *supervisor) start(name string, args ...string) {
	s.keep(&child{name: name, args: args, out: prefixed(name)})
}

func (s *supervisor) keep(c *child) {
	c.ended = make(chan struct{})
	s.mu.Lock()
	s.children = append(s.children, c)
	s.mu.Unlock()
	go func() {
		defer close(c.ended)
		// The kernel ends a child with the thread that made it, not with the process: keep this thread.
		runtime.LockOSThread()
		pause := time.Second
		for s.ctx.Err() == nil {
			begun := time.Now()
			err := c.run()
			if s.ctx.Err() != nil || c.isFinal != nil && c.isFinal() {
				return
			}
			if time.Since(begun) > time.Minute {
				pause = time.Second
			}
			log.Printf("%s ended (%v), starting it again in %s", c.name, err, pause)
			sleep(s.ctx, pause)
			pause = min(2*pause, 15*time.Second)
		}
	}()
}

func (c *child) run() error {
	cmd := exec.Command("/proc/self/exe", append([]string{c.name}, c.args...)...)
	cmd.Args[0] = "k3s"
	cmd.Env = childEnv()
	cmd.Stdout, cmd.Stderr = c.out, c.out
	// A shim may keep containerd's output open for as long as its pod lives.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: c.flags}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.setPid(cmd.Process.Pid)
	defer c.setPid(0)
	return cmd.Wait()
}

func (c *child) setPid(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pid = pid
}

func (c *child) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid > 0 {
		syscall.Kill(c.pid, sig)
	}
}

func (c *child) stop() {
	c.signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(grace):
		c.signal(syscall.SIGKILL)
		<-c.ended
	}
}

// end stops every child and returns when all are gone.
func (s *supervisor) end() {
	s.cancel()
	notify("STOPPING=1")
	// etcd goes last: an API server without it waits out its whole grace time.
	var last *child
	var others sync.WaitGroup
	for _, c := range s.children {
		if c.name == "etcd" {
			last = c
			continue
		}
		others.Go(c.stop)
	}
	others.Wait()
	if last != nil {
		last.stop()
	}
}

// childEnv hides the service manager from the components (containerd and etcd would report to it themselves).
func childEnv() []string {
	env := []string{"PATH=" + binDir() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	if zone := os.Getenv("TZ"); zone != "" {
		env = append(env, "TZ="+zone)
	}
	return env
}

// prefixed marks every line of a component with its name: they all end up in one journal.
func prefixed(name string) io.Writer {
	reader, writer := io.Pipe()
	go func() {
		for lines := bufio.NewReader(reader); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprintf(os.Stderr, "%s: %s", name, line)
		}
	}()
	return writer
}

// notify tells systemd, when it started us with Type=notify.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		log.Printf("cannot tell systemd %s: %v", state, err)
		return
	}
	defer conn.Close()
	conn.Write([]byte(state))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// until tries again every pause until it succeeds or ctx ends, and says why it waits whenever the reason changes.
func until(ctx context.Context, what string, pause time.Duration, try func() error) error {
	for said := ""; ; sleep(ctx, pause) {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
		if said != err.Error() {
			said = err.Error()
			log.Printf("waiting: %s: %v", what, err)
		}
	}
}
