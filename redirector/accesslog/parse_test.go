package accesslog

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

const line = `83.149.9.216 - - [17/May/2015:10:05:03 +0200] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://site.example/p?q" "Mozilla/5.0 (X11)"`

func TestALine(t *testing.T) {
	f := func(line, method, target, referrer, agent string) {
		t.Helper()
		p := parser{until: today}
		var e Entry
		if err := p.parse([]byte(line), &e); err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		if string(e.Method) != method || string(e.Target) != target || string(e.Referrer) != referrer || string(e.UserAgent) != agent {
			t.Errorf("%s\n got %q %q %q %q\nwant %q %q %q %q", line, e.Method, e.Target, e.Referrer, e.UserAgent, method, target, referrer, agent)
		}
		if want := time.Date(2015, 5, 17, 8, 5, 3, 0, time.UTC); !e.At.Equal(want) {
			t.Errorf("%s: at %v, want %v", line, e.At, want)
		}
	}
	const at = `1.2.3.4 - - [17/May/2015:10:05:03 +0200] `
	f(line, "GET", "/a/b.png?x=1", "http://site.example/p?q", "Mozilla/5.0 (X11)")
	f(line+"\r", "GET", "/a/b.png?x=1", "http://site.example/p?q", "Mozilla/5.0 (X11)")
	f(line+` "extra" 0.5`, "GET", "/a/b.png?x=1", "http://site.example/p?q", "Mozilla/5.0 (X11)")
	f(at+`"GET / HTTP/1.1" 304 - "-" "-"`, "GET", "/", "", "")
	f(at+`"GET /a b HTTP/1.0" 400 0 "-" "x"`, "GET", "/a b", "", "x")
	f(at+`"GET /old" 200 5 "-" "x"`, "GET", "/old", "", "x")
	f(at+`"POST / HTTP/1.1" 200 5 "-" "x"`, "POST", "/", "", "x")
	f(at+`"-" 408 0 "-" "-"`, "-", "", "", "")
	f(at+`"" 400 0 "-" "-"`, "", "", "", "")
	f(at+`"\x16\x03\x01" 400 0 "-" "-"`, "\x16\x03\x01", "", "", "")
	f(at+`"GET /\"q\" HTTP/1.1" 200 1 "-" "a \"b\" \\ \t\x41\xzz"`, "GET", `/"q"`, "", "a \"b\" \\ \tAxzz")
	f(at+`"GET / HTTP/1.1" 200 1 "-" "cut off (`, "GET", "/", "", "cut off (")
	f(at+`"GET / HTTP/1.1" 200 1 "-" "cut off\"`, "GET", "/", "", `cut off"`)
	f(`::1 - "x [y] z" [17/May/2015:10:05:03 +0200] "GET / HTTP/2.0" 200 1 "-" "x"`, "GET", "/", "", "x")
	f(`host.example - ann lee [17/May/2015:10:05:03 +0200] "GET / HTTP/2.0" 200 1 "-" "x"`, "GET", "/", "", "x")
}

func TestBrokenLines(t *testing.T) {
	const at = `1.2.3.4 - - [17/May/2015:10:05:03 +0200] `
	for text, want := range map[string]error{
		"":           ErrEmpty,
		" \t":        ErrEmpty,
		"word":       ErrHost,
		" - - [":     ErrHost,
		"1.2.3.4 - ": ErrTime,
		`1.2.3.4 - - [17/Mai/2015:10:05:03 +0200] "GET / HTTP/1.1" 200 1 "-" "x"`: ErrTime,
		`1.2.3.4 - - [17/May/2015:10:05:03 +0200 "GET / HTTP/1.1" 200 1 "-" "x"`:  ErrTime,
		`1.2.3.4 - - [32/May/2015:10:05:03 +0200] "GET / HTTP/1.1" 200 1 "-" "x"`: ErrTime,
		`1.2.3.4 - - [17/May/1915:10:05:03 +0200] "GET / HTTP/1.1" 200 1 "-" "x"`: ErrTimeRange,
		`1.2.3.4 - - [17/May/2115:10:05:03 +0200] "GET / HTTP/1.1" 200 1 "-" "x"`: ErrTimeRange,
		`1.2.3.4 - - [01/Jan/2020:00:00:01 +0000] "GET / HTTP/1.1" 200 1 "-" "x"`: ErrFuture,
		at + `GET / HTTP/1.1 200 1 "-" "x"`:                                       ErrRequest,
		at + `"GET / HTTP/1.1`:                                                    ErrRequest,
		at + `"GET / HTTP/1.1\"`:                                                  ErrRequest,
		at + `"GET / HTTP/1.1" OK 1 "-" "x"`:                                      ErrStatus,
		at + `"GET / HTTP/1.1" 200`:                                               ErrStatus,
		at + `"GET / HTTP/1.1" 200 1`:                                             ErrCombined,
		at + `"GET / HTTP/1.1" 200 1 "-"`:                                         ErrCombined,
		at + `"GET / HTTP/1.1" 200 1 "no end`:                                     ErrCombined,
		at + `"GET / HTTP/1.1" 200 1 "-" none`:                                    ErrCombined,
	} {
		p := parser{until: today}
		var e Entry
		if err := p.parse([]byte(text), &e); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}

func TestLongLines(t *testing.T) {
	var in bytes.Buffer
	in.WriteString("a\n")
	in.Write(bytes.Repeat([]byte{'x'}, 3*maxLine))
	in.WriteString("\nb")
	l := newLines(&in)
	var got []string
	var taken int
	for l.next() {
		taken += l.taken
		if l.long != nil {
			got = append(got, "long "+string(l.text[:3]))
			continue
		}
		got = append(got, string(l.text))
	}
	if l.err != nil || len(got) != 3 || got[0] != "a" || got[1] != "long xxx" || got[2] != "b" || taken != 3*maxLine+4 {
		t.Errorf("got %q, %d bytes, %v", got, taken, l.err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(line))
	f.Add([]byte(`::1 - [ [17/May/2015:10:05:03 +0200] "\x" 1 - "\"" "\\"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := parser{until: today}
		var e Entry
		before := bytes.Clone(text)
		err := p.parse(text, &e)
		if !bytes.Equal(text, before) {
			t.Error("the line was changed")
		}
		if err == nil && (e.At.Before(earliest) || e.At.After(today) || len(e.Host) == 0) {
			t.Errorf("%+v", e)
		}
		if err == nil {
			_ = Slug(e.Target)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := parser{until: today}
	var e Entry
	text := []byte(line)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.parse(text, &e); err != nil {
			b.Fatal(err)
		}
	}
}
