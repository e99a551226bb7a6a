package spool

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, text string) string {
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

func TestAFileIsKnownByWhatIsInIt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	text := strings.Repeat("some text\n", 10_000)
	var first *File
	for _, c := range []struct{ what, path, stdin string }{
		{"plain", write(t, "a", text), ""},
		{"another name", write(t, "b", text), ""},
		{"gzip", write(t, "a.gz", packed(t, text)), ""},
		{"gzip of two parts", write(t, "c", packed(t, text[:500])+packed(t, text[500:])), ""},
		{"standard input", "-", text},
		{"gzip by standard input", "-", packed(t, text)},
	} {
		var read, of int64
		f, err := Open(t.Context(), c.path, strings.NewReader(c.stdin), func(done, total int64) { read, of = done, total })
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if first == nil {
			first = f
		}
		for range 2 {
			got, err := io.ReadAll(f.Counted(t.Context(), nil))
			if err != nil || string(got) != text {
				t.Errorf("%s: read %d bytes, %v", c.what, len(got), err)
			}
		}
		if f.Node() != first.Node() || f.Size != int64(len(text)) || len(f.Node()) != 32 {
			t.Errorf("%s: node %s and %d bytes, want %s and %d", c.what, f.Node(), f.Size, first.Node(), len(text))
		}
		if read == 0 || c.path != "-" && read != of {
			t.Errorf("%s: progress ended at %d of %d", c.what, read, of)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("%d spooled files are left, %v", len(left), err)
	}
	other, err := Open(t.Context(), "-", strings.NewReader(text+"x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if other.Node() == first.Node() {
		t.Error("another file has the same node")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("text", 5000)
	for path, want := range map[string]string{
		filepath.Join(dir, "none"):               "no such file",
		dir:                                      "is a folder",
		write(t, "cut.gz", packed(t, text)[:30]): "unexpected EOF",
		write(t, "broken.gz", "\x1f\x8bthis is not gzip."): "gzip",
	} {
		_, err := Open(t.Context(), path, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s…", path, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, "-", strings.NewReader("x"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %v", err)
	}
}
