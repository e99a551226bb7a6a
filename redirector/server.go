package redirector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fairlead/schema"
)

// Server answers requests. Make one with New, give it listeners with Serve, end it with Shutdown.
type Server struct {
	opt  Options
	log  *slog.Logger
	http *fasthttp.Server
	cert *certificate // nil: plain HTTP
	ids  *schema.ClickIDs
	hits sync.Pool

	count       *count
	losses      lossLog
	brokenConns atomic.Uint64
	leaving     atomic.Bool // not ready any more
	closed      atomic.Bool // nothing is redirected any more
}

// New makes a server. The error is about the TLS files.
func New(opt Options) (*Server, error) {
	opt.Limits.fillIn()
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Server{
		opt:   opt,
		log:   opt.Logger,
		ids:   schema.NewClickIDs(opt.Node),
		count: newCount(),
	}
	if opt.TLSCert != "" {
		var err error
		if s.cert, err = loadCertificate(opt.TLSCert, opt.TLSKey); err != nil {
			return nil, err
		}
	}
	s.hits.New = func() any {
		return &hit{count: s.count.share()}
	}
	s.http = &fasthttp.Server{
		Handler:                      s.Handle,
		ErrorHandler:                 s.badRequest,
		Logger:                       connLog{s},
		ReadBufferSize:               opt.Limits.HeaderBytes,
		MaxRequestBodySize:           opt.Limits.BodyBytes,
		ReadTimeout:                  opt.Limits.Read,
		WriteTimeout:                 opt.Limits.Write,
		IdleTimeout:                  opt.Limits.Idle,
		Concurrency:                  opt.Limits.Connections,
		MaxConnsPerIP:                opt.Limits.PerAddress,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		TCPKeepalive:                 true,
	}
	s.export(opt.Metrics)
	return s, nil
}

func (s *Server) now() time.Time { return s.opt.Now() }

// Serve answers on the listeners until Shutdown, which closes them.
func (s *Server) Serve(listeners ...net.Listener) error {
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		if s.cert != nil {
			l = s.cert.listener(l)
		}
		go func() { ended <- s.http.Serve(l) }()
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	if s.cert != nil {
		watch.Go(func() { s.cert.watch(stop, s.log) })
	}
	var failed error
	for range listeners {
		if err := <-ended; err != nil && failed == nil {
			failed = fmt.Errorf("serve links: %w", err)
			for _, l := range listeners {
				l.Close() // the others end too
			}
		}
	}
	close(stop)
	watch.Wait()
	return failed
}

// Leave makes the server say that it is not ready, so that load balancers send nobody any more. It goes
// on answering.
func (s *Server) Leave() { s.leaving.Store(true) }

// Shutdown leaves, takes no more connections, and waits until the open ones are through with their
// request or ctx is done. A request that comes over a connection left open then is refused.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Leave()
	defer s.closed.Store(true)
	if err := s.http.ShutdownWithContext(ctx); err != nil {
		return fmt.Errorf("drain connections: %d are still open: %w", s.http.GetOpenConnectionsCount(), err)
	}
	return nil
}

// Readiness tells whether requests can be sent here: the directory is loaded, the journal takes
// appends, and the server is not leaving. The stores' state stands in the detail and decides nothing.
func (s *Server) Readiness() (ok bool, detail any) {
	type readiness struct {
		Leaving   bool           `json:"leaving,omitempty"`
		Directory string         `json:"directory"`
		Journal   string         `json:"journal"`
		Links     any            `json:"links"`
		Stores    map[string]any `json:"stores,omitempty"`
	}
	d := readiness{Leaving: s.leaving.Load(), Directory: "ok", Journal: "ok", Links: s.opt.Links.Status()}
	ok = !d.Leaving
	if err := s.opt.Links.Ready(); err != nil {
		ok, d.Directory = false, err.Error()
	}
	if err := s.opt.Journal.Ready(); err != nil {
		ok, d.Journal = false, err.Error()
	}
	for name, state := range s.opt.Stores {
		if d.Stores == nil {
			d.Stores = map[string]any{}
		}
		d.Stores[name] = state()
	}
	return ok, d
}

// badRequest answers what could not be read.
func (s *Server) badRequest(ctx *fasthttp.RequestCtx, err error) {
	s.count.share().add(outcomeBadRequest)
	status, text := fasthttp.StatusBadRequest, "This request could not be understood.\n"
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		status, text = fasthttp.StatusRequestHeaderFieldsTooLarge, "The address and headers of this request are too long.\n"
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status, text = fasthttp.StatusRequestEntityTooLarge, "The body of this request is too long.\n"
	case errors.As(err, &network) && network.Timeout():
		status, text = fasthttp.StatusRequestTimeout, "This request took too long to arrive.\n"
	}
	ctx.Response.Reset()
	ctx.Response.Header.SetCanonical(headerCacheControl, noStore)
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString(text)
}

// connLog takes fasthttp's messages. They are about single connections and name the shoppers'
// addresses: they are counted and not repeated.
type connLog struct{ s *Server }

func (c connLog) Printf(string, ...any) { c.s.brokenConns.Add(1) }
