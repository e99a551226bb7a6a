package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// exposition is what a deployment exports: by metric, by label, the values that were seen.
type exposition map[string]map[string]map[string]bool

// unlisted are labels whose values depend on what was asked: routes, and buckets of histograms.
var unlisted = []string{"route", "code", "vmrange", "le"}

// scrape reads /metrics.
func (m *machine) scrape() exposition {
	m.t.Helper()
	resp, err := http.Get("http://" + m.flag("--ops-listen") + "/metrics")
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	out := exposition{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		series := line[:strings.LastIndexByte(line, ' ')]
		name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
		if out[name] == nil {
			out[name] = map[string]map[string]bool{}
		}
		for pair := range strings.SplitSeq(labels, ",") {
			label, value, ok := strings.Cut(pair, "=")
			if !ok {
				continue
			}
			if out[name][label] == nil {
				out[name][label] = map[string]bool{}
			}
			out[name][label][strings.Trim(value, `"`)] = true
		}
	}
	return out
}

// list is the product's part of it for people: a line a metric, with its labels and their values.
func (e exposition) list() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if !strings.HasPrefix(name, "fairlead_") {
			continue
		}
		b.WriteString(name)
		for _, label := range slices.Sorted(maps.Keys(e[name])) {
			values := strings.Join(slices.Sorted(maps.Keys(e[name][label])), "|")
			if slices.Contains(unlisted, label) {
				values = "*"
			}
			fmt.Fprintf(&b, " %s=%s", label, values)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// writePair writes a certificate for loopback, signed by itself, and its key.
func writePair(t testing.TB) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
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
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestWhatADeploymentExports holds the names, labels and closed sets of values of the metrics that are there from the start, for
// dashboards and rules are made of them, and the alerting rules against them.
func TestWhatADeploymentExports(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	cert, key := writePair(t)
	m.env = []string{"FAIRLEAD_REDIRECTOR_TLS_CERT=" + cert, "FAIRLEAD_REDIRECTOR_TLS_KEY=" + key, "FAIRLEAD_AGGREGATOR_JOBS_PAYOUT=@every 5s"}
	m.start()
	if r := fairlead(t, m.args("aggregator", "--once", "verify", "--ops-listen", "127.0.0.1:0")...); r.code != 0 {
		t.Fatalf("verify: %s", r.stderr)
	}
	page, err := http.Get("http://" + m.flag("--dashboard-listen") + "/")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	var got exposition
	eventually(t, time.Minute, "the jobs have run and the verification is exported", func() bool {
		got = m.scrape()
		_, verified := got["fairlead_verify_ok"]
		ran, all := got["fairlead_job_last_success_timestamp_seconds"]["name"], got["fairlead_job_due_timestamp_seconds"]["name"]
		return verified && len(ran) == len(all)-1 // verify runs at night
	})

	t.Run("names and labels", func(t *testing.T) {
		const file = "testdata/metrics.txt"
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := func(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }
		exported, listed := lines(got.list()), lines(string(want))
		for _, line := range exported {
			if !slices.Contains(listed, line) {
				t.Errorf("exported, and not so in %s: %s", file, line)
			}
		}
		for _, line := range listed {
			if !slices.Contains(exported, line) {
				t.Errorf("in %s, and not so exported: %s", file, line)
			}
		}
		if t.Failed() {
			t.Logf("all that is exported:\n%s", got.list())
		}
	})
	t.Run("alerts", func(t *testing.T) { checkAlerts(t, got) })
}
