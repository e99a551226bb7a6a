package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// shop is where every redirect of a measurement leads: the homepage of Fairlead's defaults.
const shop = "https://shop.example"

// location is as long as what Fairlead answers, click id included.
const location = shop + "/collections/spring-1?ref=campaign&item=12345&fl_click=AZK3v0QAAAAAAQABAAAAAQAAAAAAAAAB"

// nginxConfig makes nginx do the least that a redirect with a record of it takes.
const nginxConfig = `daemon off;
worker_processes %d;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log;
events { worker_connections 4096; }
http {
    access_log %[2]s/access.log combined;
    client_body_temp_path %[2]s/body;
    proxy_temp_path %[2]s/proxy;
    fastcgi_temp_path %[2]s/fastcgi;
    uwsgi_temp_path %[2]s/uwsgi;
    scgi_temp_path %[2]s/scgi;
    keepalive_requests 1000000000;
    server {
        listen %[3]s;
        location / { return 302 "%[4]s"; }
    }
}
`

// startNginx starts nginx with one worker for each processor that it is given.
func startNginx(ctx context.Context, dir string, procs int) (*server, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // where Debian puts it, and no user looks
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	config := fmt.Sprintf(nginxConfig, procs, dir, addr, location)
	if os.Getuid() == 0 {
		config = "user root;\n" + config // or its worker could not write into the folder
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("configure nginx: %w", err)
	}
	return launch("nginx", "http://"+addr, exec.CommandContext(ctx, program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file))
}

// startBare starts this program again, as the bare server.
func startBare(ctx context.Context, procs int) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "bare", "--listen", addr)
	cmd.Env = withProcs(os.Environ(), procs)
	return launch("fasthttp", "http://"+addr, cmd)
}

// serveBare is fasthttp as it comes, answering with the headers that Fairlead answers with. It has no
// time-outs and no limits.
func serveBare(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := &fasthttp.Server{
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(fasthttp.StatusFound)
			h := &ctx.Response.Header
			h.SetCanonical([]byte("Location"), []byte(location))
			h.SetCanonical([]byte("Cache-Control"), []byte("private, no-store"))
			h.SetCanonical([]byte("X-Robots-Tag"), []byte("noindex, nofollow"))
		},
	}
	stop := context.AfterFunc(ctx, func() {
		l.Close() // connections end with the process
	})
	defer stop()
	if err := s.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
		return err
	}
	return nil
}

// withProcs gives a Go program a number of processors.
func withProcs(environ []string, procs int) []string {
	var out []string
	for _, pair := range environ {
		if !strings.HasPrefix(pair, "GOMAXPROCS=") {
			out = append(out, pair)
		}
	}
	return append(out, fmt.Sprintf("GOMAXPROCS=%d", procs))
}

// answering waits until a server redirects.
func (s *server) answering(ctx context.Context, path string) error {
	return s.until(ctx, 30*time.Second, "its first redirect", func() (bool, error) {
		err := s.redirects(ctx, path)
		return err == nil, err
	})
}
