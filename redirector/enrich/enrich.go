// Package enrich says of a click what its record alone does not: the country, the device, the browser,
// the language, the referring site, and whether a bot made it.
//
// The answer is a pure function of the record and of pinned data (a country database, a list of
// crawlers, and the rules of this package), named by Data.Version: a replay of a record gives the
// same row. No network, no clock and no order of arrival takes part; caches change the cost alone.
//
// Limits: a bot that sends everything a browser sends counts as a person. A person whose browser looks
// like a crawler counts as a bot, and keeps the click id, so that a sale is still credited.
package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cespare/xxhash/v2"

	"fairlead/schema"
)

// rules counts the revisions of what this package concludes from the same data. It is part of
// Data.Version: raise it with every change that can give an old record another answer.
const rules = 2

// Data is the pinned data. It is safe for concurrent use.
type Data struct {
	countries *countries
	crawlers  *crawlers
	version   string
}

// Load reads a country database in MaxMind's format whose records carry country_code, and a list of
// crawlers in the form of crawler-user-agents.json.
func Load(countryDB, crawlerList string) (*Data, error) {
	db, err := readData("country data", countryDB)
	if err != nil {
		return nil, err
	}
	list, err := readData("list of crawlers", crawlerList)
	if err != nil {
		return nil, err
	}
	d := &Data{}
	if d.countries, err = newCountries(db); err != nil {
		return nil, fmt.Errorf("country data %s: %w", countryDB, err)
	}
	if d.crawlers, err = newCrawlers(list); err != nil {
		return nil, fmt.Errorf("list of crawlers %s: %w", crawlerList, err)
	}
	d.version = fmt.Sprintf("country=%s-%08x crawlers=%08x rules=%d", d.countries.built(), uint32(xxhash.Sum64(db)), uint32(xxhash.Sum64(list)), rules)
	return d, nil
}

func readData(what, path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %s does not exist: run `make build`, which installs it", what, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}

// Version names the data and the rules; it stands in every row.
func (d *Data) Version() string { return d.version }

// Facts is what enrichment adds to a click. ReferrerPath aliases the click; the strings live for ever.
type Facts struct {
	Verdict      schema.Verdict
	Reason       string // why the verdict, from a closed set; empty: the verdict says it
	Country      string // ISO 3166 alpha-2 in upper case; "" unknown
	Device       string // desktop, mobile, tablet, tv, bot or ""
	OS           string // from a closed set; "" unknown
	Browser      string // from a closed set, or "Other"; "" without a User-Agent
	Language     string // as first asked for: "de", "de-CH"; "" none
	ReferrerHost string // folded, without a leading "www."; "" none
	ReferrerPath []byte // without query and fragment, which may hold anything
}

// Enricher answers for one goroutine: it keeps what it found by User-Agent, by network, by referring
// host and by language, each within a bound. It is not safe for concurrent use.
type Enricher struct {
	data      *Data
	agents    cache[string, *agent]
	countries cache[[16]byte, string]
	hosts     cache[string, string]
	languages cache[string, string]
	reasons   cache[string, string]
}

// Entries that each cache holds at most, in two halves.
const (
	maxAgents    = 1 << 15
	maxCountries = 1 << 17
	maxHosts     = 1 << 15
	maxLanguages = 1 << 12
	maxReasons   = 1 << 8
)

// New returns an Enricher over the data.
func New(d *Data) *Enricher {
	return &Enricher{
		data:      d,
		agents:    newCache[string, *agent](maxAgents),
		countries: newCache[[16]byte, string](maxCountries),
		hosts:     newCache[string, string](maxHosts),
		languages: newCache[string, string](maxLanguages),
		reasons:   newCache[string, string](maxReasons),
	}
}

// Enrich fills out for the click.
func (e *Enricher) Enrich(c *schema.Click, out *Facts) {
	a := e.agent(c.UserAgent)
	out.Verdict, out.Reason = e.judge(c, a)
	out.Country = e.country(c.Network)
	out.Device, out.OS, out.Browser = a.device, a.os, a.browser
	out.Language = e.language(c.Language)
	out.ReferrerHost, out.ReferrerPath = e.referrer(c.Referrer)
}

// Verdict says what Enrich would, at the cost of the verdict alone.
func (e *Enricher) Verdict(c *schema.Click) schema.Verdict {
	if c.Verdict != schema.VerdictValid {
		return c.Verdict
	}
	v, _ := e.judge(c, e.agent(c.UserAgent))
	return v
}

// judge turns a valid click into a bot's where the User-Agent or the missing headers say so. What
// the edge decided otherwise stands.
func (e *Enricher) judge(c *schema.Click, a *agent) (schema.Verdict, string) {
	if c.Verdict != schema.VerdictValid {
		if len(c.Reason) == 0 {
			return c.Verdict, ""
		}
		return c.Verdict, e.reason(c.Reason)
	}
	if a.bot != "" {
		return schema.VerdictBot, a.bot
	}
	if r := a.missing(c.Hints); r != "" {
		return schema.VerdictBot, r
	}
	return schema.VerdictValid, ""
}

func (e *Enricher) reason(r []byte) string {
	if s, ok := getBytes(&e.reasons, r); ok {
		return s
	}
	s := clean(r, 120)
	e.reasons.put(string(r), s)
	return s
}
