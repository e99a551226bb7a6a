package redirector

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/redirector/track"
)

// BenchmarkConversions is sales reported over HTTP by 64 callers a processor, each answered once it is synced to the disk
// that TMPDIR is on: in groups, as we do it, and as it is without groups, in a server that does nothing else. Redis
// remembers them for other nodes in between.
func BenchmarkConversions(b *testing.B) {
	const callers = 64
	keys, click := []string{liveKey, secondKey}, clickID(2)
	report := func(b *testing.B, handler fasthttp.RequestHandler) {
		b.Helper()
		l := fasthttputil.NewInmemoryListener()
		s := &fasthttp.Server{Handler: handler, NoDefaultServerHeader: true, CloseOnShutdown: true}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		client := &fasthttp.HostClient{Addr: "go.example", Dial: func(string) (net.Conn, error) { return l.Dial() }, MaxConns: 10_000}
		var n atomic.Uint64
		b.SetParallelism(callers)
		b.ResetTimer()
		b.RunParallel(func(p *testing.PB) {
			var req fasthttp.Request
			var resp fasthttp.Response
			for p.Next() {
				req.Header.SetMethod(http.MethodPost)
				req.SetRequestURI("http://go.example/track/sale")
				req.Header.SetContentType("application/json")
				i := n.Add(1)
				req.Header.Set("Authorization", "Bearer "+keys[i%2]) // one may not report that much
				req.SetBodyString(fmt.Sprintf(`{"customerExternalId":"user_%d","amount":4900,"currency":"eur","invoiceId":"in_%d","clickId":%q,"metadata":{"plan":"pro"}}`,
					i%1000, i, click))
				if err := client.Do(&req, &resp); err != nil || resp.StatusCode() != http.StatusOK {
					b.Errorf("got %v, %d %s", err, resp.StatusCode(), resp.Body())
					return
				}
				resp.Reset()
			}
		})
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conversions/s")
		client.CloseIdleConnections()
		if err := s.Shutdown(); err != nil {
			b.Error(err)
		}
		if err := <-served; err != nil {
			b.Error(err)
		}
	}
	ours := func(b *testing.B, rdb redis.UniversalClient) {
		log, err := journal.Open(filepath.Join(b.TempDir(), "conversions"), journal.Options{SegmentBytes: 4 << 20, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		defer log.Close()
		contents := testContents
		contents.APIKeys = keysOfTests()
		view, err := links.Make(contents, false)
		if err != nil {
			b.Fatal(err)
		}
		e := newEdge(b, func(o *Options) { o.Links, o.Now = fixed{view}, nil })
		api, err := track.NewAPI(track.NewDesk(track.Options{Links: fixed{view}, Journal: log, Redis: rdb, Logger: e.log}), "https://go.example")
		if err != nil {
			b.Fatal(err)
		}
		e.ServeTrack(api)
		report(b, e.Handle)
		if got := log.Synced(); got < uint64(b.N) {
			b.Errorf("%d are synced of %d", got, b.N)
		}
	}
	b.Run("groups", func(b *testing.B) { ours(b, nil) })
	b.Run("groups, Redis", func(b *testing.B) { ours(b, storestest.Redis(b).Fresh(b).Client(b)) })
	b.Run("each by itself", func(b *testing.B) {
		f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		report(b, func(ctx *fasthttp.RequestCtx) {
			if _, err := f.Write(ctx.PostBody()); err != nil {
				b.Error(err)
			}
			if err := f.Sync(); err != nil {
				b.Error(err)
			}
			ctx.SetBodyString(`{"recorded":true}`)
		})
	})
}
