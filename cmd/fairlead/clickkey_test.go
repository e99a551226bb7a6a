package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairlead/redirector"
	"fairlead/redirector/journal"
	"fairlead/schema"
)

func TestClickKeysFromTheShell(t *testing.T) {
	o := newOffice(t)
	if err := o.dir.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := func(args ...string) (out []clickKeyJSON) {
		t.Helper()
		text := o.says(append(append([]string{"program"}, args...), "--json")...)
		if strings.HasPrefix(text, "{") {
			text = "[" + text + "]"
		}
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return out
	}
	states := func(want string) {
		t.Helper()
		var got []string
		for _, k := range keys("keys") {
			got = append(got, k.State)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("the keys are %s, want %s", s, want)
		}
	}
	states("signing")
	first, err := o.dir.ClickKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k := keys("rotate-key"); len(k) != 1 || k[0].ID != 2 || k[0].State != "signing" || !k[0].AcceptedUntil.IsZero() {
		t.Errorf("rotate-key answered %+v", k)
	}
	states("signing accepted")
	for _, k := range keys("keys") {
		if want := 97 * 24 * time.Hour; k.ID == 1 && time.Until(k.AcceptedUntil).Round(time.Hour) != want {
			t.Errorf("the first key is accepted until %v, want for %v", k.AcceptedUntil, want)
		}
	}
	if out := o.says("program", "rotate-key", "--leaked"); !strings.Contains(out, "key 3 now; ids of all keys before are refused") {
		t.Errorf("got %s", out)
	}
	states("signing retired retired")
	if out := o.says("program", "keys"); strings.Contains(out, "••••") || !strings.Contains(out, "3   signing") {
		t.Errorf("got %s", out)
	}
	secret, err := first[0].MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if out := o.says("program", "keys", "--json"); strings.Contains(out, string(secret)) {
		t.Error("a key is printed")
	}
}

// TestNodesFollowARotation has two redirectors sign, rotates the key, and asks for the ids of both.
func TestNodesFollowARotation(t *testing.T) {
	o := newOffice(t)
	if err := o.dir.EnsureClickKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	nodes := []*redirectorOf{newRedirectorOf(o), newRedirectorOf(o)}
	clicked := func(n *redirectorOf) string {
		t.Helper()
		at, err := url.Parse(location(t, "http://"+n.addr+"/ada"))
		if err != nil {
			t.Fatal(err)
		}
		return at.Query().Get("fl_click")
	}
	// signs tells under which of the keys, counted from the newest, a node's ids are tagged now.
	signs := func(n *redirectorOf) int {
		t.Helper()
		id, err := schema.ParseClickID(clicked(n))
		if err != nil {
			t.Fatal(err)
		}
		all, err := o.dir.AllClickKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range all {
			if (schema.ClickKeys{k.Key}).Check(id) == nil {
				return i
			}
		}
		return -1
	}
	genuine := func(id string) {
		t.Helper()
		if out := o.says("click", "show", id, "--json"); !strings.Contains(out, `"link_id":1,"slug":"ada","partner_id":1`) {
			t.Errorf("click show answered %s", out)
		}
	}
	var before []string
	for _, n := range nodes {
		before = append(before, clicked(n))
		genuine(before[len(before)-1])
	}
	o.says("program", "rotate-key")
	for _, n := range nodes {
		n.followed(func() bool { return signs(n) == 0 })
		genuine(clicked(n))
	}
	for _, id := range before {
		genuine(id)
	}
	o.says("program", "rotate-key", "--leaked")
	for i, n := range nodes {
		n.followed(func() bool { return signs(n) == 0 })
		genuine(clicked(n))
		o.fails("not given out by this program", "click", "show", before[i])
	}
	o.fails("32 characters", "click", "show", "made-up")
	id, err := schema.ParseClickID(clicked(nodes[0]))
	if err != nil {
		t.Fatal(err)
	}
	id.Link++
	o.fails("not given out by this program", "click", "show", id.String())
}

// redirectorOf is a redirector over an office's Redis.
type redirectorOf struct {
	t    *testing.T
	addr string
}

func newRedirectorOf(o *office) *redirectorOf {
	o.t.Helper()
	dir := o.t.TempDir()
	n, err := redirector.OpenNode(redirector.NodeOptions{
		JournalDir: filepath.Join(dir, "journal"), Journal: journal.Options{SegmentBytes: 1 << 20, Sinks: []string{"nobody"}},
		ConversionsDir: filepath.Join(dir, "conversions"), Conversions: journal.Options{SegmentBytes: 1 << 20, Sinks: []string{"nobody"}},
		Drain: time.Second, Server: redirector.Options{Logger: slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	listeners, err := redirector.Listen("127.0.0.1:0", 1)
	if err != nil {
		o.t.Fatal(errors.Join(err, n.Close()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, o.d.Redis, listeners) }()
	o.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			o.t.Error(err)
		}
	})
	r := &redirectorOf{o.t, listeners[0].Addr().String()}
	eventually(o.t, 10*time.Second, "the redirector is ready", func() bool { ok, _ := n.Server.Readiness(); return ok })
	return r
}

// followed waits until a node has seen a change: a second, and what a busy machine takes on top.
func (r *redirectorOf) followed(seen func() bool) {
	r.t.Helper()
	eventually(r.t, 10*time.Second, "the node follows", seen)
}
