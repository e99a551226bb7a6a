package history

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/redirector/spool"
	"fairlead/schema"
	"fairlead/schema/directory"
)

const story = `kind,date,partner,customer,customer_email,amount,currency,invoice,refund,note
lead,2025-11-02,ada@example.com,c1,Ann@shop.example,,,,,first
sale,2025-11-03 10:00,,c1,,49.00,EUR,in_1,,
sale,2025-11-04T10:00:00Z,ADA,c2,,"1,250.50",,in_2,,
refund,2025-11-05,,,,25,,in_2,re_1,
sale,2025-11-05,https://x.example/?via=bob,c3,,10,,,,
sale,2025-11-05,https://x.example/?via=bob,c3,,10,,,,
`

func TestAHistoryBecomesFacts(t *testing.T) {
	w := newWorld(t)
	r := w.conversions(story, 6, 0, 0)
	if r.Format != "fairlead" || fmt.Sprint(r.Ignored) != "[note]" || fmt.Sprint(r.Kinds) != "map[lead:1 refund:1 sale:4]" ||
		!r.From.Equal(time.Date(2025, 11, 2, 4, 0, 0, 0, time.UTC)) { // midnight in Toronto
		t.Errorf("got %+v", r)
	}
	w.once(6)
	rows, err := w.ch.Query(t.Context(), `SELECT concat(toString(kind), ' ', toString(source), ' ', formatDateTime(occurred_at, '%F %R', 'UTC'), ' ', customer_id, ' ', toString(length(aliases)), ' ',
		toString(credit_partner_id), ' ', toString(amount), ' ', currency, ' ', invoice, ' ', toString(payments), ' ', refund, ' ', event, ' ', toString(click_state))
		FROM fairlead.conversions WHERE received_at = '2026-03-01 12:00:00' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	want := []string{
		"lead import 2025-11-02 04:00 c1 1 1 0   []  Sign up none",
		"sale import 2025-11-03 15:00 c1 0 0 4900 EUR in_1 ['in_1']  Purchase none",
		"sale import 2025-11-04 10:00 c2 0 1 125050 USD in_2 ['in_2']  Purchase none",
		"refund import 2025-11-05 05:00  0 0 2500 USD in_2 ['in_2'] re_1  none",
		"sale import 2025-11-05 05:00 c3 0 2 1000 USD  []  Purchase none",
		"sale import 2025-11-05 05:00 c3 0 2 1000 USD  []  Purchase none",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := w.count("SELECT uniqExact(conversion_id) FROM fairlead.conversions"); n != 6 {
		t.Errorf("%d conversions, want 6: two equal sales are two", n)
	}
}

func TestAFileIsImportedOnceHoweverOftenAndInWhateverForm(t *testing.T) {
	w := newWorld(t)
	first := w.conversions(story, 6, 0, 0)
	w.now = today.Add(40 * 24 * time.Hour) // another month
	// What the directory says now changes nothing of what was imported.
	if _, err := w.dir.SetProgram(t.Context(), directory.CLI, func(p *schema.Program) error { p.Currency, p.Zone = "EUR", "Asia/Tokyo"; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.ReplaceClickKey(t.Context(), directory.CLI); err != nil {
		t.Fatal(err)
	}
	again := w.conversions(story, 0, 6, 0)
	if again.Node != first.Node {
		t.Errorf("node %s, want %s", again.Node, first.Node)
	}
	var z bytes.Buffer
	pack := gzip.NewWriter(&z)
	if _, err := pack.Write([]byte(story)); err != nil {
		t.Fatal(err)
	}
	if err := pack.Close(); err != nil {
		t.Fatal(err)
	}
	w.conversions(z.String(), 0, 6, 0)
	path := filepath.Join(t.TempDir(), "renamed.csv")
	if err := os.WriteFile(path, []byte(story), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := w.importer().Conversions(t.Context(), path, nil); err != nil || r.Added != 0 || r.Already != 6 {
		t.Errorf("%+v, %v", r, err)
	}
	w.once(6)
	// Another export of the same history, with one sale more, tells the same conversions.
	if _, err := w.dir.SetProgram(t.Context(), directory.CLI, func(p *schema.Program) error { p.Currency, p.Zone = "USD", "America/Toronto"; return nil }); err != nil {
		t.Fatal(err)
	}
	w.conversions(story+"sale,2025-11-05,https://x.example/?via=bob,c3,,10,USD,,,\n", 7, 0, 0)
	if n := w.count("SELECT uniqExact(conversion_id) FROM fairlead.conversions"); n != 7 {
		t.Errorf("%d conversions in two files that overlap, want 7", n)
	}
}

// TestAnImportThatIsKilledIsCompleted has an import end at every point at which that matters, with a directory that
// changes before it is run again.
func TestAnImportThatIsKilledIsCompleted(t *testing.T) {
	big := header + strings.Join(sales(1, 500), "")
	points := map[string]int{}
	killed := errors.New("killed")
	w := newWorld(t)
	w.conversions(big, 500, 0, 0, func(im *Importer) {
		im.BatchRows = 200
		im.faults = func(point string) error { points[point]++; return nil }
	})
	if len(points) < 5 {
		t.Fatalf("only these points are known: %v", points)
	}
	for point, times := range points {
		for n := 1; n <= times; n++ {
			w := newWorld(t)
			at := 0
			ctx, kill := context.WithCancel(t.Context())
			_, err := w.importer(func(im *Importer) {
				im.BatchRows = 200
				im.faults = func(p string) error {
					if p == point {
						at++
					}
					if at < n {
						return nil
					}
					kill()
					return killed
				}
			}).Conversions(ctx, "-", strings.NewReader(big))
			if kill(); at != n || err == nil && point != "advanced" || err != nil && !strings.Contains(err.Error(), "run the import again") {
				t.Fatalf("%s, time %d of %d: %v", point, at, n, err)
			}
			w.now = today.Add(40 * 24 * time.Hour)
			w.partner("Carl")
			if _, err := w.dir.SetProgram(t.Context(), directory.CLI, func(p *schema.Program) error { p.Currency = "EUR"; return nil }); err != nil {
				t.Fatal(err)
			}
			r, err := w.importer(func(im *Importer) { im.BatchRows = 200 }).Conversions(t.Context(), "-", strings.NewReader(big))
			if err != nil || r.Added+r.Already != 500 {
				t.Errorf("%s, time %d: then %+v, %v", point, n, r, err)
			}
			w.once(500)
			if n := w.count("SELECT countIf(currency = 'USD' AND received_at = '2026-03-01 12:00:00') FROM fairlead.conversions"); n != 500 {
				t.Errorf("%s: %d rows are as they were the first time", point, n)
			}
		}
	}
}

const header = "date,partner,customer,amount,invoice\n"

// sales are rows from one number to another.
func sales(from, to int) (out []string) {
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprintf("2025-%02d-%02d,%s,c%d,%d.%02d,in_%d\n", i%12+1, i%28+1, []string{"ada", "bob@example.com"}[i%2], i%70, i, i%100, i))
	}
	return out
}

func TestImportersOfOneFileAtOnce(t *testing.T) {
	w := newWorld(t)
	text := header + strings.Join(sales(1, 3000), "")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			r, err := w.importer(func(im *Importer) {
				im.BatchRows = 500
				im.Now = func() time.Time { return today.Add(time.Duration(i) * time.Second) }
			}).Conversions(t.Context(), "-", strings.NewReader(text))
			if err != nil || r.Taken != 3000 || r.Rejected != 0 {
				t.Errorf("importer %d: %+v, %v", i, r, err)
			}
		})
	}
	all.Wait()
	w.once(3000)
	if n := w.count("SELECT uniqExact(received_at) FROM fairlead.conversions"); n != 1 {
		t.Errorf("received at %d moments, want 1", n)
	}
}

func TestARowThatNamesTwoPartnersIsRefused(t *testing.T) {
	w := newWorld(t)
	r := w.conversions("date,partner_email,slug,customer\n2025-01-01,ada@example.com,ada,c1\n2025-01-01,ada@example.com,bob,c2\n2025-01-01,carl@example.com,bob,c3\n", 2, 0, 1)
	if got := w.rejects(r.Read); got != "3 partner: the row names two, ada@example.com and bob" {
		t.Errorf("rejects: %s", got)
	}
}

func TestNothingIsSentThatIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	if err := w.dir.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer away.Close()
	_, err := w.importer(func(im *Importer) {
		im.Directory = directory.New(w.ch, away, directory.Options{Keys: schema.DefaultKeys, Logger: slog.New(slog.DiscardHandler)})
	}).Conversions(t.Context(), "-", strings.NewReader(story))
	if directory.CodeOf(err) != directory.Unavailable {
		t.Errorf("without Redis: got %v", err)
	}
	if n := w.count("SELECT count() FROM fairlead.conversions"); n != 0 {
		t.Errorf("%d rows", n)
	}
	w.conversions(story, 6, 0, 0)
	w.once(6)
}

func TestAFileThatThisProgramReadsOtherwiseIsRefused(t *testing.T) {
	w := newWorld(t)
	w.conversions(story, 6, 0, 0)
	file, err := spool.Open(t.Context(), "-", strings.NewReader(story+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	version, err := w.dir.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.NoteImport(t.Context(), directory.CLI, schema.Import{
		Node: string(file.Node()), What: schema.ImportConversions, Takes: []schema.ImportTake{{At: today, Version: version, Rows: 5}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.importer().Conversions(t.Context(), "-", strings.NewReader(story+"\n")); err == nil || !strings.Contains(err.Error(), "5 rows were taken on 2026-03-01 12:00:00, and this program would take 6") {
		t.Errorf("got %v", err)
	}
	w.once(6)
}

func TestRowsOfPartnersWhoCameLaterAreTakenThen(t *testing.T) {
	w := newWorld(t)
	text := header +
		"2025-01-01,ada,c1,1,in_1\n" +
		"2025-01-02,carl@example.com,c2,2,in_2\n" +
		"2025-01-03,dora,c3,3,in_3\n" +
		"2026-03-02,bob,c4,4,in_4\n" +
		"2025-01-05,bob,c5,5,in_5\n"
	r := w.conversions(text, 2, 0, 3)
	if got := w.rejects(r.Read); got != "3 partner: nobody has the e-mail address or slug carl@example.com: add the partner, then import this file again\n"+
		"4 partner: nobody has the e-mail address or slug dora: add the partner, then import this file again\n"+
		"5 date: is in the future" {
		t.Errorf("rejects:\n%s", got)
	}
	w.conversions(text, 0, 2, 3)
	carl := w.partner("Carl")
	w.now = today.Add(time.Hour)
	w.conversions(text, 1, 2, 2)
	w.conversions(text, 0, 3, 2)
	w.once(3)
	dora := w.partner("Dora")
	w.now = today.Add(40 * 24 * time.Hour)
	w.conversions(text, 2, 3, 0)
	w.conversions(text, 0, 5, 0)
	w.once(5)
	want := fmt.Sprintf("1 in_1 %d, 2 in_5 %d, 3 in_2 %d, 4 in_3 %d, 5 in_4 %d", w.ada.ID, w.bob.ID, carl.ID, dora.ID, w.bob.ID)
	var got string
	if err := w.ch.QueryRow(t.Context(), `SELECT arrayStringConcat(groupArray(concat(toString(seq), ' ', invoice, ' ', toString(credit_partner_id))), ', ')
		FROM (SELECT * FROM fairlead.conversions ORDER BY seq)`).Scan(&got); err != nil || got != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestRejectsCanBeMendedAndImported(t *testing.T) {
	w := newWorld(t)
	text := header + "2025-01-01,ada,c1,1,in_1\n2025-01-02,ada,c2,-2,in_2\nyesterday,ada,c3,3,in_3\n2025-01-04,ada,c4\n2025-01-05,\"a\"da,c5,5,in_5\n,,,,\n"
	r := w.conversions(text, 1, 0, 4)
	if got := w.rejects(r.Read); got != `3 amount: is negative: what was given back is a row of kind refund, with the invoice of its sale
4 date: "yesterday" is none that can be read in one way only: write 2026-11-25, 2026-11-25 14:30 or 2026-11-25T14:30:00Z
5 has 3 fields, the first line names 5
6 is no CSV: extraneous or missing " in quoted-field` {
		t.Errorf("rejects:\n%s", got)
	}
	mended, err := os.ReadFile(r.Rejects)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(r.Rejects); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the rejects hold customers: %v, %v", st.Mode(), err)
	}
	fixed := strings.NewReplacer("yesterday,", "2025-01-03,", ",-2,", ",2,").Replace(string(mended))
	again := w.conversions(fixed, 2, 0, 2)
	if len(again.Ignored) != 0 {
		t.Errorf("ignored %v", again.Ignored)
	}
	if n := w.count("SELECT uniqExact(conversion_id) FROM fairlead.conversions"); n != 3 {
		t.Errorf("%d conversions, want 3", n)
	}
}

func TestWhatIsNoHistoryIsRefusedWhole(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]string{
		"":                            "the file is empty",
		"date,amount\n2025-01-01,5\n": "names no column partner or customer or customer_email or click or coupon, which conversions need",
		"partner,amount\nada,5\n":     "names no column date",
		"\xff\xfed\x00":               "UTF-16",
		header + "2025-01-01,ada,\"c1" + strings.Repeat("x,\n", maxRecord): "a quote is not closed there",
	} {
		_, err := w.importer().Conversions(t.Context(), "-", strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want …%s…", text, err, want)
		}
	}
	if n := w.count("SELECT count() FROM fairlead.conversions"); n != 0 {
		t.Errorf("%d rows", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.importer().Conversions(ctx, "-", strings.NewReader(story)); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %v", err)
	}
}

func TestAFileThatChangesWhileItIsImported(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "a.csv")
	text := header + strings.Join(sales(1, 100), "")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := w.importer(func(im *Importer) {
		im.faults = func(string) error { return nil }
		im.Progress = func(step string, done, total int64) {
			if step == StepRows && done == total {
				if err := os.Truncate(path, 500); err != nil {
					t.Error(err)
				}
			}
		}
	}).Conversions(t.Context(), path, nil)
	if !errors.Is(err, spool.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

func TestClickIDsAreLookedAt(t *testing.T) {
	w := newWorld(t)
	keys, err := w.dir.ClickKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := schema.NewClickIDs("n")
	genuine := ids.New(keys[0], today.Add(-time.Hour).UnixMilli(), w.ada.Link)
	forged := ids.New(schema.NewClickKey(), today.Add(-time.Hour).UnixMilli(), w.ada.Link)
	text := fmt.Sprintf("date,click,customer\n2026-03-01,%s,c1\n2026-03-01,%s,c2\n2026-03-01,who,c3\n2026-03-01,,c4\n", genuine, forged)
	w.conversions(text, 4, 0, 0)
	var got string
	if err := w.ch.QueryRow(t.Context(), `SELECT arrayStringConcat(groupArray(concat(toString(click_state), ' ', toString(link_id), ' ', toString(toUnixTimestamp64Milli(clicked_at)))), ', ')
		FROM (SELECT * FROM fairlead.conversions ORDER BY seq)`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("genuine %d %d, forged 0 0, malformed 0 0, none 0 0", w.ada.Link, genuine.At); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
