// Package enrichtest finds the pinned data for tests.
package enrichtest

import (
	"os"
	"path/filepath"
	"testing"

	"fairlead/redirector/enrich"
)

// Paths returns the country database and the list of crawlers: in the folder that FAIRLEAD_DATA names, in bin/data of the
// module, or in its node_modules. It fails the test when they are not installed.
func Paths(t testing.TB) (countryDB, crawlers string) {
	t.Helper()
	root := Root(t)
	for _, p := range [][2]string{
		{filepath.Join(os.Getenv("FAIRLEAD_DATA"), "country.mmdb"), filepath.Join(os.Getenv("FAIRLEAD_DATA"), "crawler-user-agents.json")},
		{filepath.Join(root, "bin/data/country.mmdb"), filepath.Join(root, "bin/data/crawler-user-agents.json")},
		{filepath.Join(root, "node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"), filepath.Join(root, "node_modules/crawler-user-agents/crawler-user-agents.json")},
	} {
		if exists(p[0]) && exists(p[1]) {
			return p[0], p[1]
		}
	}
	t.Fatal("country data and list of crawlers are not installed: run `make build`")
	return "", ""
}

// Data loads the pinned data.
func Data(t testing.TB) *enrich.Data {
	t.Helper()
	d, err := enrich.Load(Paths(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Root returns the module's folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "go.mod")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
