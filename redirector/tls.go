package redirector

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// certificate is a TLS certificate that is read again when its files change.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	seen              [2]stamp // of the files as they were read last
	bad               error    // why those could not be used; nil: they are
	failing           atomic.Bool
}

// stamp tells a version of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

const certificateEvery = 10 * time.Second

func loadCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// reload reads the files if they are not what was read last. The error is why what they hold cannot be used.
func (c *certificate) reload() (changed bool, err error) {
	var now [2]stamp
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return false, fmt.Errorf("TLS certificate: %w", err)
		}
		now[i] = stamp{info.ModTime(), info.Size()}
	}
	if now == c.seen {
		return false, c.bad
	}
	c.seen, c.bad = now, nil
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.bad = fmt.Errorf("TLS certificate %s with key %s: %w", c.certFile, c.keyFile, err)
		return false, c.bad
	}
	c.current.Store(&pair)
	return true, nil
}

// watch looks at the files until stop is closed.
func (c *certificate) watch(stop <-chan struct{}, log *slog.Logger) {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		c.look(log)
	}
}

// look reads the files again if they have changed. A pair that cannot be used leaves the old one in force, and is said once.
func (c *certificate) look(log *slog.Logger) {
	changed, err := c.reload()
	switch {
	case err != nil && !c.failing.Load():
		log.Error("the new TLS certificate cannot be used; the old one stays", "err", err)
	case changed:
		log.Info("TLS certificate read again", "file", c.certFile)
	}
	c.failing.Store(err != nil)
}

func (c *certificate) listener(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	})
}
