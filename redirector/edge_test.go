package redirector

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if files := os.Getenv(filesVariable); files != "" {
			hungryChild(dir, files)
		}
		child(dir)
	}
	os.Exit(storestest.Main(m))
}

// noon is when these tests take place: a summer's day in the program's zone.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

var testKey = schema.StoredClickKey{ID: 1, Key: schema.ClickKey{1, 2, 3}}

var testProgram = schema.Program{
	Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"}, Zone: "Europe/Berlin", Param: "fl_click", RespectGPC: true,
}

// The program of the tests: partner 1 earns, partner 2 is suspended.
var testContents = links.Contents{
	Program:  testProgram,
	Keys:     []schema.StoredClickKey{testKey},
	Partners: []schema.Partner{{ID: 1, Status: schema.PartnerActive}, {ID: 2, Status: schema.PartnerSuspended}},
	Links: slices.Values([]schema.Link{
		{ID: 1, Partner: 1, Slug: "Ada"},
		{ID: 2, Partner: 1, Slug: "spring", To: "https://shop.example/spring?ref=own&z=%2F#top"},
		{ID: 3, Partner: 2, Slug: "gone", To: "https://shop.example/gone"},
		{ID: 4, Partner: 1, Slug: "off", To: "https://shop.example/off", Disabled: true},
		{ID: 5, Partner: 1, Slug: "late", To: "https://shop.example/late", ExpiresAt: noon},
		{ID: 6, Partner: 1, Slug: "deep/er.x_y~z-1", To: "https://shop.example/deeper"},
	}),
}

// fixed is a directory that does not change.
type fixed struct{ view *links.View }

func (f fixed) View() *links.View { return f.view }

func (f fixed) Ready() error {
	if f.view == nil {
		return links.ErrNotLoaded
	}
	return nil
}

func (f fixed) Status() links.Status { return links.Status{Source: "redis", Links: 6} }

// memory is a journal that keeps records, or fails as it is told.
type memory struct {
	mu      sync.Mutex
	records [][]byte
	fail    error
	before  func()
}

func (m *memory) Append(record []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		m.before()
	}
	if m.fail != nil {
		return 0, m.fail
	}
	m.records = append(m.records, slices.Clone(record))
	return uint64(len(m.records)), nil
}

func (m *memory) Ready() error { return m.fail }

// edge is a server under test.
type edge struct {
	*Server
	t       testing.TB
	journal *memory
}

func newEdge(t testing.TB, change func(*Options)) *edge {
	t.Helper()
	view, err := links.Make(testContents, false)
	if err != nil {
		t.Fatal(err)
	}
	salt, err := OpenSalt("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{t: t, journal: &memory{}}
	opt := Options{
		Links: fixed{view}, Journal: e.journal, Node: "0123456789abcdef", Salt: salt,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon },
	}
	if change != nil {
		change(&opt)
	}
	if e.Server, err = New(opt); err != nil {
		t.Fatal(err)
	}
	return e
}

// request is one request: a raw target and headers as name, value, name, value.
type request struct {
	method, target string
	headers        []string
	from           string // address of the other end
}

func get(target string, headers ...string) request {
	return request{method: "GET", target: target, headers: headers}
}

func (r request) context() *fasthttp.RequestCtx {
	var req fasthttp.Request
	req.Header.SetMethod(r.method)
	req.Header.SetRequestURI(r.target)
	req.Header.SetHost("go.example")
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0")
	for i := 0; i+1 < len(r.headers); i += 2 {
		if r.headers[i] == "User-Agent" {
			req.Header.Set(r.headers[i], r.headers[i+1])
		} else {
			req.Header.Add(r.headers[i], r.headers[i+1])
		}
	}
	from := r.from
	if from == "" {
		from = "203.0.113.77"
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&req, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 12345)), nil)
	return ctx
}

// do sends a request through the handler.
func (e *edge) do(r request) *fasthttp.Response {
	ctx := r.context()
	e.Handle(ctx)
	return &ctx.Response
}

// clicks returns what was recorded since it was last asked.
func (e *edge) clicks() (out []schema.Click) {
	e.t.Helper()
	e.journal.mu.Lock()
	defer e.journal.mu.Unlock()
	for _, r := range e.journal.records {
		var c schema.Click
		if err := schema.DecodeClick(&c, r); err != nil {
			e.t.Fatal(err)
		}
		out = append(out, c)
	}
	e.journal.records = nil
	return out
}

// one returns the one click that a request left.
func (e *edge) one(r request) (schema.Click, *fasthttp.Response) {
	e.t.Helper()
	resp := e.do(r)
	c := e.clicks()
	if len(c) != 1 {
		e.t.Fatalf("%s %s left %d records, want 1", r.method, r.target, len(c))
	}
	return c[0], resp
}

var errDisk = errors.New("the disk went up in smoke")

var fullDisk = &journal.FullError{Reason: journal.ReasonDiskFull}
