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
	seen              [2]stamp // of the files as they were read last, whether they could be used or not
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

// reload reads the files if they are not what was read last.
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
		return false, nil
	}
	c.seen = now
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return false, fmt.Errorf("TLS certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return true, nil
}

// watch looks at the files until stop is closed.
func (c *certificate) watch(stop <-chan struct{}, log *slog.Logger) {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		changed, err := c.reload()
		switch {
		case err != nil && !failing:
			log.Error("the new TLS certificate cannot be used; the old one stays", "err", err)
		case changed:
			log.Info("TLS certificate read again", "file", c.certFile)
		}
		failing = err != nil
	}
}

func (c *certificate) listener(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	})
}
