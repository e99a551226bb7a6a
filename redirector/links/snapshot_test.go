package links

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

// fill gives a directory some links without Redis.
func fill(t testing.TB, d *Directory, n int) {
	t.Helper()
	d.feed.reset()
	d.feed.epoch, d.feed.revision = "e1", 42
	d.feed.set(schema.KindProgram, 1, programEntry)
	d.feed.set(schema.KindClickKey, 1, clickKeyEntry)
	d.feed.set(schema.KindPartner, 2, entryOf(schema.Partner{ID: 2, Status: schema.PartnerSuspended}))
	for i := 1; i <= n; i++ {
		l := schema.Link{ID: schema.LinkID(i), Partner: schema.PartnerID(i), Slug: "Link-" + schema.LinkID(i).String(), To: "https://shop.example/?n=" + schema.LinkID(i).String()}
		if err := d.feed.set(schema.KindLink, uint64(i), entryOf(l)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.publish(); err != nil {
		t.Fatal(err)
	}
	d.synced.Store(time.Now().UnixNano())
}

func open(t testing.TB, name string, log *slog.Logger) *Directory {
	t.Helper()
	d, err := Open(Options{Snapshot: name, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestASnapshotBringsEverythingBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state", "links.snapshot")
	quiet := slog.New(slog.DiscardHandler)
	d := open(t, name, quiet)
	if d.View() != nil || d.Ready() == nil || d.Status().Source != "none" {
		t.Fatalf("a directory of nothing is %+v, ready: %v", d.Status(), d.Ready())
	}
	fill(t, d, 6000) // more than are kept beside a base
	d.feed.set(schema.KindLink, 5, "")
	d.feed.set(schema.KindLink, 6, entryOf(schema.Link{ID: 6, Slug: "renamed", To: "https://shop.example/six", ExpiresAt: time.UnixMilli(5)}))
	if err := d.publish(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; the snapshot holds click keys and has to be 0600", info.Mode(), err)
	}
	back := open(t, name, quiet)
	if err := back.Ready(); err != nil {
		t.Fatal(err)
	}
	s := back.Status()
	if s.Source != "snapshot" || s.Links != 5999 || s.Revision != 42 || !s.Synced.Equal(d.Status().Synced) {
		t.Errorf("status %+v", s)
	}
	v := back.View()
	if v.Program.Key != (schema.ClickKey{1}) || string(v.Program.Homepage.URL) != "https://shop.example/" {
		t.Errorf("program %+v", v.Program)
	}
	for slug, want := range map[string]string{"link-1": "https://shop.example/?n=1", "LINK-6000": "https://shop.example/?n=6000", "renamed": "https://shop.example/six"} {
		if l, ok := v.Lookup([]byte(slug)); !ok || string(l.To.URL) != want {
			t.Errorf("%s leads to %q, %v; want %q", slug, l.To.URL, ok, want)
		}
	}
	if l, _ := v.Lookup([]byte("lInK-1")); string(l.Slug) != "link-1" || string(l.Spelled) != "Link-1" {
		t.Errorf("the slug is %q, as it is written %q", l.Slug, l.Spelled)
	}
	for _, slug := range []string{"link-5", "link-6"} {
		if _, ok := v.Lookup([]byte(slug)); ok {
			t.Errorf("%s is gone and was found", slug)
		}
	}
	if l, _ := v.Lookup([]byte("link-2")); !l.Suspended {
		t.Error("the suspended partner is forgotten")
	}
	before, _ := os.ReadFile(name)
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(name); !bytes.Equal(before, after) {
		t.Error("a snapshot was written although nothing changed")
	}
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "links.snapshot")
	quiet := slog.New(slog.DiscardHandler)
	d := open(t, name, quiet)
	fill(t, d, 3)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeSnapshot(bytes.Clone(good)); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := decodeSnapshot(bytes.Clone(good[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes are taken for a snapshot", n, len(good))
		}
		bad := bytes.Clone(good)
		bad[n] ^= 0x40
		if _, err := decodeSnapshot(bad); err == nil {
			t.Fatalf("a snapshot with byte %d flipped is taken for a good one", n)
		}
	}
	newer := bytes.Clone(good)
	newer[len(snapshotMagic)] = snapshotVersion + 1
	binary.LittleEndian.PutUint32(newer[len(newer)-4:], crc32.Checksum(newer[:len(newer)-4], castagnoli))
	if err := os.WriteFile(name, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	refused := open(t, name, slog.New(slog.NewTextHandler(&said, nil)))
	if refused.View() != nil || !strings.Contains(said.String(), "version 3 and this program knows 2") {
		t.Errorf("a newer snapshot is %v; said: %s", refused.Status(), said.String())
	}
	if err := refused.Close(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(name); !bytes.Equal(after, newer) {
		t.Error("a snapshot that could not be read was replaced by nothing")
	}
}

func TestASnapshotOfBeforeSpellingsIsServedAndLoadedAnew(t *testing.T) {
	d := &Directory{}
	fill(t, d, 3)
	var b bytes.Buffer
	if err := d.encode(&b, d.View()); err != nil {
		t.Fatal(err)
	}
	f := func(version byte, epoch string) {
		t.Helper()
		data := bytes.Clone(b.Bytes())
		data[len(snapshotMagic)] = version
		binary.LittleEndian.PutUint32(data[len(data)-4:], crc32.Checksum(data[:len(data)-4], castagnoli))
		s, err := decodeSnapshot(data)
		if err != nil {
			t.Fatal(err)
		}
		if s.meta.Epoch != epoch || s.links.live != 3 {
			t.Errorf("version %d: epoch %q with %d links, want epoch %q with 3", version, s.meta.Epoch, s.links.live, epoch)
		}
	}
	f(1, "") // no directory in Redis has this epoch
	f(2, "e1")
}

func FuzzSnapshot(f *testing.F) {
	d := &Directory{}
	fill(f, d, 3)
	var good bytes.Buffer
	if err := d.encode(&good, d.View()); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes()[:good.Len()-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		data := binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, castagnoli))
		s, err := decodeSnapshot(data)
		if err != nil {
			return
		}
		s.links.each(nil, func(record []byte) bool {
			tab, err := newTable(bytes.Clone(record))
			if err != nil {
				t.Fatal(err)
			}
			l := tab.decode(0)
			l.To.Path()
			l.To.Query()
			l.To.Fragment()
			return true
		})
	})
}
