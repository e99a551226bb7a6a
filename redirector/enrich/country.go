package enrich

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// countries is the database of countries by network.
type countries struct{ db *maxminddb.Reader }

// newCountries takes the database as bytes, not as a mapped file: a file replaced under a map is a
// crash.
func newCountries(b []byte) (*countries, error) {
	db, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%w: run `make build` to install it anew", err)
	}
	return &countries{db: db}, nil
}

func (c *countries) built() string {
	return time.Unix(int64(c.db.Metadata.BuildEpoch), 0).UTC().Format("20060102")
}

// find returns the country of a truncated address; "" when the database does not know it.
func (c *countries) find(network [16]byte) string {
	var rec struct {
		Code string `maxminddb:"country_code"`
	}
	if err := c.db.Lookup(netip.AddrFrom16(network).Unmap()).Decode(&rec); err != nil {
		return ""
	}
	if len(rec.Code) != 2 || !upper(rec.Code[0]) || !upper(rec.Code[1]) {
		return ""
	}
	return rec.Code
}

func upper(b byte) bool { return b >= 'A' && b <= 'Z' }

func (e *Enricher) country(network [16]byte) string {
	if network == ([16]byte{}) {
		return ""
	}
	if s, ok := e.countries.get(network); ok {
		return s
	}
	s := e.data.countries.find(network)
	e.countries.put(network, s)
	return s
}
