package links

import (
	"fmt"
	"iter"
	"log/slog"

	"fairlead/schema"
)

// Contents are a whole directory.
type Contents struct {
	Program  schema.Program
	Keys     []schema.StoredClickKey
	Partners []schema.Partner // those who are not listed may earn
	APIKeys  []schema.APIKey
	Secret   schema.Secret
	Links    iter.Seq[schema.Link]
}

// Make makes a view of a directory without Redis: for tests, benchmarks and whoever has the contents at
// hand. A link that cannot be used is an error here.
func Make(c Contents, allowLoopback bool) (*View, error) {
	var f feed
	f.reset()
	f.program = &c.Program
	for _, k := range c.Keys {
		f.keys[k.ID] = k
	}
	for _, p := range c.Partners {
		if !p.Status.Earns() {
			f.barred[p.ID] = struct{}{}
		}
	}
	for _, k := range c.APIKeys {
		if err := f.putAPIKey(k.ID, &k); err != nil {
			return nil, err
		}
	}
	f.secret = c.Secret
	var arena []byte
	if c.Links != nil {
		for l := range c.Links {
			var err error
			if arena, err = appendLink(arena, &l); err != nil {
				return nil, fmt.Errorf("link %v: %w", l.ID, err)
			}
		}
	}
	var err error
	if f.base, err = newTable(trim(arena)); err != nil {
		return nil, err
	}
	return f.view(allowLoopback, slog.Default())
}
