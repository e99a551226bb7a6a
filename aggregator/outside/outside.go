// Package outside sends messages to addresses that strangers chose: endpoints of merchants and trackers of partners.
//
// # What is promised
//
// Nothing is ever sent to an address that not everybody reaches: not to private, loopback, link-local, carriers' or
// clouds' own addresses, in whatever form they are written. A name is looked up once for each message, every address that
// comes back is checked, and a checked address is the one that is dialled, so that a second answer of DNS changes nothing;
// the socket itself is checked once more before it connects. Redirects are not followed, proxies that the environment names
// are not used, TLS is at least 1.2 with a certificate for the name. Time, headers and body of the answer are bounded.
//
// An error names a host, never the rest of an address: that may hold a secret.
//
// # Limits
//
// A network that translates a prefix of its own to private IPv4 addresses (NAT64 with a network-specific prefix) cannot
// be told from the Internet by looking at addresses.
package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"fairlead/schema"
)

// Reason is why nothing was answered.
type Reason string

// The reasons.
const (
	ReasonAddress Reason = "address" // it must not be sent to
	ReasonName    Reason = "name"    // its name leads nowhere
	ReasonConnect Reason = "connect" // nobody listens, or the connection broke
	ReasonTLS     Reason = "tls"     // no agreement on TLS, or no certificate for the name
	ReasonTime    Reason = "time"    // it took too long
	ReasonAnswer  Reason = "answer"  // it is not HTTP, or its headers are too long
)

// Error says why a message got no answer.
type Error struct {
	Reason Reason
	Err    error
}

// Error is fit for a log and a terminal: what a stranger sent may stand in the cause.
func (e *Error) Error() string { return shown([]byte(e.Err.Error())) }
func (e *Error) Unwrap() error { return e.Err }

// Resolver looks names up; net.DefaultResolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options of a Client.
type Options struct {
	// Loopback admits addresses whose host is a loopback address or localhost, by http too: for tests on one machine. A name
	// that leads to this machine stays refused.
	Loopback bool
	Timeout  time.Duration  // of a whole message, until the answer is read; 10 s when 0
	Resolver Resolver       // net.DefaultResolver when nil
	Roots    *x509.CertPool // who vouches for certificates; the system's when nil
}

// Bounds of what is read of an answer, in bytes.
const (
	mostHeader = 16 << 10
	mostBody   = 4 << 10
	mostText   = 500 // of Answer.Text
)

// mostAddresses is how many addresses of a name are tried.
const mostAddresses = 3

// Client sends messages. It is safe for concurrent use, and keeps no connection.
type Client struct {
	opt  Options
	wire *http.Transport                                                                     // used without an http.Client: there is nothing that could follow a redirect
	dial func(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) // a test looks at it
}

// New returns a Client.
func New(opt Options) *Client {
	if opt.Timeout == 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.Resolver == nil {
		opt.Resolver = net.DefaultResolver
	}
	c := &Client{opt: opt}
	c.dial = func(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
		return d.DialContext(ctx, network, address)
	}
	c.wire = &http.Transport{
		Proxy:                  nil,
		DialContext:            c.connect,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opt.Roots},
		MaxResponseHeaderBytes: mostHeader,
		DisableCompression:     true, // what is read is what was sent
		DisableKeepAlives:      true, // one look at the address, one connection, one message
	}
	return c
}

// Message is what is sent.
type Message struct {
	Method string
	URL    string
	Header http.Header
	Body   string
}

// Answer is what came back.
type Answer struct {
	Status int
	Text   string // the beginning of the body, fit for showing
}

// Accepted reports whether the receiver took the message: any status of 200 to 299.
func (a Answer) Accepted() bool { return a.Status >= 200 && a.Status < 300 }

// Send sends a message and reads the answer. Its errors are *Error; a context that ended before the message's own time is
// its own error.
func (c *Client) Send(ctx context.Context, m Message) (Answer, error) {
	checked, err := schema.CheckEndpoint(m.URL, c.opt.Loopback)
	if err != nil {
		return Answer{}, &Error{ReasonAddress, err}
	}
	limited, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, m.Method, checked, strings.NewReader(m.Body))
	if err != nil {
		return Answer{}, &Error{ReasonAddress, errors.New("the address cannot be read")}
	}
	if m.Body == "" {
		req.Body, req.GetBody = nil, nil
	}
	for name, values := range m.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "Fairlead/1")
	answer, err := c.exchange(req)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return Answer{}, context.Cause(ctx)
	}
	return Answer{}, classed(err, c.opt.Timeout)
}

// exchange sends a request. The status is the answer; the body is only there to be shown, as far as it comes.
func (c *Client) exchange(req *http.Request) (Answer, error) {
	res, err := c.wire.RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, mostBody))
	return Answer{Status: res.StatusCode, Text: shown(body)}, nil
}

// connect looks a name up, checks what comes back and dials that.
func (c *Client) connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Error{ReasonAddress, err}
	}
	here := c.opt.Loopback && schema.Loopback("https://"+net.JoinHostPort(host, port))
	addrs, err := c.addresses(ctx, host, here)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if err := allowed(a, port, here); err != nil {
			return nil, err
		}
	}
	dialer := net.Dialer{
		Timeout: c.opt.Timeout / 2, // there may be another address
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return &Error{ReasonAddress, err}
			}
			return allowed(ap.Addr(), fmt.Sprint(ap.Port()), here)
		},
	}
	var failed error
	for _, a := range addrs[:min(len(addrs), mostAddresses)] {
		conn, err := c.dial(ctx, &dialer, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// addresses are those that a host stands for.
func (c *Client) addresses(ctx context.Context, host string, here bool) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if here {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	addrs, err := c.opt.Resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		return nil, &Error{ReasonName, fmt.Errorf("look up the address of %s: %w", host, err)}
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	return addrs, nil
}

// allowed is the last word on an address and its port.
func allowed(a netip.Addr, port string, here bool) error {
	if here {
		if a.IsLoopback() {
			return nil
		}
		return &Error{ReasonAddress, fmt.Errorf("%s is not this machine", a)}
	}
	if why := schema.NotPublic(a); why != "" {
		return &Error{ReasonAddress, fmt.Errorf("the name leads to %s, which is %s: nothing is sent there", a, why)}
	}
	if port != "443" {
		return &Error{ReasonAddress, fmt.Errorf("port %s: only 443 is sent to", port)}
	}
	return nil
}

// classed finds the reason of an error.
func classed(err error, limit time.Duration) error {
	var known *Error
	var op *net.OpError
	var timed interface{ Timeout() bool }
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &known):
		if errors.Is(err, context.DeadlineExceeded) {
			return &Error{ReasonTime, fmt.Errorf("no answer within %s", limit)}
		}
		return known
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return &Error{ReasonTime, fmt.Errorf("no answer within %s", limit)}
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return &Error{ReasonTLS, err}
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{ReasonConnect, err}
	}
	return &Error{ReasonAnswer, err}
}

// shown makes text of a stranger fit for a log and a terminal.
func shown(body []byte) string {
	text := strings.ToValidUTF8(string(body), "�")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > mostText {
		cut := mostText
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}
