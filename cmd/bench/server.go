package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is a process that answers requests.
type server struct {
	name string
	url  string
	cmd  *exec.Cmd
	said tailBuffer    // what it printed, for an error
	done chan struct{} // closed once it is gone
	err  error         // why; to be read after done
}

// stopTime is how long a server may take to stop: Fairlead ships its journal meanwhile.
const stopTime = 60 * time.Second

// launch starts a server's process. It is not ready yet.
func launch(name, url string, cmd *exec.Cmd) (*server, error) {
	s := &server{name: name, url: url, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.said, &s.said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		s.err = cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends the process as an operator does, or by force if it takes too long.
func (s *server) stop() error {
	if s == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s had ended by itself (%w): %s", s.name, s.err, s.said.String())
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(stopTime):
		err := s.cmd.Process.Kill()
		<-s.done
		return errors.Join(fmt.Errorf("%s did not stop within %s", s.name, stopTime), err)
	}
}

// until asks again and again until ok answers true. While it does not, why tells the reason.
func (s *server) until(ctx context.Context, limit time.Duration, what string, ok func() (yes bool, why error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		yes, why := ok()
		if yes {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended (%w) before %s: %s", s.name, s.err, what, s.said.String())
		case <-ctx.Done():
			return fmt.Errorf("%s: waited for %s: %w: %w", s.name, what, ctx.Err(), why)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// browser asks like one that shows every answer: redirects are not followed.
var browser = &http.Client{
	Timeout:       5 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// redirects is nil if the server answers a path with a redirect to the shop.
func (s *server) redirects(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusFound || !strings.HasPrefix(to, shop+"/collections/") {
		return fmt.Errorf("%s%s answers %s, to %q", s.url, path, resp.Status, to)
	}
	return nil
}

// fetch returns the body of an operator's page, whatever its status.
func fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// freeAddr is an address on loopback that nobody listened on a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tailBuffer keeps the end of what is written to it. It is safe for concurrent use.
type tailBuffer struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 4 << 10

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}
