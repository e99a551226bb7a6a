package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores/storestest"
	"fairlead/redirector/enrich"
	"fairlead/redirector/enrich/enrichtest"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// world is an empty deployment with one partner.
type world struct {
	t       testing.TB
	ch      driver.Conn
	rdb     *redis.Client
	dir     *directory.Directory
	data    *enrich.Data
	partner schema.Partner
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ch: storestest.ClickHouse(t).Fresh(t).Conn(t), rdb: storestest.Redis(t).Fresh(t).Client(t), data: enrichtest.Data(t)}
	if err := clickhouse.Apply(t.Context(), w.ch, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	w.dir = directory.New(w.ch, w.rdb, directory.Options{Keys: schema.DefaultKeys})
	if _, err := w.dir.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.SeedProgram(t.Context(), schema.Program{
		Name: "Shop", Homepage: "https://shop.example/", AllowedDomains: []string{"shop.example"}, Currency: "USD", Zone: "America/Toronto",
		WindowDays: 90, Touch: "last", HoldDays: 30, PayoutDay: 13, PayoutMinimum: 2500, Param: "fl_click",
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.partner, _, err = w.dir.AddPartner(t.Context(), directory.CLI, directory.NewPartner{Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) importer(set ...func(*Importer)) *Importer {
	im := &Importer{
		ClickHouse: w.ch, Redis: w.rdb, Keys: schema.DefaultKeys, Directory: w.dir, Enrich: w.data,
		Rejects: filepath.Join(w.t.TempDir(), "rejects"),
	}
	for _, f := range set {
		f(im)
	}
	return im
}

func (w *world) run(im *Importer, path, stdin string) Report {
	w.t.Helper()
	r, err := im.Import(w.t.Context(), path, strings.NewReader(stdin))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) count(query string, args ...any) (n uint64) {
	w.t.Helper()
	if err := w.ch.QueryRow(w.t.Context(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestAnImportTwiceAddsNothing(t *testing.T) {
	w := newWorld(t)
	path := write(t, "a.log", logOf(1000))
	first := w.run(w.importer(), path, "")
	if first.Added != 1000 || first.Already != 0 || first.Clicks != 1000 || first.Broken != 100 || first.OtherMethods != 100 || first.Verdicts["unknown_link"] != 1000 {
		t.Errorf("first: %+v", first)
	}
	again := w.run(w.importer(), "-", packed(t, logOf(1000)))
	if again.Added != 0 || again.Already != 1000 || again.Node != first.Node {
		t.Errorf("again: %+v", again)
	}
	if n := w.count("SELECT count() FROM fairlead.clicks"); n != 1000 {
		t.Errorf("%d rows, want 1000", n)
	}
	if n := w.count("SELECT count() FROM fairlead.clicks WHERE verdict = 'unknown_link' AND slug = concat('p/', toString((seq - 1) % 5)) AND sub_id = concat('s', toString(seq - 1)) AND utm_source = 'mail'"); n != 1000 {
		t.Errorf("%d rows are as their lines say, want 1000", n)
	}
	rejects, err := os.ReadFile(first.Rejects)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(rejects, []byte{'\n'}); lines != 100 || !bytes.HasPrefix(rejects, []byte("5\tno client at the beginning\trubbish\n")) {
		t.Errorf("%d rejects: %.200s", lines, rejects)
	}
}

func TestAnInterruptedImportIsCompleted(t *testing.T) {
	w := newWorld(t)
	path := write(t, "a.log", logOf(60_000))
	ctx, stop := context.WithCancel(t.Context())
	_, err := w.importer(func(im *Importer) {
		im.BatchRows = 20_000
		im.Progress = func(step string, done, total int64) {
			if step == StepShip {
				stop()
			}
		}
	}).Import(ctx, path, nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "run the import again") {
		t.Fatalf("got %v", err)
	}
	half := w.count("SELECT count() FROM fairlead.clicks")
	if half == 0 || half == 60_000 {
		t.Fatalf("%d rows after the interruption", half)
	}
	r := w.run(w.importer(), path, "")
	if r.Added != 60_000-half || r.Already != half {
		t.Errorf("got %+v, with %d rows there before", r, half)
	}
	if n, d := w.count("SELECT count() FROM fairlead.clicks"), w.count("SELECT uniqExact(seq) FROM fairlead.clicks"); n != 60_000 || d != n {
		t.Errorf("%d rows, %d different", n, d)
	}
}

// TestARecentLogIsCountedLive has the lines be of today, and counters that are whole.
func TestARecentLogIsCountedLive(t *testing.T) {
	w := newWorld(t)
	now := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	text := strings.ReplaceAll(logOf(500), "17/May/2015", now.Format("02/Jan/2006"))
	atNoon := func(im *Importer) { im.Now = func() time.Time { return now } }
	const epoch = "1:America/Toronto"
	for i := range schema.LiveShards {
		if err := w.rdb.HSet(t.Context(), schema.DefaultKeys.Live(i), schema.LiveEpoch, epoch).Err(); err != nil {
			t.Fatal(err)
		}
	}
	complete := func() {
		t.Helper()
		if err := w.rdb.Set(t.Context(), schema.DefaultKeys.LiveComplete(), epoch, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.importer(atNoon, func(im *Importer) { im.LiveWait = 50 * time.Millisecond }).Import(t.Context(), "-", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "does the aggregator run?") {
		t.Errorf("counters that are not whole: got %v", err)
	}
	complete()
	// The rows are unknown links and stay so, though the paths have become links: nothing of them may be counted.
	if r := w.run(w.importer(atNoon, func(im *Importer) { im.Partner = w.partner.ID }), "-", text); !r.Live || r.LinksCreated != 5 {
		t.Errorf("got %+v", r)
	}
	if n := w.rdb.Exists(t.Context(), schema.DefaultKeys.LiveComplete()).Val(); n != 0 {
		t.Error("the live counters are not made anew")
	}
	complete()
	text += "\n" // another file
	for range 2 {
		w.run(w.importer(atNoon), "-", text)
	}
	if n := w.rdb.Exists(t.Context(), schema.DefaultKeys.LiveComplete()).Val(); n != 1 {
		t.Error("the live counters are made anew though they have the file")
	}
	sum := 0
	for f, v := range w.rdb.HGetAll(t.Context(), schema.DefaultKeys.Live(schema.LiveShard(w.partner.ID))).Val() {
		if strings.HasPrefix(f, "c:") {
			n, err := strconv.Atoi(v)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	if valid := w.count("SELECT count() FROM fairlead.clicks WHERE verdict = 'valid'"); sum != int(valid) || sum != 500 {
		t.Errorf("%d clicks are counted live, %d stand in ClickHouse, want 500", sum, valid)
	}
}

func TestLinksAreMadeForPathsThatCanBeSlugs(t *testing.T) {
	w := newWorld(t)
	if _, err := w.dir.AddLink(t.Context(), directory.CLI, directory.NewLink{Partner: w.partner.ID, Slug: "Spring", To: "https://shop.example/s"}); err != nil {
		t.Fatal(err)
	}
	const rest = ` HTTP/1.1" 200 1 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0"` + "\n"
	var log strings.Builder
	for _, path := range []string{"/spring", "/SPRING/", "/About/Us", "/about/us?x", "/robots.txt", "/", "/a b", "/ada", "/..%2fx", "/p/%41"} {
		log.WriteString(`10.0.0.1 - - [17/May/2015:10:00:00 +0000] "GET ` + path + rest)
	}
	r := w.run(w.importer(func(im *Importer) { im.Partner = w.partner.ID }), "-", log.String())
	if r.LinksCreated != 2 || r.Verdicts["valid"] != 6 || r.Verdicts["unknown_link"] != 4 {
		t.Errorf("got %+v", r)
	}
	for slug, want := range map[string]string{"about/us": "https://shop.example/About/Us", "p/a": "https://shop.example/p/%41"} {
		l, ok, err := w.dir.LinkBySlug(t.Context(), slug)
		if err != nil || !ok || l.To != want || l.Partner != w.partner.ID {
			t.Errorf("%s: %+v, %v, %v; want it to lead to %s", slug, l, ok, err, want)
		}
	}
	if again := w.run(w.importer(func(im *Importer) { im.Partner = w.partner.ID }), "-", log.String()); again.LinksCreated != 0 || again.Added != 0 {
		t.Errorf("again: %+v", again)
	}
}

// TestTheCaseOfPathsMattersWhereItDoesForLinks has the same log imported under both settings.
func TestTheCaseOfPathsMattersWhereItDoesForLinks(t *testing.T) {
	var log strings.Builder
	for _, path := range []string{"/Spring", "/spring", "/SPRING/", "/About/Us", "/about/us", "/Sp%72ing"} {
		log.WriteString(`10.0.0.1 - - [17/May/2015:10:00:00 +0000] "GET ` + path + ` HTTP/1.1" 200 1 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0"` + "\n")
	}
	f := func(setting schema.SlugCase, valid uint64, created string) {
		t.Helper()
		w := newWorld(t)
		if _, err := w.dir.SetProgram(t.Context(), directory.CLI, func(p *schema.Program) error { p.SlugCase = setting; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.dir.AddLink(t.Context(), directory.CLI, directory.NewLink{Partner: w.partner.ID, Slug: "Spring", To: "https://shop.example/s"}); err != nil {
			t.Fatal(err)
		}
		r := w.run(w.importer(func(im *Importer) { im.Partner = w.partner.ID }), "-", log.String())
		if r.LinksCreated != 1 || r.Verdicts["valid"] != valid || r.Verdicts["unknown_link"] != 6-valid {
			t.Errorf("%s: got %+v, want %d valid", setting, r, valid)
		}
		if l, ok, err := w.dir.LinkBySlug(t.Context(), "about/us"); err != nil || !ok || l.Slug != created {
			t.Errorf("%s: %+v, %v, %v; want the slug %s", setting, l, ok, err, created)
		}
	}
	f(schema.SlugsInsensitive, 6, "about/us")
	f(schema.SlugsSensitive, 3, "About/Us")
}

// TestTheFutureStaysWhatItWas has a log imported again when the time of its last line has come.
func TestTheFutureStaysWhatItWas(t *testing.T) {
	w := newWorld(t)
	const line = ` +0000] "GET /x HTTP/1.1" 200 1 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0"` + "\n"
	log := `10.0.0.1 - - [17/Jan/2015:10:00:00` + line + `10.0.0.1 - - [02/Jun/2015:10:00:00` + line + `10.0.0.1 - - [17/Jan/2015:11:00:00` + line
	at := func(now time.Time) func(*Importer) {
		return func(im *Importer) { im.Now = func() time.Time { return now } }
	}
	first := w.run(w.importer(at(time.Date(2015, 5, 18, 0, 0, 0, 0, time.UTC))), "-", log)
	if first.Added != 2 || first.Broken != 1 {
		t.Errorf("first: %+v", first)
	}
	rejects, err := os.ReadFile(first.Rejects)
	if err != nil || !strings.HasPrefix(string(rejects), "2\tthe time is in the future\t10.0.0.1") {
		t.Errorf("rejects: %q, %v", rejects, err)
	}
	again := w.run(w.importer(at(time.Date(2015, 7, 1, 0, 0, 0, 0, time.UTC))), "-", log)
	if again.Added != 0 || again.Already != 2 || again.Broken != 1 {
		t.Errorf("again: %+v", again)
	}
	if n := w.count("SELECT count() FROM fairlead.shipments WHERE month = 201506"); n != 0 {
		t.Errorf("%d shipments of a month that was yet to come", n)
	}
}

// TestARealLog imports the log of a web site and recounts it with awk.
func TestARealLog(t *testing.T) {
	path := filepath.Join(enrichtest.Root(t), "..", "shared", "data", "access.log.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not there: it lies beside the repository, not in it", path)
	}
	w := newWorld(t)
	r := w.run(w.importer(func(im *Importer) { im.Partner = w.partner.ID }), path, "")
	t.Logf("%+v", r)
	awk := func(program string) uint64 {
		t.Helper()
		out, err := exec.Command("sh", "-c", `gzip -dc "$1" | awk "$2"`, "sh", path, program).Output()
		if err != nil {
			t.Fatal(err)
		}
		var n uint64
		if _, err := fmt.Sscan(string(out), &n); err != nil {
			t.Fatalf("awk said %q", out)
		}
		return n
	}
	get := awk(`$6 == "\"GET" { n++ } END { print n }`)
	if r.Lines != awk(`END { print NR }`) || r.Clicks != get || r.Lines != r.Clicks+r.OtherMethods+r.Broken || r.Added != get || r.OtherMethods != awk(`$6 != "\"GET" { n++ } END { print n }`) {
		t.Errorf("got %+v, awk counts %d", r, get)
	}
	if n := w.count("SELECT count() FROM fairlead.clicks"); n != get {
		t.Errorf("%d rows, want %d", n, get)
	}
	if got, want := w.count("SELECT count() FROM fairlead.clicks WHERE slug = 'favicon.ico'"), awk(`$6 == "\"GET" && $7 ~ /^\/+favicon.ico/ { n++ } END { print n }`); got != want || want == 0 {
		t.Errorf("%d rows of favicon.ico, want %d", got, want)
	}
	if got, want := w.count("SELECT count() FROM fairlead.clicks WHERE toDate(clicked_at) = '2015-05-18'"), awk(`$6 == "\"GET" && $4 ~ /^\[18\/May\/2015/ { n++ } END { print n }`); got != want || want == 0 {
		t.Errorf("%d rows of 18 May, want %d", got, want)
	}
	if got, want := w.count("SELECT count() FROM fairlead.clicks WHERE verdict = 'bot' AND verdict_reason LIKE 'crawler: %bot%'"), awk(`$6 == "\"GET" && /Googlebot/ { n++ } END { print n }`); got < want/2 || want == 0 {
		t.Errorf("%d rows of crawlers that name themselves so; Googlebot alone is in %d lines", got, want)
	}
	again := w.run(w.importer(), path, "")
	if again.Added != 0 || again.Already != get {
		t.Errorf("again: %+v", again)
	}
}
