package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fairlead/schema"
)

func TestClickIDComesBackFromItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := schema.ClickID{
			At:    int64(rapid.Uint64Max(1<<48-1).Draw(t, "at")),
			Link:  schema.LinkID(rapid.Uint32().Draw(t, "link")),
			Nonce: rapid.Uint64Max(1<<48-1).Draw(t, "nonce"),
			Tag:   rapid.Uint64().Draw(t, "tag"),
		}
		text := want.String()
		got, err := schema.ParseClickID(text)
		if err != nil || got != want || len(text) != schema.ClickIDLen {
			t.Fatalf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	})
}

func TestClickIDHasThisForm(t *testing.T) {
	id := schema.ClickID{At: 0x010203040506, Link: 0x0708090a, Nonce: 0x0b0c0d0e0f10, Tag: 0x1112131415161718}
	if got, want := id.String(), "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextsThatAreNoClickID(t *testing.T) {
	good := schema.ClickID{At: 1, Link: 2, Nonce: 3}.String() // its tag's bytes are zero
	f := func(text string) {
		t.Helper()
		if got, err := schema.ParseClickID(text); !errors.Is(err, schema.ErrClickIDForm) {
			t.Errorf("%q: got %+v, %v, want ErrClickIDForm", text, got, err)
		}
	}
	f("")
	f(good[:31])
	f(good + "A")
	f(good[:31] + "=")
	f(good[:31] + "+")
	f(good[:31] + " ")
	f(good[:31] + "\n")
	f(good[:28] + "\r\n\r\n")
	f("\n" + good[:31])
	f(strings.Repeat("\n", 32))
	f(good[:30] + "ä")
}

func TestAnIDThatWasTouchedIsForged(t *testing.T) {
	keys := schema.ClickKeys{schema.NewClickKey()}
	id := schema.NewClickIDs("node").New(keys[0], 1_795_444_200_123, 77)
	if err := keys.Check(id); err != nil {
		t.Fatalf("a genuine id: %v", err)
	}
	text := id.String()
	for i := range len(text) {
		for _, c := range []byte("Aaz09-_") {
			if text[i] == c {
				continue
			}
			other, err := schema.ParseClickID(text[:i] + string(c) + text[i+1:])
			if err != nil {
				t.Fatal(err)
			}
			if err := keys.Check(other); !errors.Is(err, schema.ErrClickIDForged) {
				t.Fatalf("%s with %q at %d: got %v, want ErrClickIDForged", text, c, i, err)
			}
		}
	}
	stranger := schema.ClickKeys{schema.NewClickKey()}
	if err := stranger.Check(id); !errors.Is(err, schema.ErrClickIDForged) {
		t.Errorf("another program's key: got %v, want ErrClickIDForged", err)
	}
	if err := (schema.ClickKeys{}).Check(id); !errors.Is(err, schema.ErrClickIDForged) {
		t.Errorf("no key: got %v, want ErrClickIDForged", err)
	}
	rotated := schema.ClickKeys{schema.NewClickKey(), keys[0]}
	if err := rotated.Check(id); err != nil {
		t.Errorf("an older key in use: %v", err)
	}
}

func TestIDsThatWereNotGivenOut(t *testing.T) {
	ours, theirs := schema.NewClickKey(), schema.NewClickKey()
	keys := schema.ClickKeys{schema.NewClickKey(), ours}
	good := schema.NewClickIDs("node").New(ours, 1_795_444_200_123, 77)
	text := good.String()
	f := func(what, text string, want error) {
		t.Helper()
		id, err := schema.ParseClickID(text)
		if err == nil {
			err = keys.Check(id)
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	of := func(change func(*schema.ClickID)) string {
		id := good
		change(&id)
		return id.String()
	}
	forged, form := schema.ErrClickIDForged, schema.ErrClickIDForm
	f("an id of ours", text, nil)
	f("of another program", schema.NewClickIDs("node").New(theirs, good.At, good.Link).String(), forged)
	f("with another link", of(func(id *schema.ClickID) { id.Link++ }), forged)
	f("with another time", of(func(id *schema.ClickID) { id.At++ }), forged)
	f("with another nonce", of(func(id *schema.ClickID) { id.Nonce ^= 1 << 47 }), forged)
	f("without a tag", of(func(id *schema.ClickID) { id.Tag = 0 }), forged)
	f("with the tag of another id", of(func(id *schema.ClickID) { id.Tag = schema.NewClickIDs("node").New(ours, good.At, good.Link).Tag }), forged)
	f("with its tag turned round", of(func(id *schema.ClickID) { id.Tag = ^id.Tag }), forged)
	f("of nothing", schema.ClickID{}.String(), forged)
	f("with the case of its letters changed", strings.ToLower(text), forged)
	f("truncated by one character", text[:31], form)
	f("truncated to its time", text[:8], form)
	f("with something after it", text+"A", form)
	f("twice", text+text, form)
	f("in another base64", strings.Repeat("+/", 16), form)
	f("in hexadecimal", strings.Repeat("0a", 24), form)
	f("with a version before it", "v2."+text, form)
	f("escaped", "%41"+text[1:], form)
	f("empty", "", form)
}

func TestClickIDsSortByTime(t *testing.T) {
	key, ids := schema.NewClickKey(), schema.NewClickIDs("node")
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).UnixMilli()
	var bytesOf []string
	for i := range 1000 {
		b, err := decodeID(ids.New(key, start+int64(i)*977, 1).String())
		if err != nil {
			t.Fatal(err)
		}
		bytesOf = append(bytesOf, b)
	}
	if !slices.IsSorted(bytesOf) {
		t.Error("the bytes of later ids do not sort after those of earlier ones")
	}
}

func decodeID(text string) (string, error) {
	id, err := schema.ParseClickID(text)
	return fmt.Sprintf("%012x%08x%012x%016x", id.At, uint32(id.Link), id.Nonce, id.Tag), err
}

func TestConcurrentIDsDiffer(t *testing.T) {
	const writers, each = 8, 2000
	key, ids := schema.NewClickKey(), schema.NewClickIDs("node")
	var mu sync.Mutex
	seen := map[schema.ClickID]bool{}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			mine := make([]schema.ClickID, each)
			for i := range mine {
				mine[i] = ids.New(key, 1, 1)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range mine {
				seen[id] = true
			}
		})
	}
	wg.Wait()
	if got, want := len(seen), writers*each; got != want {
		t.Errorf("%d different ids in one millisecond, want %d", got, want)
	}
}

func TestMakingAnIDAllocatesNothing(t *testing.T) {
	key, ids, buf := schema.NewClickKey(), schema.NewClickIDs("node"), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { buf = ids.New(key, 1, 1).AppendText(buf[:0]) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestClickKeyInJSONAndInLogs(t *testing.T) {
	want := schema.NewClickKey()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got schema.ClickKey
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%s: got %x, %v, want %x", text, [16]byte(got), err, [16]byte(want))
	}
	for _, bad := range []string{`""`, `"00"`, `"zz000000000000000000000000000000"`, `"00000000000000000000000000000000 "`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken for a key", bad)
		}
	}
	if s := fmt.Sprintf("%v %s", want, want); strings.ContainsAny(s, "0123456789abcdef") {
		t.Errorf("a printed key shows %q", s)
	}
}

func FuzzParseClickID(f *testing.F) {
	f.Add("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY")
	f.Add("________________________________")
	f.Add("AQIDBAUGBwgJCgsMDQ4PEBESExQVF\r\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := schema.ParseClickID(text)
		if err != nil {
			if !errors.Is(err, schema.ErrClickIDForm) {
				t.Fatalf("%v is not ErrClickIDForm", err)
			}
			return
		}
		if got := id.String(); got != text {
			t.Fatalf("%q was read and writes itself %q: an id has two texts", text, got)
		}
	})
}
