package redirector

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/goleak"
)

// serve starts the server on a free port and ends it with the test.
func (e *edge) serve(n int) (addr string, stop func() error) {
	e.t.Helper()
	listeners, err := Listen("127.0.0.1:0", n)
	if err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(listeners...) }()
	var once bool
	stop = func() error {
		if once {
			return nil
		}
		once = true
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return errors.Join(e.Shutdown(ctx), <-ended)
	}
	e.t.Cleanup(func() {
		if err := stop(); err != nil {
			e.t.Error(err)
		}
	})
	return listeners[0].Addr().String(), stop
}

// raw sends bytes over a connection of its own and returns everything that comes back.
func raw(t testing.TB, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil && len(got) == 0 {
		t.Fatal(err)
	}
	return string(got)
}

func TestTheWireFormOfARedirect(t *testing.T) {
	e := newEdge(t, nil)
	addr, _ := e.serve(1)
	got := raw(t, addr, "GET /spring?a=1 HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n\r\n")
	c := e.clicks()
	if len(c) != 1 {
		t.Fatalf("%d records; answer: %s", len(c), got)
	}
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	id := c[0].ID()
	want := []string{
		"HTTP/1.1 302 Found", "Content-Length: 0",
		"Location: https://shop.example/spring?ref=own&z=%2F&a=1&fl_click=" + id.String() + "#top",
		"Cache-Control: private, no-store", "X-Robots-Tag: noindex, nofollow", "Connection: close",
	}
	for _, line := range want {
		if !strings.Contains(head+"\r\n", line+"\r\n") {
			t.Errorf("there is no line %q in:\n%s", line, head)
		}
	}
	if len(lines) != len(want)+1 || body != "" { // and the date
		t.Errorf("there is more in the answer than there should be:\n%s", got)
	}
}

func TestSlowAndOversizedClients(t *testing.T) {
	e := newEdge(t, func(o *Options) {
		o.Limits = Limits{Read: time.Second, Idle: time.Second}
	})
	addr, _ := e.serve(1)
	f := func(what, text, status string) {
		t.Helper()
		if got := raw(t, addr, text); !strings.HasPrefix(got, status) {
			t.Errorf("%s: %.120q, want %s", what, got, status)
		}
	}
	f("half a request", "GET /ada HTTP/1.1\r\nHost: go.exam", "HTTP/1.1 408")
	f("headers without an end", "GET /ada HTTP/1.1\r\nHost: go.example\r\nX: "+strings.Repeat("x", 20<<10), "HTTP/1.1 431")
	f("an address of 20 KB", "GET /ada?"+strings.Repeat("x", 20<<10)+" HTTP/1.1\r\nHost: go.example\r\n\r\n", "HTTP/1.1 431")
	f("an address of 8 KB", "GET /ada?"+strings.Repeat("x", 8<<10)+" HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n\r\n", "HTTP/1.1 302")
	f("a body that is too long", "POST /track/lead HTTP/1.1\r\nHost: go.example\r\nContent-Length: 1000000\r\n\r\n", "HTTP/1.1 413")
	f("no request at all", "\x16\x03\x01\x02\x00 hello\r\n\r\n", "HTTP/1.1 400")
	f("a header that is split", "GET /ada HTTP/1.1\r\nHost: go.example\r\nA\r\nB: c\r\n\r\n", "HTTP/1.1 400")
	f("silence after an answer", "GET /ada HTTP/1.1\r\nHost: go.example\r\n\r\n", "HTTP/1.1 302")
	if n := len(e.clicks()); n != 2 {
		t.Errorf("%d clicks, want 2", n)
	}
	if e.count.outcome(outcomeBadRequest) == 0 {
		t.Error("bad requests are not counted")
	}
}

func TestNoAddressReachesTheLog(t *testing.T) {
	var said bytes.Buffer
	e := newEdge(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	addr, stop := e.serve(1)
	raw(t, addr, "nonsense\r\n\r\n")
	raw(t, addr, "GET /ada HTTP/1.1\r\nHost: [\r\n\r\n")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said.String(), "127.0.0.1") {
		t.Errorf("the log says %s", said.String())
	}
}

func TestSeveralListenersShareAPort(t *testing.T) {
	e := newEdge(t, nil)
	addr, _ := e.serve(3)
	for range 30 {
		if got := raw(t, addr, "GET /ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 302") {
			t.Fatalf("answered %q", got)
		}
	}
	if n := len(e.clicks()); n != 30 {
		t.Errorf("%d clicks, want 30", n)
	}
}

// fasthttpGoesOn are goroutines that fasthttp leaves behind: one that keeps the date, and one a worker
// pool that sleeps out its ten seconds.
var fasthttpGoesOn = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
}

func TestShutdownFinishesWhatWasBegun(t *testing.T) {
	defer goleak.VerifyNone(t, append(fasthttpGoesOn, goleak.IgnoreCurrent())...)
	e := newEdge(t, nil)
	entered, release := make(chan struct{}), make(chan struct{})
	e.journal.before = func() { close(entered); <-release }
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln) }()
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		return c, bufio.NewReader(c)
	}
	busy, answers := dial()
	defer busy.Close()
	fmt.Fprint(busy, "GET /ada HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	if ok, _ := e.Readiness(); !ok {
		t.Error("not ready while it works")
	}
	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		down <- e.Shutdown(ctx)
	}()
	for ok := true; ok; ok, _ = e.Readiness() {
		time.Sleep(time.Millisecond)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := ln.Dial(); err == nil {
		t.Error("a connection is taken after the listener was closed")
	}
	close(release)
	resp, err := http.ReadResponse(answers, nil)
	if err != nil || resp.StatusCode != 302 || !resp.Close {
		t.Errorf("the request that was under way ends with %v, %v", resp, err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if n := len(e.clicks()); n != 1 {
		t.Errorf("%d clicks, want 1", n)
	}
}

func TestAfterTheDeadlineNothingIsRedirectedAnyMore(t *testing.T) {
	e := newEdge(t, nil)
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln) }()
	c, err := ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	// A connection without a request yet counts as busy for some seconds.
	for e.http.GetOpenConnectionsCount() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Shutdown: %v", err)
	}
	<-served
	fmt.Fprint(c, "GET /ada HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(answers, nil)
	if err != nil || resp.StatusCode != 503 {
		t.Errorf("answered %v, %v", resp, err)
	}
	if n := len(e.clicks()); n != 0 {
		t.Errorf("%d clicks were recorded after the end", n)
	}
}

func TestReadinessTellsTheTruth(t *testing.T) {
	e := newEdge(t, func(o *Options) {
		o.Stores = map[string]func() any{"redis": func() any { return "away" }}
	})
	f := func(want bool, says string) {
		t.Helper()
		ok, detail := e.Readiness()
		if got := fmt.Sprintf("%+v", detail); ok != want || !strings.Contains(got, says) {
			t.Errorf("ready: %v, %s; want %v, %s", ok, got, want, says)
		}
	}
	f(true, "redis:away")
	e.journal.fail = fullDisk
	f(false, "no space left")
	e.journal.fail = nil
	f(true, "Directory:ok")
	e.Leave()
	f(false, "Leaving:true")
}

// writeCertificate writes a new certificate and its key for a name.
func writeCertificate(t testing.TB, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTheCertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, "first.example")
	e := newEdge(t, func(o *Options) { o.TLSCert, o.TLSKey = cert, key })
	addr, _ := e.serve(1)
	name := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET /ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 302 {
			t.Fatalf("answered %v, %v", resp, err)
		}
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "first.example" {
		t.Errorf("the certificate is of %s", got)
	}
	if c := e.clicks(); len(c) != 1 || c[0].Hints == 0 {
		t.Errorf("recorded %+v", c)
	}
	if changed, err := e.cert.reload(); changed || err != nil {
		t.Errorf("read again without a change: %v, %v", changed, err)
	}
	writeCertificate(t, dir, "second.example")
	touch(t, cert, time.Now().Add(time.Second))
	if changed, err := e.cert.reload(); !changed || err != nil {
		t.Errorf("after a change: %v, %v", changed, err)
	}
	if got := name(); got != "second.example" {
		t.Errorf("the certificate is of %s", got)
	}
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.cert.reload(); err == nil || !strings.Contains(err.Error(), cert) {
		t.Errorf("nonsense is taken: %v", err)
	}
	if got := name(); got != "second.example" {
		t.Errorf("after nonsense the certificate is of %s", got)
	}
	if _, err := New(Options{TLSCert: cert, TLSKey: key}); err == nil {
		t.Error("a server starts with a certificate that cannot be used")
	}
}

// TestAPairHalfWrittenKeepsTheOld replaces the certificate first and the key later, as programs that renew
// certificates do, and looks at the files between.
func TestAPairHalfWrittenKeepsTheOld(t *testing.T) {
	dir, next := t.TempDir(), t.TempDir()
	cert, key := writeCertificate(t, dir, "first.example")
	newCert, newKey := writeCertificate(t, next, "second.example")
	var said bytes.Buffer
	set := metrics.NewSet()
	e := newEdge(t, func(o *Options) {
		o.TLSCert, o.TLSKey, o.Metrics = cert, key, set
		o.Logger = slog.New(slog.NewTextHandler(&said, nil))
	})
	now := time.Now()
	replace := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
		touch(t, to, now)
	}
	f := func(when, want string, failing, lines int) {
		t.Helper()
		e.cert.look(e.log)
		leaf := e.cert.current.Load().Leaf
		if got := leaf.Subject.CommonName; got != want {
			t.Errorf("%s: the certificate is of %s, want %s", when, got, want)
		}
		if got := strings.Count(said.String(), "the old one stays"); got != lines {
			t.Errorf("%s: it was said %d times that the old one stays, want %d:\n%s", when, got, lines, &said)
		}
		var out bytes.Buffer
		set.WritePrometheus(&out)
		for _, line := range []string{
			fmt.Sprintf("fairlead_tls_certificate_failing %d\n", failing),
			fmt.Sprintf("fairlead_tls_certificate_expires_timestamp_seconds %d\n", leaf.NotAfter.Unix()),
		} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%s: the metrics lack %s", when, line)
			}
		}
	}
	f("at first", "first.example", 0, 0)
	replace(newCert, cert)
	f("the certificate is new, the key is not", "first.example", 1, 1)
	f("the same again", "first.example", 1, 1)
	if err := os.Truncate(key, 10); err != nil {
		t.Fatal(err)
	}
	f("half a key", "first.example", 1, 1)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	f("no key", "first.example", 1, 1)
	replace(newKey, key)
	f("both are new", "second.example", 0, 1)
}

func touch(t testing.TB, name string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}
