package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is the network between the components and a store; it can be broken in the ways of networks.
type wire struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

func newWire(t testing.TB, name, to string) *wire {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // its toxics write to the global logger
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{t: t, proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:"+freePorts(t, 1)[0], to)}
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.proxy.Stop)
	return w
}

func (w *wire) addr() string { return w.proxy.Listen }

// cut closes every connection and takes no new one until mended.
func (w *wire) cut() (mend func()) {
	w.proxy.Stop()
	return func() {
		if err := w.proxy.Start(); err != nil {
			w.t.Errorf("mend the wire to %s: %v", w.proxy.Name, err)
		}
	}
}

// slow delays what is sent and what is answered.
func (w *wire) slow() (mend func()) {
	return w.poison("latency", map[string]any{"latency": 150, "jitter": 140})
}

// narrow lets few bytes a second through, in small pieces.
func (w *wire) narrow() (mend func()) {
	return w.poison("bandwidth", map[string]any{"rate": 100}) // KB/s
}

// reset ends connections by RST as soon as something passes.
func (w *wire) reset() (mend func()) {
	return w.poison("reset_peer", map[string]any{"timeout": 0})
}

// swallow loses what is sent and what is answered while the connections seem to live; at the end they are closed.
func (w *wire) swallow() (mend func()) {
	return w.poison("timeout", map[string]any{"timeout": 0})
}

// poison adds a toxic to both directions.
func (w *wire) poison(kind string, attributes map[string]any) (mend func()) {
	w.t.Helper()
	directions := []string{"upstream", "downstream"}
	for _, direction := range directions {
		spec, err := json.Marshal(map[string]any{"name": kind + " " + direction, "type": kind, "stream": direction, "attributes": attributes})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.proxy.Toxics.AddToxicJson(bytes.NewReader(spec)); err != nil {
			w.t.Fatalf("make the wire to %s worse: %v", w.proxy.Name, err)
		}
	}
	return func() {
		for _, direction := range directions {
			if err := w.proxy.Toxics.RemoveToxic(w.t.Context(), kind+" "+direction); err != nil {
				w.t.Errorf("mend the wire to %s: %v", w.proxy.Name, err)
			}
		}
	}
}
