package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is an HTTPS server whose certificate is for 127.0.0.1 and example.com.
func receiver(t *testing.T, handle http.HandlerFunc, change ...func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	for _, c := range change {
		c(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func trusting(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// names answers each look-up with the next of its answers, the last one for ever.
type names struct {
	answers [][]netip.Addr
	mu      sync.Mutex
	asked   int
}

func (n *names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if len(n.answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return append([]netip.Addr(nil), n.answers[min(n.asked, len(n.answers))-1]...), nil
}

func leadsTo(answers ...string) *names {
	n := &names{}
	for _, a := range answers {
		var list []netip.Addr
		for one := range strings.FieldsSeq(a) {
			list = append(list, netip.MustParseAddr(one))
		}
		n.answers = append(n.answers, list)
	}
	return n
}

// refused checks the reason of an error.
func refused(t *testing.T, err error, want Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("got %v, want it to fail because of %s", err, want)
	}
}

func get(url string) Message { return Message{Method: http.MethodGet, URL: url} }

func TestAMessageArrivesAsItWasSent(t *testing.T) {
	type seen struct{ method, uri, body, agent, signature string }
	got := make(chan seen, 1)
	s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.RequestURI, string(body), r.UserAgent(), r.Header.Get("Fairlead-Signature")}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "thank\r\nyou\x1b[31m \u202e")
	})
	c := New(Options{Loopback: true, Roots: trusting(s)})
	answer, err := c.Send(t.Context(), Message{
		Method: http.MethodPost, URL: s.URL + "/in?a=%20b", Body: `{"a":1}`, Header: http.Header{"Fairlead-Signature": {"t=1,v1=ab"}},
	})
	if err != nil || !answer.Accepted() || answer.Status != http.StatusAccepted || answer.Text != "thank you [31m" {
		t.Errorf("got %+v, %v", answer, err)
	}
	if want := (seen{"POST", "/in?a=%20b", `{"a":1}`, "Fairlead/1", "t=1,v1=ab"}); <-got != want {
		t.Errorf("the receiver did not see %+v", want)
	}
}

func TestTheCheckedAddressIsTheOneThatIsDialled(t *testing.T) {
	s := receiver(t, func(http.ResponseWriter, *http.Request) {})
	dns := leadsTo("93.184.216.34", "127.0.0.1") // an attacker's server of names changes its mind at the second look
	c := New(Options{Roots: trusting(s), Resolver: dns})
	var dialled []string
	c.dial = func(ctx context.Context, _ *net.Dialer, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String()) // which stands for that address here
	}
	answer, err := c.Send(t.Context(), get("https://example.com/in"))
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("got %+v, %v", answer, err)
	}
	if dns.asked != 1 || len(dialled) != 1 || dialled[0] != "93.184.216.34:443" {
		t.Errorf("asked %d times, dialled %v", dns.asked, dialled)
	}
	_, err = c.Send(t.Context(), get("https://example.com/in"))
	refused(t, err, ReasonAddress)
	if len(dialled) != 1 {
		t.Errorf("dialled %v", dialled)
	}
}

func TestNamesThatLeadToAddressesOfFewAreRefused(t *testing.T) {
	f := func(addresses string) {
		t.Helper()
		for _, loopback := range []bool{false, true} {
			c := New(Options{Resolver: leadsTo(addresses), Loopback: loopback})
			c.dial = func(_ context.Context, _ *net.Dialer, _, address string) (net.Conn, error) {
				t.Errorf("%s: dialled %s", addresses, address)
				return nil, errors.New("dialled")
			}
			_, err := c.Send(t.Context(), get("https://tracker.example/in?secret"))
			refused(t, err, ReasonAddress)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error says %v", err)
			}
		}
	}
	f("127.0.0.1")
	f("10.1.2.3")
	f("169.254.169.254")
	f("100.64.0.1")
	f("::1")
	f("fd00:ec2::254")
	f("::ffff:127.0.0.1")
	f("::ffff:169.254.169.254")
	f("64:ff9b::a9fe:a9fe")
	f("2002:7f00:1::")
	f("0.0.0.0")
	f("93.184.216.34 127.0.0.1") // one good address does not make the others good
	f("127.0.0.1 93.184.216.34")
}

func TestAddressesWrittenInTheMessageAreCheckedToo(t *testing.T) {
	// As the C library reads numbers: short, octal, hexadecimal and decimal forms are all 127.0.0.1.
	c := New(Options{Resolver: leadsTo("127.0.0.1")})
	c.dial = func(_ context.Context, _ *net.Dialer, _, address string) (net.Conn, error) {
		t.Errorf("dialled %s", address)
		return nil, errors.New("dialled")
	}
	for _, url := range []string{
		"https://127.0.0.1/", "https://[::1]/", "https://[::ffff:7f00:1]/", "https://127.1/", "https://0177.0.0.1/", "https://0x7f000001/", "https://2130706433/",
		"https://localhost/", "https://LOCALHOST./", "https://x.localhost/", "http://example.com/", "https://example.com:8443/", "https://a@example.com/",
	} {
		_, err := c.Send(t.Context(), get(url))
		refused(t, err, ReasonAddress)
	}
}

func TestTheSocketItselfIsChecked(t *testing.T) {
	s := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	c := New(Options{Resolver: leadsTo("93.184.216.34")})
	c.dial = func(ctx context.Context, d *net.Dialer, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, s.Listener.Addr().String()) // as if something had exchanged the address in between
	}
	_, err := c.Send(t.Context(), get("https://example.com/"))
	refused(t, err, ReasonAddress)
}

func TestTheNextAddressIsTriedWhereOneDoesNotAnswer(t *testing.T) {
	s := receiver(t, func(http.ResponseWriter, *http.Request) {})
	c := New(Options{Roots: trusting(s), Resolver: leadsTo("1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4")})
	var dialled []string
	good := "1.1.1.2:443"
	c.dial = func(ctx context.Context, _ *net.Dialer, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if address != good {
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	if answer, err := c.Send(t.Context(), get("https://example.com/")); err != nil || !answer.Accepted() || len(dialled) != 2 {
		t.Errorf("got %+v, %v after %v", answer, err, dialled)
	}
	good, dialled = "1.1.1.4:443", nil
	_, err := c.Send(t.Context(), get("https://example.com/"))
	if refused(t, err, ReasonConnect); len(dialled) != mostAddresses {
		t.Errorf("dialled %v", dialled)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	inside := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	for _, to := range []string{inside.URL, "http://169.254.169.254/", "::bad::"} {
		s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		c := New(Options{Loopback: true, Roots: trusting(s)})
		answer, err := c.Send(t.Context(), Message{Method: http.MethodPost, URL: s.URL, Body: "x"})
		if err != nil || answer.Status != http.StatusTemporaryRedirect || answer.Accepted() {
			t.Errorf("to %q: got %+v, %v", to, answer, err)
		}
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	c := New(Options{Resolver: leadsTo("93.184.216.34")})
	c.dial = func(_ context.Context, _ *net.Dialer, _, address string) (net.Conn, error) {
		if address != "93.184.216.34:443" {
			t.Errorf("dialled %s", address)
		}
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	_, err := c.Send(t.Context(), get("https://example.com/"))
	refused(t, err, ReasonConnect)
}

func TestTLSIsModernAndForTheName(t *testing.T) {
	old := receiver(t, func(http.ResponseWriter, *http.Request) {}, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})
	_, err := New(Options{Loopback: true, Roots: trusting(old)}).Send(t.Context(), get(old.URL))
	refused(t, err, ReasonTLS)

	s := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, err = New(Options{Loopback: true}).Send(t.Context(), get(s.URL))
	refused(t, err, ReasonTLS) // nobody vouches for it

	c := New(Options{Roots: trusting(s), Resolver: leadsTo("93.184.216.34")})
	c.dial = func(ctx context.Context, _ *net.Dialer, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	_, err = c.Send(t.Context(), get("https://other.test/"))
	refused(t, err, ReasonTLS) // it is another's certificate

	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(plain.Close)
	_, err = New(Options{Loopback: true}).Send(t.Context(), get(strings.Replace(plain.URL, "http:", "https:", 1)))
	refused(t, err, ReasonTLS)
}

func TestTimeAndBytesAreBounded(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	// It waits for the end of the test and not for that of its caller: that one
	// says goodbye before it hangs up, and an answer could still reach it.
	mute := receiver(t, func(http.ResponseWriter, *http.Request) { <-end })
	_, err := New(Options{Loopback: true, Roots: trusting(mute), Timeout: 100 * time.Millisecond}).Send(t.Context(), get(mute.URL+"/?secret"))
	if refused(t, err, ReasonTime); strings.Contains(err.Error(), "secret") {
		t.Errorf("the error says %v", err)
	}

	// A body that comes a byte at a time, without an end: the status counts.
	drip := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "x"); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	})
	if answer, err := New(Options{Loopback: true, Roots: trusting(drip), Timeout: 2 * time.Second}).Send(t.Context(), get(drip.URL)); err != nil || answer.Status != http.StatusOK || len(answer.Text) > mostText+len("…") {
		t.Errorf("got %d, %d bytes, %v", answer.Status, len(answer.Text), err)
	}

	heads := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*mostHeader))
	})
	_, err = New(Options{Loopback: true, Roots: trusting(heads)}).Send(t.Context(), get(heads.URL))
	refused(t, err, ReasonAnswer)

	var sent atomic.Int64
	flood := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip") // nobody unpacks it
		block := make([]byte, 1<<20)
		for range 1 << 10 {
			n, err := w.Write(block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if answer, err := New(Options{Loopback: true, Roots: trusting(flood)}).Send(t.Context(), get(flood.URL)); err != nil || answer.Status != http.StatusOK {
		t.Errorf("got %+v, %v", answer, err)
	}
	flood.Close() // waits for the handler
	if sent.Load() >= 1<<30 {
		t.Errorf("all %d bytes went out", sent.Load())
	}
}

func TestWhatAStrangerSendsIsHarmlessInAnError(t *testing.T) {
	s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nno header\x1b[31m\u202e %s\r\n\r\n", strings.Repeat("x", 5000))
	})
	_, err := New(Options{Loopback: true, Roots: trusting(s)}).Send(t.Context(), get(s.URL))
	refused(t, err, ReasonAnswer)
	if text := err.Error(); strings.ContainsAny(text, "\x1b\u202e\n") || !strings.Contains(text, "no header") || len(text) > mostText+len("…") {
		t.Errorf("the error says %q", text)
	}
}

func TestWhoStopsIsNotTheReceiversFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := receiver(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	_, err := New(Options{Loopback: true, Roots: trusting(s)}).Send(ctx, get(s.URL))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatGoesWrongHasAReason(t *testing.T) {
	_, err := New(Options{Resolver: leadsTo()}).Send(t.Context(), get("https://nowhere.example/?secret"))
	refused(t, err, ReasonName)

	_, err = New(Options{Resolver: leadsTo("")}).Send(t.Context(), get("https://nowhere.example/"))
	refused(t, err, ReasonName)

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	_, err = New(Options{Loopback: true}).Send(t.Context(), get("https://"+closed.Addr().String()))
	refused(t, err, ReasonConnect)

	hangsUp := receiver(t, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	_, err = New(Options{Loopback: true, Roots: trusting(hangsUp)}).Send(t.Context(), get(hangsUp.URL))
	refused(t, err, ReasonConnect)
}
