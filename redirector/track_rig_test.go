package redirector

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"fairlead/redirector/door"
	"fairlead/redirector/links"
	"fairlead/redirector/track"
	"fairlead/redirector/track/tracktest"
	"fairlead/schema"
)

// reports is a journal of conversions that keeps what it is given, or fails as it is told.
type reports struct {
	mu   sync.Mutex
	all  []schema.Conversion
	fail error
}

func (r *reports) AppendSync(_ context.Context, record []byte) (uint64, error) {
	var c schema.Conversion
	if err := schema.DecodeConversion(&c, record); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return 0, r.fail
	}
	r.all = append(r.all, c)
	return uint64(len(r.all)), nil
}

func (r *reports) take() []schema.Conversion {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.all
	r.all = nil
	return out
}

// The keys of the tests' program.
const (
	liveKey     = "fl_live_of_the_shop"
	secondKey   = "fl_live_of_another_shop"
	tryKey      = "fl_test_of_the_shop"
	pageKey     = "fl_live_in_the_page"
	postbackKey = "fl_live_of_a_tracker"
	expiredKey  = "fl_live_expired"
	revokedKey  = "fl_live_revoked"
)

func keysOfTests() []schema.APIKey {
	of := func(id uint32, text string, scope schema.Scope) schema.APIKey {
		return schema.APIKey{ID: id, Hash: schema.HashAPIKey(text), Scopes: []schema.Scope{scope}}
	}
	keys := []schema.APIKey{
		of(1, liveKey, schema.ScopeTrack), of(2, tryKey, schema.ScopeTrack), of(3, pageKey, schema.ScopeBrowser), of(4, postbackKey, schema.ScopePostback),
		of(5, expiredKey, schema.ScopeTrack), of(6, revokedKey, schema.ScopeTrack), of(7, secondKey, schema.ScopeTrack),
	}
	keys[1].Test = true
	keys[4].ExpiresAt = noon
	keys[5].RevokedAt = noon.Add(-time.Hour)
	return keys
}

const customersKey = schema.CustomerKey("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

// office is an edge that takes reports over real HTTP; what goes over it is held against the OpenAPI document.
type office struct {
	*edge
	reports *reports
	desk    *track.Desk
	dial    func() (net.Conn, error)
	client  *http.Client
	doc     *tracktest.Document
}

// The secrets that the processors sign with.
const (
	stripeSecret  = "whsec_of_the_tests"
	shopifySecret = "shpss_of_the_tests"
)

func newOffice(t testing.TB, change func(*Options, *track.Options)) *office {
	t.Helper()
	contents := testContents
	contents.APIKeys = keysOfTests()
	contents.Secret = schema.Secret{Customers: customersKey}
	view, err := links.Make(contents, false)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{reports: &reports{}}
	opt := track.Options{Links: fixed{view}, Journal: o.reports, Now: func() time.Time { return noon }}
	o.edge = newEdge(t, func(e *Options) {
		e.Links = fixed{view}
		if change != nil {
			change(e, &opt)
		}
		opt.Logger = e.Logger
	})
	o.desk = track.NewDesk(opt)
	api, err := track.NewAPI(o.desk, "https://go.example/")
	if err != nil {
		t.Fatal(err)
	}
	o.ServeTrack(api)
	o.ServeDoors(door.New(door.Options{
		Desk: o.desk, Links: opt.Links, Front: api, Stripe: []string{stripeSecret}, Shopify: []string{shopifySecret}, Logger: opt.Logger,
	}))
	l := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- o.Serve(l) }()
	o.dial = l.Dial
	o.client = &http.Client{Transport: &http.Transport{
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return l.Dial() },
		MaxIdleConnsPerHost: 64,
	}}
	t.Cleanup(func() {
		o.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := o.Shutdown(ctx); err != nil {
			t.Errorf("stop the server: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	_, _, doc := o.call("GET", "/openapi.json", "", "")
	o.doc = tracktest.Read(t, doc)
	return o
}

// call sends a request with headers as name, value, name, value.
func (o *office) call(method, path, key, body string, headers ...string) (int, http.Header, []byte) {
	o.t.Helper()
	req, err := http.NewRequest(method, "https://go.example"+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.URL.Scheme = "http" // the listener speaks no TLS
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := o.client.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	req.URL.Scheme = "https"
	if o.doc != nil && (method == "POST" || strings.HasPrefix(path, "/postback?")) {
		o.doc.Answer(o.t, req, resp, text)
		if resp.StatusCode == http.StatusOK && !strings.HasPrefix(req.Header.Get("Content-Type"), "text/plain") {
			o.doc.Request(o.t, req, []byte(body))
		}
	}
	return resp.StatusCode, resp.Header, text
}

// announce says that a body of so many bytes follows, and returns what is answered before it does.
func (o *office) announce(path string, bytes int) (int, []byte) {
	o.t.Helper()
	conn, err := o.dial()
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: go.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, bytes); err != nil {
		o.t.Fatal(err)
	}
	req, err := http.NewRequest("POST", "https://go.example"+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	o.doc.Answer(o.t, req, resp, text)
	return resp.StatusCode, text
}

// post is call for the track API, under the live key.
func (o *office) post(path, body string, headers ...string) (int, []byte) {
	o.t.Helper()
	status, _, text := o.call("POST", path, liveKey, body, headers...)
	return status, text
}

// told posts what has to be taken, and returns the conversion that was recorded and the answer.
func (o *office) told(path, body string, headers ...string) (schema.Conversion, map[string]any) {
	o.t.Helper()
	o.reports.take()
	status, text := o.post(path, body, headers...)
	all := o.reports.take()
	if status != http.StatusOK || len(all) != 1 {
		o.t.Fatalf("POST %s %s: got %d %s and %d conversions, want 200 and one", path, body, status, text, len(all))
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		o.t.Fatal(err)
	}
	return all[0], answer
}

// clickID is a genuine click id of a link, an hour before noon.
func clickID(link schema.LinkID) schema.ClickID {
	return schema.NewClickIDs("some-node").New(testKey.Key, noon.Add(-time.Hour).UnixMilli(), link)
}

// same reports JSON that is not as wanted.
func sameJSON(t testing.TB, what string, got any, want string) {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(w)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("%s:\n got %s\nwant %s", what, a, b)
	}
}

func sortedKeys(m map[string]int) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
