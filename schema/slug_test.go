package schema_test

import (
	"strings"
	"testing"

	"fairlead/schema"
)

func TestSlugs(t *testing.T) {
	ok := func(slug string) {
		t.Helper()
		if err := schema.CheckSlug(slug); err != nil {
			t.Errorf("%q: %v", slug, err)
		}
	}
	ok("a")
	ok("ada")
	ok("Ada-2_x.y~z")
	ok("spring/sale/2026")
	ok("...")
	ok(".hidden")
	ok("robots.txt.html")
	ok("tracking")
	ok("a/track")
	ok(strings.Repeat("x", schema.MaxSlug))

	bad := func(slug, want string) {
		t.Helper()
		err := schema.CheckSlug(slug)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", slug, err, want)
		}
	}
	bad("", "1 to 190 bytes")
	bad(strings.Repeat("x", schema.MaxSlug+1), "this one has 191")
	bad("a b", `byte 2 is ' '`)
	bad("größe", "byte 3")
	bad("a%2fb", `'%'`)
	bad("a?b", `'?'`)
	bad("a\x00", `'\x00'`)
	bad("/a", "between two parts")
	bad("a/", "between two parts")
	bad("a//b", "between two parts")
	bad(".", "browsers")
	bad("a/../b", "browsers")
	bad("a/.", "browsers")
	for _, own := range []string{"robots.txt", "Favicon.ICO", "fairlead.js", ".well-known/x", "track", "TRACK/lead", "postback", "webhooks/stripe", "openapi.json", "healthz", "readyz", "metrics"} {
		bad(own, "kept for the product")
	}
}

func TestFolding(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(schema.FoldSlug("Spring/SALE-1"), "spring/sale-1")
	f(schema.FoldEmail("  Ada@Example.COM "), "ada@example.com")
}

func FuzzCheckSlug(f *testing.F) {
	f.Add("ada")
	f.Add("a/../b")
	f.Add("Track")
	f.Fuzz(func(t *testing.T, slug string) {
		if schema.CheckSlug(slug) != nil {
			return
		}
		folded := schema.FoldSlug(slug)
		if len(folded) != len(slug) || len(slug) > schema.MaxSlug {
			t.Fatalf("%q folds to %q", slug, folded)
		}
		if err := schema.CheckSlug(folded); err != nil {
			t.Fatalf("%q is a slug and %q is not: %v", slug, folded, err)
		}
		for i := range len(slug) {
			if !schema.SlugByte(slug[i]) {
				t.Fatalf("%q holds %q", slug, slug[i])
			}
		}
	})
}
