package redirector

import (
	"slices"
	"strings"
	"testing"

	"fairlead/redirector/links"
	"fairlead/schema"
)

func TestNobodyIsSentRoundInCircles(t *testing.T) {
	edgeAt := func(homepage string) *edge {
		return newEdge(t, func(o *Options) {
			program := testProgram
			program.Homepage = homepage
			view, err := links.Make(links.Contents{
				Program: program, Keys: []schema.StoredClickKey{testKey},
				Links: slices.Values([]schema.Link{
					{ID: 1, Slug: "ada"},
					{ID: 2, Slug: "self", To: "https://go.shop.example/Self/?a=1"},
					{ID: 3, Slug: "escaped", To: "https://go.shop.example/%65scaped#x"},
					{ID: 4, Slug: "other", To: "https://go.shop.example/ada"},
				}),
			}, false)
			if err != nil {
				t.Fatal(err)
			}
			o.Links = fixed{view}
		})
	}
	e := edgeAt("https://shop.example/")
	f := func(host, target string, status int, location string) {
		t.Helper()
		ctx := get(target).context()
		ctx.Request.Header.SetHost(host)
		e.Handle(ctx)
		got := string(ctx.Response.Header.Peek("Location"))
		if i := strings.IndexAny(got, "?&"); i >= 0 {
			got = got[:i]
		}
		if ctx.Response.StatusCode() != status || got != location {
			t.Errorf("%s%s: %d, %q; want %d, %q", host, target, ctx.Response.StatusCode(), got, status, location)
		}
		if c := e.clicks(); len(c) != 1 {
			t.Errorf("%s%s left %d records", host, target, len(c))
		}
	}
	const us = "go.shop.example"
	f(us, "/ada", 302, "https://shop.example/")
	f(us, "/self", 302, "https://shop.example/")
	f(us, "/SELF/?b=2", 302, "https://shop.example/")
	f("GO.Shop.Example", "/self", 302, "https://shop.example/")
	f(us, "/escaped", 302, "https://shop.example/")
	f(us, "/other", 302, "https://go.shop.example/ada") // one more hop, and an end
	f("elsewhere.example", "/self", 302, "https://go.shop.example/Self/")
	f("shop.example.other", "/self", 302, "https://go.shop.example/Self/")
	f("", "/self", 302, "https://go.shop.example/Self/")
	f(us, "/ada?url=https://go.shop.example/self", 302, "https://shop.example/")
	f(us, "/ada?url=https://www.go.shop.example/x", 302, "https://www.go.shop.example/x")

	// Behind a homepage that is the redirector there is an end too.
	e = edgeAt("https://go.shop.example/")
	f(us, "/", 404, "")
	f(us, "/?utm_source=x", 404, "")
	f(us, "/ada", 302, "https://go.shop.example/")
	f(us, "/nobody", 302, "https://go.shop.example/")
	f("elsewhere.example", "/", 302, "https://go.shop.example/")
	e = edgeAt("https://go.shop.example/ada")
	f(us, "/ada", 404, "")
	f(us, "/self", 302, "https://go.shop.example/ada")
	f(us, "/nobody", 302, "https://go.shop.example/ada")
}
