// Package static serves the dashboard's style sheet, script and logo. Each has a name that carries a
// hash of its content, so that browsers keep it for a year and a changed one is fetched at once.
package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed app.css app.js logo.svg
var files embed.FS

// Prefix is where the files are served.
const Prefix = "/static/"

// kinds are the content types by file name, told here because the machine's own table may differ.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Assets are the embedded files under their hashed names.
type Assets struct {
	byName map[string]asset  // "app.0f1e2d3c4b.css"
	names  map[string]string // "app.css" → "app.0f1e2d3c4b.css"
}

type asset struct {
	body []byte
	kind string
}

// New reads the embedded files.
func New() (*Assets, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the embedded files: %w", err)
	}
	a := &Assets{byName: map[string]asset{}, names: map[string]string{}}
	for _, e := range entries {
		body, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the embedded file %s: %w", e.Name(), err)
		}
		ext := path.Ext(e.Name())
		sum := sha256.Sum256(body)
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:5]) + ext
		a.names[e.Name()] = name
		a.byName[name] = asset{body: body, kind: kinds[ext]}
	}
	return a, nil
}

// URL returns the path of an embedded file. A file that does not exist is an error in a template, found
// by the first test that renders it.
func (a *Assets) URL(file string) (string, error) {
	name, ok := a.names[file]
	if !ok {
		return "", fmt.Errorf("there is no embedded file %q", file)
	}
	return Prefix + name, nil
}

// Serve answers a request for the file with the given hashed name and reports whether there is one.
func (a *Assets) Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	f, ok := a.byName[name]
	if !ok {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.body) // the client has gone: nothing to be done
	}
	return true
}
