package ship_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/accesslog"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/redirector/journal"
	"fairlead/redirector/ship"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// visit is what a real request told of its sender: a line of an access log.
type visit struct {
	addr            netip.Addr
	agent, referrer []byte
	target          string
}

// realVisits reads the log that lies beside the repository, and how its requests spread over the hours of a day.
func realVisits(b *testing.B) (visits []visit, hours [24]int) {
	b.Helper()
	path := filepath.Join(enrichtest.Root(b), "..", "shared", "data", "access.log.gz")
	if _, err := os.Stat(path); err != nil {
		b.Skipf("%s is not there: it lies beside the repository, not in it", path)
	}
	l, err := accesslog.Open(b.Context(), path, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	err = l.Scan(b.Context(), time.Now(), func(_ uint64, _ []byte, e *accesslog.Entry, click bool, _ error) error {
		addr, err := netip.ParseAddr(string(e.Host))
		if !click || err != nil {
			return nil
		}
		visits = append(visits, visit{addr: addr, agent: []byte(string(e.UserAgent)), referrer: []byte(string(e.Referrer)), target: schema.FoldSlug(accesslog.Slug(e.Target))})
		hours[e.At.Hour()]++
		return nil
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return visits, hours
}

// program is a made-up program whose partners and links are as unequal as real ones are (Zipf).
type program struct {
	rnd      *rand.Rand
	visits   []visit
	partners *rand.Zipf
	links    *rand.Zipf
	labels   *rand.Zipf
	tongues  *rand.Zipf
	recent   []visitor // who may come again
	nonce    uint64
}

type visitor struct {
	visit
	id  uint64
	day int
}

var (
	words   = strings.Fields("spring summer autumn winter blog video podcast review newsletter gift deal bio guide tools course shoes coffee travel bike garden")
	tongues = []string{"en-US,en;q=0.9", "en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9", "es-ES,es;q=0.9", "pt-BR,pt;q=0.9", "ja", "ru-RU,ru;q=0.9",
		"it-IT,it;q=0.9", "nl-NL,nl;q=0.9", "pl-PL,pl;q=0.9", "zh-CN,zh;q=0.9", "ko-KR", "tr-TR,tr;q=0.9", "sv-SE,sv;q=0.9", "de-CH,de;q=0.9", "en-CA,en;q=0.9", "en-AU,en;q=0.9"}
)

func newProgram(visits []visit) *program {
	rnd := rand.New(rand.NewPCG(1, 2))
	return &program{
		rnd: rnd, visits: visits,
		partners: rand.NewZipf(rnd, 1.2, 5, 4999),
		links:    rand.NewZipf(rnd, 1.4, 2, 19),
		labels:   rand.NewZipf(rnd, 1.3, 3, 99),
		tongues:  rand.NewZipf(rnd, 1.5, 1, uint64(len(tongues)-1)),
	}
}

// visitor is a new one, or one of the last ones once more. New ones have a real one's network, browser and referrer, and an
// address of their own.
func (p *program) visitor(day int) visitor {
	if len(p.recent) > 0 && p.rnd.IntN(10) < 3 {
		if v := p.recent[p.rnd.IntN(len(p.recent))]; v.day == day {
			return v
		}
	}
	v := visitor{visit: p.visits[p.rnd.IntN(len(p.visits))], id: p.rnd.Uint64() | 1, day: day}
	a := v.addr.As16()
	a[13], a[14], a[15] = a[13]^byte(p.rnd.IntN(4)), byte(p.rnd.Uint32()), 0
	v.addr = netip.AddrFrom16(a)
	if p.rnd.IntN(3) == 0 { // another release of the same browser
		v.agent = append([]byte(nil), v.agent...)
		for i, c := range v.agent {
			if c >= '1' && c <= '8' && i > 12 && v.agent[i-1] == '.' {
				v.agent[i] += byte(p.rnd.IntN(2))
			}
		}
	}
	if len(v.referrer) > 0 && p.rnd.IntN(5) == 0 { // another page of the same site
		v.referrer = fmt.Appendf(nil, "%s/%d", strings.TrimRight(string(v.referrer), "/"), p.rnd.IntN(100_000))
	}
	if len(p.recent) < 20_000 {
		p.recent = append(p.recent, v)
	} else {
		p.recent[p.rnd.IntN(len(p.recent))] = v
	}
	return v
}

// click fills c as a redirector does.
func (p *program) click(c *schema.Click, at time.Time) {
	v := p.visitor(at.YearDay())
	p.nonce++
	*c = schema.Click{
		At: at.UnixMilli(), Nonce: 0xA1B2C3<<24 | p.nonce&(1<<24-1), Tag: p.rnd.Uint64(), Verdict: schema.VerdictValid, Visitor: v.id,
		Hints:   schema.HintAccept | schema.HintAcceptLanguage | schema.HintSecFetch | schema.HintTLS | schema.HintNavigate,
		Network: v.addr.As16(), Referrer: v.referrer, UserAgent: v.agent, Language: []byte(tongues[p.tongues.Uint64()]),
	}
	if p.rnd.IntN(50) == 0 {
		c.Verdict, c.Slug, c.Destination = schema.VerdictUnknownLink, []byte(v.target), []byte("https://shop.example/")
		return
	}
	partner, link := p.partners.Uint64(), p.links.Uint64()
	c.Partner, c.Link = schema.PartnerID(partner+1), schema.LinkID(partner*20+link+1)
	c.Slug, c.Destination = fmt.Appendf(nil, "%s%d", words[partner%uint64(len(words))], partner), []byte("https://shop.example/")
	if link > 0 {
		c.Slug = fmt.Appendf(c.Slug, "/%s", words[link])
		c.Destination = fmt.Appendf(c.Destination, "%s/%d", words[(partner+link)%uint64(len(words))], (partner*7+link)%3000)
	}
	switch p.rnd.IntN(20) {
	case 0, 1, 2, 3: // a campaign's name
		c.SubID[0] = fmt.Appendf(nil, "%s-%d", words[p.labels.Uint64()%uint64(len(words))], p.labels.Uint64())
	case 4: // another network's click id
		c.SubID[0], c.SubID[1] = fmt.Appendf(nil, "%016x", p.rnd.Uint64()), []byte(words[partner%7])
	case 5, 6, 7:
		c.UTM[schema.UTMSource], c.UTM[schema.UTMMedium] = []byte(words[p.labels.Uint64()%uint64(len(words))]), []byte([]string{"email", "social", "cpc"}[p.rnd.IntN(3)])
		c.UTM[schema.UTMCampaign] = fmt.Appendf(nil, "%s_%d", words[partner%uint64(len(words))], p.labels.Uint64())
	}
}

// month calls f with n moments of a month, in order, as dense by hour and weekday as the log is.
func (p *program) month(first time.Time, hours [24]int, n int, f func(time.Time)) {
	days := first.AddDate(0, 1, 0).Sub(first).Hours() / 24
	weight := func(h int) float64 {
		w := float64(hours[h%24] + 1)
		if d := first.Add(time.Duration(h) * time.Hour).Weekday(); d == time.Saturday || d == time.Sunday {
			w *= 0.6
		}
		return w
	}
	sum := 0.0
	for h := range int(days) * 24 {
		sum += weight(h)
	}
	due, done := 0.0, 0
	for h := range int(days) * 24 {
		due += weight(h) / sum * float64(n)
		k := int(due) - done
		if h == int(days)*24-1 {
			k = n - done
		}
		gaps := make([]float64, k+1)
		whole := 0.0
		for i := range gaps {
			gaps[i] = p.rnd.ExpFloat64()
			whole += gaps[i]
		}
		at := first.Add(time.Duration(h) * time.Hour)
		for _, g := range gaps[:k] {
			at = at.Add(time.Duration(g / whole * float64(time.Hour)))
			f(at)
		}
		done += k
	}
}

// BenchmarkBytesPerClick takes the requests of a real web site, multiplied over a month of a program with 5,000 partners,
// through journal and shipping into ClickHouse, and says what a click takes there. FAIRLEAD_BENCH_CLICKS names
// another number than three million.
func BenchmarkBytesPerClick(b *testing.B) {
	n := 3_000_000
	if v, err := strconv.Atoi(os.Getenv("FAIRLEAD_BENCH_CLICKS")); err == nil {
		n = v
	}
	visits, hours := realVisits(b)
	conn := storestest.ClickHouse(b).Fresh(b).Conn(b)
	if err := clickhouse.Apply(b.Context(), conn, clickhouse.Options{}); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	writeMonth(b, dir, newProgram(visits), hours, n)
	b.ReportMetric(float64(segmentBytes(b, dir))/float64(n), "journal-B/click")

	l, err := journal.Open(dir, journal.Options{Sinks: []string{ship.SinkClickHouse}})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	sink := ship.NewClickHouse(conn, ship.ClickHouseOptions{Source: ship.FromJournal(l), Enrich: enrichtest.Data(b), Dir: b.TempDir()})
	if err := sink.Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
	const active = " FROM system.parts WHERE database = 'fairlead' AND table = 'clicks' AND active"
	parts, asShipped := count(b, conn, "SELECT count()"+active), count(b, conn, "SELECT sum(bytes_on_disk)"+active)
	if err := conn.Exec(b.Context(), "OPTIMIZE TABLE fairlead.clicks FINAL"); err != nil {
		b.Fatal(err)
	}
	merged := count(b, conn, "SELECT sum(bytes_on_disk)"+active)
	if rows := count(b, conn, "SELECT count() FROM fairlead.clicks"); rows != uint64(n) {
		b.Fatalf("%d rows, want %d", rows, n)
	}
	b.ReportMetric(float64(asShipped)/float64(n), "shipped-B/click")
	b.ReportMetric(float64(merged)/float64(n), "merged-B/click")
	b.ReportMetric(0, "ns/op") // one run, whatever b.N
	// A benchmark's log is cut after ten lines.
	fmt.Printf("\n%d clicks of %d real requests; %d parts as shipped\n%s", n, len(visits), parts, columnTable(b, conn, n))
}

func writeMonth(b *testing.B, dir string, p *program, hours [24]int, n int) {
	b.Helper()
	l, err := journal.Open(dir, journal.Options{Sinks: []string{ship.SinkClickHouse}})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now().UTC()
	first := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	var c schema.Click
	var rec []byte
	p.month(first, hours, n, func(at time.Time) {
		p.click(&c, at)
		rec = schema.AppendClick(rec[:0], &c)
		seq, err := l.Append(rec)
		if err == nil && seq%100_000 == 0 {
			err = l.Sync() // the disk is given the time that a month would give it
		}
		if err != nil {
			b.Fatal(err)
		}
	})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// segmentBytes is what the journal's records take; the room that was allocated ahead is given back by Close.
func segmentBytes(b *testing.B, dir string) (n int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".seg") {
			var st fs.FileInfo
			if st, err = d.Info(); err == nil {
				n += st.Size()
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func count(b *testing.B, conn driver.Conn, query string) (n uint64) {
	b.Helper()
	if err := conn.QueryRow(context.Background(), query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// columnTable is what each column takes.
func columnTable(b *testing.B, conn driver.Conn, n int) string {
	b.Helper()
	rows, err := conn.Query(b.Context(), `
		SELECT column, sum(column_data_compressed_bytes), sum(column_data_uncompressed_bytes), sum(column_marks_bytes)
		FROM system.parts_columns WHERE database = 'fairlead' AND table = 'clicks' AND active
		GROUP BY column ORDER BY 2 DESC`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "column\tbytes/click\tuncompressed\tmarks\t")
	var sum [3]uint64
	line := func(name string, v [3]uint64) {
		fmt.Fprintf(w, "%s\t%.3f\t%.2f\t%.4f\t\n", name, float64(v[0])/float64(n), float64(v[1])/float64(n), float64(v[2])/float64(n))
	}
	for rows.Next() {
		var name string
		var v [3]uint64
		if err := rows.Scan(&name, &v[0], &v[1], &v[2]); err != nil {
			b.Fatal(err)
		}
		line(name, v)
		for i := range v {
			sum[i] += v[i]
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	line("all", sum)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return out.String()
}
