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

	"fairlead/redirector/links"
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

	routes map[string]route // by path in lower case; does not change once Serve runs

	// nobodys tags the ids in answers to HEAD: drawn at the start and known to this Server alone, so that no
	// check anywhere accepts them.
	nobodys schema.ClickKey

	count       *count
	losses      lossLog
	notAccepted *notAccepted
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
	opt.Limits.fitConnections(opt.Logger)
	s := &Server{
		opt:         opt,
		log:         opt.Logger,
		ids:         schema.NewClickIDs(opt.Node),
		count:       newCount(),
		notAccepted: newNotAccepted(opt.Logger),

		nobodys: schema.NewClickKey(),
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
		HeaderReceived:               s.bounds,
		ReadTimeout:                  opt.Limits.Read,
		WriteTimeout:                 opt.Limits.Write,
		IdleTimeout:                  opt.Limits.Idle,
		Concurrency:                  opt.Limits.Connections,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
	}
	s.export(opt.Metrics)
	return s, nil
}

func (s *Server) now() time.Time {
	if s.opt.Now != nil {
		return s.opt.Now()
	}
	return time.Now()
}

// timeOf is the moment of a request: the one that fasthttp noted right before the handler, which
// saves reading the clock again.
func (s *Server) timeOf(ctx *fasthttp.RequestCtx) time.Time {
	if t := ctx.Time(); s.opt.Now == nil && !t.IsZero() {
		return t
	}
	return s.now()
}

// since is how long ago that was.
func (s *Server) since(t time.Time) time.Duration {
	if s.opt.Now == nil {
		return time.Since(t) // cheaper than two clocks
	}
	return s.now().Sub(t)
}

// Serve answers on the listeners until Shutdown, which closes them.
func (s *Server) Serve(listeners ...net.Listener) error {
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		l = patient(l, s.notAccepted)
		if most := s.opt.Limits.PerAddress; most > 0 {
			l = fair(l, most, s.trusted, s.notAccepted)
		}
		l = thrifty(l)
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

// Readiness tells whether requests can be sent here, and why not: the directory is loaded, the journal
// takes appends, and the server is not leaving. The stores' state stands in the detail and decides
// nothing.
func (s *Server) Readiness() (ok bool, detail any) {
	r := s.readiness()
	for name, state := range s.opt.Stores {
		if r.Stores == nil {
			r.Stores = map[string]any{}
		}
		r.Stores[name] = state()
	}
	return r.ok(), r
}

// readiness is what /readyz shows of a server.
type readiness struct {
	Leaving   bool   `json:"leaving,omitempty"`
	Directory string `json:"directory"` // "ok", or what is wrong
	Journal   string `json:"journal"`   // likewise
	// Conversions is likewise and decides nothing: links redirect without that journal.
	Conversions string         `json:"conversions,omitempty"`
	Links       links.Status   `json:"links"`
	Stores      map[string]any `json:"stores,omitempty"`
}

func (r readiness) ok() bool { return !r.Leaving && r.Directory == "ok" && r.Journal == "ok" }

func (s *Server) readiness() readiness {
	r := readiness{Leaving: s.leaving.Load(), Directory: "ok", Journal: "ok", Links: s.opt.Links.Status()}
	if err := s.opt.Links.Ready(); err != nil {
		r.Directory = err.Error()
	}
	if err := s.opt.Journal.Ready(); err != nil {
		r.Journal = err.Error()
	}
	if s.opt.Conversions != nil {
		r.Conversions = "ok"
		if err := s.opt.Conversions.Ready(); err != nil {
			r.Conversions = err.Error()
		}
	}
	return r
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
	if path, _, _ := split(ctx.Request.Header.RequestURI()); status == fasthttp.StatusRequestEntityTooLarge && len(s.routes) > 0 && reserved(trimSlashes(path)) {
		(&hit{ctx: ctx}).refuse(status, "bad_request", fmt.Sprintf("The body is longer than %d bytes.", s.bodyBound(&ctx.Request.Header)))
		return
	}
	ctx.Response.Header.SetCanonical(headerCacheControl, noStore)
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString(text)
}

// connLog takes fasthttp's messages. They are about single connections and name the shoppers'
// addresses: they are counted and not repeated.
type connLog struct{ s *Server }

func (c connLog) Printf(string, ...any) { c.s.brokenConns.Add(1) }
