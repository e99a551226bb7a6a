// Package templates turns view structs into the dashboard's pages. Each page has one struct and one
// template; what stands in the struct is ready to be shown, so that templates neither ask nor
// calculate. html/template escapes everything by its place in the page: nothing here is trusted HTML.
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
)

//go:embed *.html
var files embed.FS

// View is a page's data; it names its template.
type View interface{ template() string }

// Set is the parsed templates. It is safe for concurrent use.
type Set struct{ t *template.Template }

// Parse reads the embedded templates. assetURL gives the address of an embedded static file.
func Parse(assetURL func(file string) (string, error)) (*Set, error) {
	return parse(files, template.FuncMap{"asset": assetURL})
}

func parse(files fs.FS, funcs template.FuncMap) (*Set, error) {
	t, err := template.New("").Funcs(funcs).ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the templates: %w", err)
	}
	return &Set{t: t}, nil
}

// Render appends the page to buf. On an error buf holds a part of it, not to be sent.
func (s *Set) Render(buf *bytes.Buffer, v View) error {
	if err := s.t.ExecuteTemplate(buf, v.template(), v); err != nil {
		return fmt.Errorf("render page %q: %w", v.template(), err)
	}
	return nil
}
