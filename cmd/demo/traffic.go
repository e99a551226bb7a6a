package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	"fairlead/schema"
)

// Traffic is the demo program's past: every click of the twelve months up to Until. The same Traffic
// yields the same clicks in the same order, so that a fill that was cut short is taken up again.
type Traffic struct {
	Seed     uint64
	Until    time.Time
	Zone     *time.Location
	Partners []Enrolled
	Networks map[string][][16]byte // by country
}

// Enrolled is a partner of the demo as the directory knows it.
type Enrolled struct {
	who
	Partner schema.PartnerID
	Links   []EnrolledLink // the personal one first
}

// EnrolledLink is one of its links.
type EnrolledLink struct {
	ID    schema.LinkID
	Slug  string
	To    string
	share float64
}

func (t *Traffic) start() time.Time {
	first := schema.MonthOf(t.Until, t.Zone).Add(-11).FirstDay()
	return first.Period(t.Zone).From
}

// Each yields every click, day by day and within a day by time. The click and what
// it points to belong to Each and change with the next.
func (t *Traffic) Each(yield func(c *schema.Click) error) error {
	var batch []schema.Click
	day := 0
	for at := t.start(); at.Before(t.Until); day++ {
		period := schema.DayOf(at, t.Zone).Period(t.Zone)
		batch = batch[:0]
		for _, p := range t.Partners {
			rng := rand.New(rand.NewPCG(t.Seed, uint64(p.Partner)<<32|uint64(day)))
			batch = t.partnerDay(batch, p, period, rng)
		}
		slices.SortStableFunc(batch, func(a, b schema.Click) int { return int(a.At - b.At) })
		for i := range batch {
			if batch[i].At >= t.Until.UnixMilli() {
				break
			}
			if err := yield(&batch[i]); err != nil {
				return err
			}
		}
		at = period.To
	}
	return nil
}

// partnerDay appends one partner's clicks of one day.
func (t *Traffic) partnerDay(dst []schema.Click, p Enrolled, day schema.Period, rng *rand.Rand) []schema.Click {
	age := t.Until.Sub(day.From).Hours() / 24 / 30.4 // months ago
	if age > float64(p.months) {
		return dst
	}
	mean := p.perDay * (p.growth + (1-p.growth)*(1-age/float64(p.months))) * season(day.From.In(t.Zone))
	if rng.Float64() < .012 {
		mean *= 2.5 + 3*rng.Float64() // somebody's post did well
	}
	n := poisson(rng, mean)
	for range n {
		c := t.click(p, day, rng)
		dst = append(dst, c)
		for rng.Float64() < .14 { // the same person again, minutes later
			again := c
			again.At += int64(20_000 + rng.IntN(1_500_000))
			dst = append(dst, again)
		}
	}
	return dst
}

func (t *Traffic) click(p Enrolled, day schema.Period, rng *rand.Rand) schema.Click {
	link := p.Links[0]
	for pick, i := rng.Float64(), 1; i < len(p.Links); i++ {
		if pick -= p.Links[i].share; pick < 0 {
			link = p.Links[i]
			break
		}
	}
	length := day.To.Sub(day.From)
	c := schema.Click{
		At:          day.From.Add(time.Duration(hourOfDay(rng) / 24 * float64(length))).UnixMilli(),
		Link:        link.ID,
		Partner:     p.Partner,
		Verdict:     schema.VerdictValid,
		Slug:        []byte(link.Slug),
		Destination: []byte(link.To),
		Referrer:    []byte(p.channel.referrers[rng.IntN(len(p.channel.referrers))]),
		Hints:       schema.HintAccept | schema.HintAcceptLanguage | schema.HintSecFetch | schema.HintNavigate | schema.HintUser | schema.HintTLS,
	}
	country := 2 * rng.IntN(len(p.channel.countries)/2)
	code := p.channel.countries[country : country+2]
	if nets := t.Networks[code]; len(nets) > 0 {
		c.Network = nets[rng.IntN(len(nets))]
	}
	c.Language = []byte(language(code))
	switch {
	case rng.Float64() < p.channel.bots:
		c.UserAgent = []byte(choose(rng, botAgents))
		c.Hints, c.Language, c.Referrer = schema.HintAccept|schema.HintTLS, nil, nil
	case rng.Float64() < .015:
		c.Verdict, c.Reason = schema.VerdictPrefetch, []byte("sec-purpose: prefetch")
		c.UserAgent = []byte(choose(rng, mobileAgents))
	case rng.Float64() < p.channel.mobile:
		c.UserAgent = []byte(choose(rng, mobileAgents))
	default:
		c.UserAgent = []byte(choose(rng, desktopAgents))
	}
	// A few thousand people stand behind a partner's clicks; the salt of a real visitor hash changes daily, so does this.
	person := fmt.Sprintf("%d/%d/%d/%s", t.Seed, day.From.Unix(), rng.IntN(int(40*p.perDay)+1), c.UserAgent)
	c.Visitor = xxhash.Sum64String(person)
	if sub := p.channel.subs[rng.IntN(len(p.channel.subs))]; sub != "" {
		c.SubID[0] = []byte(sub)
	}
	if len(p.channel.referrers[0]) == 0 && rng.Float64() < .3 {
		c.UTM[schema.UTMSource], c.UTM[schema.UTMMedium] = []byte(p.slug), []byte("partner")
	}
	return c
}

// season is how busy a day is: weekends are slower, November and December busier.
func season(day time.Time) float64 {
	f := 1.0
	switch day.Weekday() {
	case time.Saturday, time.Sunday:
		f = .78
	case time.Tuesday:
		f = 1.1
	}
	switch day.Month() {
	case time.November:
		f *= 1.35
	case time.December:
		f *= 1.5
	case time.July, time.August:
		f *= .85
	}
	return f
}

// hourOfDay draws a moment of the day in hours: quiet nights, a lunch bump, a long evening.
func hourOfDay(rng *rand.Rand) float64 {
	for {
		h := rng.Float64() * 24
		busy := .12 + .5*math.Exp(-sq((h-12.5)/2.6)) + .9*math.Exp(-sq((h-20)/3.1))
		if rng.Float64()*1.1 < busy {
			return h
		}
	}
}

func sq(x float64) float64 { return x * x }

// poisson draws how many of many rare events happen (Knuth below 30, a normal approximation above).
func poisson(rng *rand.Rand, mean float64) int {
	if mean > 30 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	n, p, floor := 0, 1.0, math.Exp(-mean)
	for {
		if p *= rng.Float64(); p <= floor {
			return n
		}
		n++
	}
}

func choose(rng *rand.Rand, among []weighted) string {
	total := 0.0
	for _, w := range among {
		total += w.weight
	}
	pick := rng.Float64() * total
	for _, w := range among {
		if pick -= w.weight; pick < 0 {
			return w.value
		}
	}
	return among[len(among)-1].value
}

func language(country string) string {
	switch country {
	case "DE":
		return "de-DE,de;q=0.9,en;q=0.7"
	case "FR":
		return "fr-FR,fr;q=0.9,en;q=0.6"
	case "BR":
		return "pt-BR,pt;q=0.9,en;q=0.6"
	case "MX":
		return "es-MX,es;q=0.9,en;q=0.6"
	case "JP":
		return "ja-JP,ja;q=0.9"
	case "NL":
		return "nl-NL,nl;q=0.9,en;q=0.8"
	case "GB", "IE", "AU", "NZ":
		return "en-GB,en;q=0.9"
	case "CA":
		return "en-CA,en;q=0.9,fr;q=0.5"
	}
	return "en-US,en;q=0.9"
}

// perCountry is how many networks of a country the demo's shoppers come from.
const perCountry = 40

// Networks picks, from a country database, some networks of each country that the demo's shoppers live
// in, truncated as the edge truncates an address.
func Networks(countryDB string) (map[string][][16]byte, error) {
	db, err := maxminddb.Open(countryDB)
	if err != nil {
		return nil, fmt.Errorf("open the country database %s: %w", countryDB, err)
	}
	defer db.Close()
	wanted := map[string]bool{}
	for _, p := range partners {
		for i := 0; i < len(p.channel.countries); i += 2 {
			wanted[p.channel.countries[i:i+2]] = true
		}
	}
	out := map[string][][16]byte{}
	for r := range db.Networks() {
		prefix := r.Prefix()
		if !prefix.Addr().Unmap().Is4() {
			break // version 4 comes first and is enough
		}
		var rec struct {
			Code string `maxminddb:"country_code"`
		}
		if err := r.Decode(&rec); err != nil {
			return nil, fmt.Errorf("read the country database %s: %w", countryDB, err)
		}
		if wanted[rec.Code] && len(out[rec.Code]) < perCountry {
			out[rec.Code] = append(out[rec.Code], prefix.Addr().As16())
		}
	}
	return out, nil
}
