package accesslog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairlead/redirector/spool"
	"fairlead/schema"
)

// log makes a file of n GET lines, with other lines between them.
func logOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "10.0.%d.7 - - [17/May/2015:10:%02d:%02d +0000] \"GET /p/%d?sub_id=s%d&utm_source=mail HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0\"\n", i%200, i/60%60, i%60, i%5, i)
		if i%10 == 3 {
			b.WriteString("rubbish\n")
		}
		if i%10 == 7 {
			b.WriteString(`10.0.0.1 - - [17/May/2015:10:05:03 +0000] "HEAD /p/1 HTTP/1.1" 200 1 "-" "x"` + "\n")
		}
	}
	return b.String()
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func open(t testing.TB, path, stdin string) *File {
	t.Helper()
	l, err := Open(t.Context(), path, strings.NewReader(stdin), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Scan(t.Context(), today, nil, nil); err != nil {
		t.Fatal(err)
	}
	return l
}

// today is when the tests' logs are imported.
var today = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func nobody(_, _ []byte) (Link, bool) { return Link{}, false }

// clicks reads all clicks of the file from a seq on.
func clicks(t testing.TB, l *File, from uint64, links Links) []schema.Click {
	t.Helper()
	s := l.Source(Options{Links: links, Homepage: "https://shop.example/", Zone: time.UTC}, nil)
	r, err := s.Reader(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []schema.Click
	for r.Next() {
		var c schema.Click
		if err := schema.DecodeClick(&c, bytes.Clone(r.Record())); err != nil {
			t.Fatal(err)
		}
		if want := from + uint64(len(out)); r.Seq() != want || r.Node() != l.Node() {
			t.Fatalf("seq %d of %s, want %d of %s", r.Seq(), r.Node(), want, l.Node())
		}
		out = append(out, c)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameLinesAreTheSameClicks(t *testing.T) {
	text := logOf(100)
	plain := open(t, write(t, "a.log", text), "")
	want := fmt.Sprint(clicks(t, plain, 1, nobody))
	if plain.Clicks != 100 || plain.OtherMethods != 10 || plain.Broken != 10 || plain.Lines != 120 {
		t.Errorf("got %+v", plain)
	}
	for what, l := range map[string]*File{
		"gzip":                   open(t, write(t, "b.gz", packed(t, text)), ""),
		"standard input":         open(t, "-", text),
		"gzip by standard input": open(t, "-", packed(t, text)),
		"gzip of two parts":      open(t, write(t, "c.gz", packed(t, text[:500])+packed(t, text[500:])), ""),
	} {
		if l.Node() != plain.Node() {
			t.Errorf("%s: node %s, want %s", what, l.Node(), plain.Node())
		}
		if got := fmt.Sprint(clicks(t, l, 1, nobody)); got != want {
			t.Errorf("%s: other clicks", what)
		}
	}
	if other := open(t, "-", text+"x"); other.Node() == plain.Node() {
		t.Error("another file has the same node")
	}
	if got := fmt.Sprint(clicks(t, plain, 61, nobody)); !strings.HasSuffix(want, got[1:]) {
		t.Error("reading from the middle gives other clicks")
	}
}

func TestAGrowingFileIsReadUpToWhereItWas(t *testing.T) {
	path := write(t, "a.log", logOf(50))
	l := open(t, path, "")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(logOf(20)); err != nil {
		t.Fatal(err)
	}
	if n := len(clicks(t, l, 1, nobody)); n != 50 {
		t.Errorf("got %d clicks, want 50", n)
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	r, err := l.Source(Options{Links: nobody, Zone: time.UTC}, nil).Reader(1)
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
	}
	if !errors.Is(r.Err(), spool.ErrChanged) {
		t.Errorf("a file that shrank: got %v", r.Err())
	}
}

func TestAClick(t *testing.T) {
	l := open(t, "-", `203.0.113.77 - - [17/May/2015:10:05:03 +0200] "GET /Sp%72ing/?sub_id=a&sid=b&subid2=c&utm_medium=m HTTP/1.1" 200 1 "https://site.example/p?q=1" "UA/1"
2001:db8:1:2:3::4 - - [17/May/2015:10:05:04 +0200] "GET / HTTP/1.1" 200 1 "-" "UA/1"
203.0.113.99 - - [18/May/2015:10:05:03 +0200] "GET /old HTTP/1.1" 200 1 "-" "UA/1"
203.0.113.77 - - [17/May/2015:23:05:03 +0200] "GET http://other.example/spring HTTP/1.1" 200 1 "-" "UA/1"
host.example - - [18/May/2015:10:05:03 +0200] "GET /`+strings.Repeat("a", 200)+` HTTP/1.1" 200 1 "-" "UA/1"
203.0.113.77 - - [18/May/2015:10:05:03 +0200] "GET /%ff%00x HTTP/1.1" 200 1 "-" "UA/1"
`)
	links := func(folded, asked []byte) (Link, bool) {
		switch string(folded) {
		case "spring":
			if string(asked) != "Spring" && string(asked) != "spring" {
				t.Errorf("asked for %q", asked)
			}
			return Link{ID: 7, Partner: 3, Destination: []byte("https://shop.example/spring"), Verdict: schema.VerdictValid}, true
		case "old":
			return Link{ID: 8, Partner: 3, Verdict: schema.VerdictValid, Expires: time.Date(2015, 5, 18, 0, 0, 0, 0, time.UTC)}, true
		case strings.Repeat("a", schema.MaxSlug):
			t.Error("a path longer than a slug was cut to one and looked up")
		}
		return Link{}, false
	}
	got := clicks(t, l, 1, links)
	if len(got) != 6 {
		t.Fatalf("got %d clicks", len(got))
	}
	c := got[0]
	if c.Link != 7 || c.Partner != 3 || c.Verdict != schema.VerdictValid || string(c.Slug) != "spring" || string(c.Destination) != "https://shop.example/spring" ||
		string(c.SubID[0]) != "a" || string(c.SubID[2]) != "c" || string(c.UTM[schema.UTMMedium]) != "m" || c.Hints != schema.HintImported ||
		netip.AddrFrom16(c.Network).Unmap() != netip.MustParseAddr("203.0.113.0") || string(c.Referrer) != "https://site.example/p?q=1" || c.Visitor == 0 ||
		c.At != time.Date(2015, 5, 17, 8, 5, 3, 0, time.UTC).UnixMilli() {
		t.Errorf("got %+v", c)
	}
	if c := got[1]; c.Verdict != schema.VerdictUnknownLink || len(c.Slug) != 0 || string(c.Destination) != "https://shop.example/" || netip.AddrFrom16(c.Network) != netip.MustParseAddr("2001:db8:1::") {
		t.Errorf("no path: got %+v", c)
	}
	if c := got[2]; c.Verdict != schema.VerdictExpired || c.Link != 8 || string(c.Destination) != "https://shop.example/" {
		t.Errorf("expired: got %+v", c)
	}
	if c := got[3]; c.Link != 7 || c.Visitor != got[0].Visitor {
		t.Errorf("the same visitor on the same day, asking by a whole address: got %+v", c)
	}
	if c := got[4]; c.Verdict != schema.VerdictUnknownLink || len(c.Slug) != schema.MaxSlug || c.Network != [16]byte{} {
		t.Errorf("long path, and a name instead of an address: got %+v", c)
	}
	if c := got[5]; string(c.Slug) != "%ff%00x" || c.Visitor == got[0].Visitor {
		t.Errorf("bytes that are no text, on another day: got %q, %x", c.Slug, c.Visitor)
	}
	tags := map[uint64]bool{}
	for _, c := range got {
		tags[c.Tag] = true
		if keys := (schema.ClickKeys{{}}); keys.Check(c.ID()) == nil {
			t.Error("an imported click can be redeemed")
		}
	}
	if len(tags) != len(got) {
		t.Error("two clicks have one tag")
	}
}

func TestLinesOfTheFutureAreBroken(t *testing.T) {
	text := ""
	for _, at := range []string{"01/Jan/2020:00:04:59", "01/Jan/2020:00:05:01", "31/Dec/2019:23:59:59", "01/Feb/2020:00:00:00"} {
		text += `1.2.3.4 - - [` + at + ` +0000] "GET /x HTTP/1.1" 200 1 "-" "x"` + "\n"
	}
	l := open(t, "-", text)
	if l.Clicks != 2 || l.Broken != 2 || !l.Last.Equal(today.Add(5*time.Minute-time.Second)) {
		t.Errorf("got %+v", l)
	}
	if got := clicks(t, l, 1, nobody); len(got) != 2 || got[1].At != today.Add(-time.Second).UnixMilli() {
		t.Errorf("got %+v", got)
	}
	var why error
	err := l.Scan(t.Context(), today, func(line uint64, _ []byte, _ *Entry, _ bool, broken error) error {
		if line == 4 {
			why = broken
		}
		return nil
	}, nil)
	if err != nil || !errors.Is(why, ErrFuture) {
		t.Errorf("got %v, %v", why, err)
	}
}
