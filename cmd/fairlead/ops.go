package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// ops is the operator's private listener: /healthz, /readyz, /metrics and /debug/pprof of every part
// that runs in this process.
type ops struct {
	Metrics  *metrics.Set
	listener net.Listener
	server   *http.Server

	mu     sync.Mutex
	parts  []part  // guarded by mu
	stores *probes // guarded by mu; see storesOf
}

// part is something that can be ready, with what there is to say about it.
type part struct {
	name  string
	ready func() (ok bool, detail any)
}

// listenOps takes the address; serving begins at once, ready says no until parts were added and are.
func listenOps(addr string, log *slog.Logger) (*ops, error) {
	l, err := listen(addr, "ops.listen", "--ops-listen")
	if err != nil {
		return nil, err
	}
	o := &ops{Metrics: metrics.NewSet(), listener: l}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", o.readyz)
	mux.HandleFunc("GET /metrics", o.metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	o.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := o.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the operator's listener stopped", "err", err)
		}
	}()
	return o, nil
}

// URL is where the listener answers.
func (o *ops) URL() string { return "http://" + o.listener.Addr().String() }

// Add makes /readyz ask a part too.
func (o *ops) Add(name string, ready func() (bool, any)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts = append(o.parts, part{name, ready})
}

// Close ends the listener; Serve's goroutine ends with it.
func (o *ops) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := o.server.Shutdown(ctx); err != nil {
		return o.server.Close() // somebody is profiling
	}
	return nil
}

// readyz answers 200 when every part is ready and 503 otherwise, with what each says of itself.
func (o *ops) readyz(w http.ResponseWriter, _ *http.Request) {
	type answer struct {
		Ready  bool `json:"ready"`
		Detail any  `json:"detail,omitempty"`
	}
	o.mu.Lock()
	parts := append([]part(nil), o.parts...)
	o.mu.Unlock()
	all := len(parts) > 0
	body := map[string]answer{}
	for _, p := range parts {
		ok, detail := p.ready()
		body[p.name] = answer{ok, detail}
		all = all && ok
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !all {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(map[string]any{"ready": all, "parts": body})
}

func (o *ops) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	o.Metrics.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
	metrics.WriteFDMetrics(w)
}

// addressTime is how long an address may still be held by what was killed: a process with much memory, as ClickHouse is,
// gives back its ports some time after its parent has given back the folder.
const addressTime = 2 * time.Second

// listen takes a TCP address; the error says which setting and flag name another.
func listen(addr, key, flag string) (net.Listener, error) {
	for until := time.Now().Add(addressTime); ; time.Sleep(20 * time.Millisecond) {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(until) {
			return nil, cannotListen(addr, key, flag, err)
		}
	}
}

func cannotListen(addr, key, flag string, err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner // without the address a second time
	}
	return fmt.Errorf("cannot listen on %s: %w; free the address, or choose another with %s (%s)", addr, err, flag, key)
}
