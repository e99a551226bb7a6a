package schema_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fairlead/schema"
)

// full is a click with every field set.
func full() schema.Click {
	c := schema.Click{
		At:          1_795_444_200_123,
		Nonce:       1<<48 - 2,
		Tag:         0xfedcba9876543210,
		Link:        4_000_000_001,
		Partner:     7,
		Verdict:     schema.VerdictEmbedded,
		Hints:       schema.HintAccept | schema.HintImported,
		Visitor:     42,
		Network:     [16]byte{0x20, 0x01, 0x0d, 0xb8},
		Slug:        []byte("spring/ä\xff"),
		Destination: []byte("https://shop.example/?a=1#b"),
		Referrer:    []byte("https://blog.example/post"),
		UserAgent:   []byte("Mozilla/5.0"),
		Language:    []byte("de-CH,de;q=0.9"),
		Reason:      []byte("sec-fetch-dest: iframe"),
	}
	for i := range c.SubID {
		c.SubID[i] = []byte(strings.Repeat("s", i+1))
	}
	for i := range c.UTM {
		c.UTM[i] = []byte(strings.Repeat("u", i+1))
	}
	return c
}

func TestClickComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) []byte {
			b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")
			if len(b) == 0 {
				return nil
			}
			return b
		})
		want := schema.Click{
			At:          int64(rapid.Uint64Max(1<<48-1).Draw(t, "at")),
			Nonce:       rapid.Uint64Max(1<<48-1).Draw(t, "nonce"),
			Tag:         rapid.Uint64().Draw(t, "tag"),
			Link:        schema.LinkID(rapid.Uint32().Draw(t, "link")),
			Partner:     schema.PartnerID(rapid.Uint32().Draw(t, "partner")),
			Verdict:     rapid.SampledFrom(schema.Verdicts()).Draw(t, "verdict"),
			Hints:       schema.Hint(rapid.Uint16().Draw(t, "hints")),
			Visitor:     rapid.Uint64().Draw(t, "visitor"),
			Slug:        text.Draw(t, "slug"),
			Destination: text.Draw(t, "destination"),
			Referrer:    text.Draw(t, "referrer"),
			UserAgent:   text.Draw(t, "user agent"),
			Language:    text.Draw(t, "language"),
			Reason:      text.Draw(t, "reason"),
		}
		copy(want.Network[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "network"))
		for i := range want.SubID {
			want.SubID[i] = text.Draw(t, "sub id")
		}
		for i := range want.UTM {
			want.UTM[i] = text.Draw(t, "utm")
		}
		var got schema.Click
		if err := schema.DecodeClick(&got, schema.AppendClick(nil, &want)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}

func TestRecordsAreAppendedToWhatIsThere(t *testing.T) {
	c := full()
	rec := schema.AppendClick(nil, &c)
	got := schema.AppendClick([]byte("before"), &c)
	if want := append([]byte("before"), rec...); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendAndDecodeAllocateNothing(t *testing.T) {
	c, buf := full(), make([]byte, 0, 4096)
	var out schema.Click
	if n := testing.AllocsPerRun(100, func() { buf = schema.AppendClick(buf[:0], &c) }); n != 0 {
		t.Errorf("AppendClick allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := schema.DecodeClick(&out, buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("DecodeClick allocates %v times", n)
	}
}

func TestARecordCutAnywhereIsRefused(t *testing.T) {
	c := full()
	rec := schema.AppendClick(nil, &c)
	var out schema.Click
	for n := range rec {
		if err := schema.DecodeClick(&out, rec[:n]); !errors.Is(err, schema.ErrRecord) {
			t.Fatalf("%d of %d bytes: got %v, want ErrRecord", n, len(rec), err)
		}
	}
	if err := schema.DecodeClick(&out, append(rec, 0)); !errors.Is(err, schema.ErrRecord) {
		t.Errorf("a byte too many: got %v, want ErrRecord", err)
	}
}

func TestWhatANewerProgramWroteIsRefusedByName(t *testing.T) {
	c := full()
	rec := schema.AppendClick(nil, &c)
	mask := bytes.LastIndex(rec, []byte{0x3f, 0x1f})
	f := func(name string, newer bool, change func(rec []byte)) {
		t.Helper()
		other := bytes.Clone(rec)
		change(other)
		var out schema.Click
		err := schema.DecodeClick(&out, other)
		if !errors.Is(err, schema.ErrRecord) || errors.Is(err, schema.ErrRecordNewer) != newer {
			t.Errorf("%s: got %v, want an ErrRecord that is newer: %v", name, err, newer)
		}
	}
	f("a kind to come", true, func(r []byte) { r[0] = 3 })
	f("a conversion", false, func(r []byte) { r[0] = 2 })
	f("no kind", false, func(r []byte) { r[0] = 0 })
	f("the next version", true, func(r []byte) { r[1]++ })
	f("no version", false, func(r []byte) { r[1] = 0 })
	f("a new verdict", true, func(r []byte) { r[2] = byte(len(schema.Verdicts()) + 1) })
	f("no verdict", false, func(r []byte) { r[2] = 0 })
	f("a flag", true, func(r []byte) { r[3] = 1 })
	f("a seventh sub id", true, func(r []byte) { r[mask] |= 1 << 6 })
	f("a sixth utm value", true, func(r []byte) { r[mask+1] |= 1 << 5 })
	short := []byte{3, 1}
	var out schema.Click
	if err := schema.DecodeClick(&out, short); !errors.Is(err, schema.ErrRecordNewer) {
		t.Errorf("a short record of a kind to come: got %v, want ErrRecordNewer", err)
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	want := "valid bot prefetch embedded unknown_link suspended disabled expired"
	var names []string
	for i, v := range schema.Verdicts() {
		if int(v) != i+1 {
			t.Errorf("verdict %v has number %d, want %d: the Enum8 counts from 1", v, v, i+1)
		}
		names = append(names, v.String())
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := schema.Verdict(99).String(), "verdict(99)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzDecodeClick(f *testing.F) {
	c := full()
	f.Add(schema.AppendClick(nil, &c))
	f.Add(schema.AppendClick(nil, &schema.Click{Verdict: schema.VerdictValid}))
	f.Fuzz(func(t *testing.T, rec []byte) {
		var c, again schema.Click
		if err := schema.DecodeClick(&c, rec); err != nil {
			if !errors.Is(err, schema.ErrRecord) {
				t.Fatalf("%v does not wrap ErrRecord", err)
			}
			return
		}
		out := schema.AppendClick(nil, &c)
		if err := schema.DecodeClick(&again, out); err != nil {
			t.Fatalf("%q was read and, written again as %q, is not: %v", rec, out, err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("-read +written and read again\n%s", diff)
		}
	})
}
