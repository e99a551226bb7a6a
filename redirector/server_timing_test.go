package redirector

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// loop is a connection over which the same requests come again and again, without a kernel.
type loop struct {
	requests [][]byte
	left, i  int
}

func (l *loop) Read(b []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	l.left--
	l.i++
	return copy(b, l.requests[l.i%len(l.requests)]), nil
}

func (l *loop) Write(b []byte) (int, error)      { return len(b), nil }
func (l *loop) Close() error                     { return nil }
func (l *loop) LocalAddr() net.Addr              { return loopAddr }
func (l *loop) RemoteAddr() net.Addr             { return loopAddr }
func (l *loop) SetDeadline(time.Time) error      { return nil }
func (l *loop) SetReadDeadline(time.Time) error  { return nil }
func (l *loop) SetWriteDeadline(time.Time) error { return nil }

var loopAddr = &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 4711}

// BenchmarkServer is a request from the first byte read to the last byte written, without the kernel:
// bare is a fasthttp server that answers every request with the same 302, ours the whole edge over a
// million links and a real journal. What lies between the two is what a tracked click costs.
func BenchmarkServer(b *testing.B) {
	view := manyLinks(b, 1_000_000)
	var requests [][]byte
	for i := range 4096 {
		r := browser("/" + slugOf(1+i*7919%1_000_000))
		ctx := r.context()
		requests = append(requests, ctx.Request.Header.Header())
	}
	serve := func(b *testing.B, s *fasthttp.Server) {
		b.ReportAllocs()
		b.ResetTimer()
		if err := s.ServeConn(&loop{requests: requests, left: b.N}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("bare", func(b *testing.B) {
		location := []byte("https://shop.example/collections/spring-1?ref=campaign&item=1&fl_click=AZK3v0QAAAAAAQABAAAAAQAAAAAAAAAB")
		serve(b, &fasthttp.Server{NoDefaultServerHeader: true, NoDefaultContentType: true, ReadBufferSize: 16 << 10, Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(302)
			ctx.Response.Header.SetCanonical(headerLocation, location)
			ctx.Response.Header.SetCanonical(headerCacheControl, privateNoStore)
			ctx.Response.Header.SetCanonical(headerRobots, noindexNofollow)
		}})
	})
	b.Run("ours", func(b *testing.B) {
		e := newEdge(b, func(o *Options) { o.Links, o.Now, o.Journal = fixed{view}, nil, openJournal(b) })
		serve(b, e.http)
	})
}
