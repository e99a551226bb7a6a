package book

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"fairlead/aggregator/attribution"
	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
)

// The cost of booking, on a year of a large program: a million sales of 250,000 customers and 2,000 partners, every tenth of them
// refunded in part, under a rule for everybody and one for a partner. BenchmarkFromScratch books all of it and reckons it once more,
// beside the floor of these: reading the same decisions and writing as many rows without reckoning anything. BenchmarkAMinute books
// 5,000 sales more on top.
const (
	yearSales   = 1_000_000
	minuteSales = 5_000
)

func BenchmarkFromScratch(b *testing.B) {
	w := newYear(b)
	measure := func(name string, work func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				stop := watchHeap()
				began := time.Now()
				if err := work(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(yearSales)/time.Since(began).Seconds(), "sales/s")
				b.ReportMetric(float64(stop())/(1<<20), "MiB-heap")
			}
		})
	}
	measure("run", func() error {
		for _, table := range []string{"ledger", "reward_holds", "reward_state"} {
			w.Exec("TRUNCATE TABLE fairlead." + table)
		}
		_, err := w.book.Run(b.Context())
		return err
	})
	w.mustBeBooked(yearSales)
	measure("rebuild that finds nothing", func() error {
		w.again()
		return nil
	})
	measure("floor", w.copyDecisions)
	b.Logf("ClickHouse's most hungry questions:\n%s", w.hungry())
}

func BenchmarkAMinute(b *testing.B) {
	w := newYear(b)
	w.run()
	told := yearSales
	b.Run("5000 sales", func(b *testing.B) {
		stop := watchHeap()
		for b.Loop() {
			b.StopTimer()
			w.decide(told, minuteSales)
			told += minuteSales
			w.now = w.now.Add(time.Minute) // in which some holds end
			b.StartTimer()
			if report := w.run(); report.Whole || report.Rows < minuteSales {
				b.Fatalf("report %+v", report)
			}
		}
		b.ReportMetric(float64(stop())/(1<<20), "MiB-heap")
	})
	b.Run("nothing new", func(b *testing.B) {
		for b.Loop() {
			if report := w.run(); report.Decisions != 0 {
				b.Fatalf("report %+v", report)
			}
		}
	})
	w.mustBeBooked(told)
	b.Logf("ClickHouse's most hungry questions:\n%s", w.hungry())
}

// newYear returns a world with a year of decisions, as attribution leaves them.
func newYear(b *testing.B) *world {
	b.Helper()
	w := worldOn(b, storestest.ClickHouse(b).Fresh(b), storestest.Redis(b).Fresh(b))
	w.now = time.UnixMilli(day(366))
	w.rule(1, schema.Rule{Percent: 2000})
	w.rule(2, schema.Rule{Percent: 1250, Partner: 2})
	w.decide(0, yearSales)
	return w
}

// decide writes the decisions of n sales from the one of that number on, the first million over a year, and more on its last day; one in ten
// has a refund beside.
func (w *world) decide(from, n int) {
	w.t.Helper()
	began := time.Now()
	token := from/minuteSales + 1
	w.Exec(fmt.Sprintf(`INSERT INTO fairlead.attributions (node, seq, token, kind, conversion_id, customer_id, received_at, occurred_at, state, reason, partner_id, link_id,
			sale_id, amount, currency, rate)
		WITH
			number + %d AS n,
			cityHash64(n) AS drawn,
			drawn %% 250000 AS who,
			toDateTime64('2026-09-07 10:00:00', 3, 'UTC') + toIntervalMillisecond(least(n, %d) * %d) AS at,
			lower(hex(MD5(toString(n)))) AS sale
		SELECT
			'n', n * 2 + refunds, %d, if(refunds, 'refund', 'sale'), if(refunds, lower(hex(MD5(concat('r', toString(n))))), sale),
			concat('customer_', toString(who)), at, at, 'counted', 'bound', 1 + who %% 2000, 100 + who %% 5000,
			if(refunds, sale, ''), if(refunds, 500, 1000 + drawn %% 20000), 'USD', 1
		FROM numbers(%d) ARRAY JOIN if(n %% 10 = 0, [0, 1], [0]) AS refunds`, from, yearSales, int64(365*24*time.Hour/time.Millisecond)/yearSales, token, n))
	w.Exec(fmt.Sprintf("INSERT INTO fairlead.attribution_state (token, directory_version, rates_to) VALUES (%d, 1, now64(3))", token))
	if n > minuteSales {
		w.t.Logf("%d sales were decided in %s", n, time.Since(began).Round(time.Millisecond))
	}
}

// copyDecisions reads every decision as a run does, and writes as many rows as stand in the ledger, all alike, into a table of its shape.
func (w *world) copyDecisions() error {
	ctx := w.t.Context()
	rows := w.Count("SELECT count() FROM fairlead.ledger")
	for _, stmt := range []string{
		"DROP TABLE IF EXISTS fairlead.copied SYNC",
		"CREATE TABLE fairlead.copied AS fairlead.ledger SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
	} {
		if err := w.CH.Exec(ctx, stmt); err != nil {
			return err
		}
	}
	r := newRun(w.book, ctx)
	all, err := w.CH.Query(r.named("floor", map[string]string{"since": "0"}), fmt.Sprintf(decisionsSQL, called))
	if err != nil {
		return err
	}
	defer all.Close()
	for all.Next() {
		var c customer
		var d attribution.Decision
		var token uint64
		if err := scanDecision(all, &c, &d, &token); err != nil {
			return err
		}
	}
	if err := all.Err(); err != nil {
		return err
	}
	block := make([]schema.Transfer, blockRows)
	for n := uint64(0); n < rows; n += blockRows {
		for i := range block {
			t := schema.Transfer{
				BookedAt: day(1), At: day(1), Partner: schema.PartnerID(1 + i%2000), Debit: schema.AccountExpense, Credit: schema.AccountHolding,
				Amount: 1, Currency: "USD", Kind: schema.CauseEarned, Cause: fmt.Sprint(n, i), Conversion: fmt.Sprint(n, i), Token: 1,
			}
			t.Reward = schema.NewRewardID(t.Partner, t.Kind, t.Cause, t.Currency)
			t.Identify(0)
			block[i] = t
		}
		if err := w.ledger.AppendTo(ctx, "copied", slices.Clip(block)); err != nil {
			return err
		}
	}
	return nil
}

// mustBeBooked looks whether every sale has its reward, of what the rules give for what is left of it.
func (w *world) mustBeBooked(sales int) {
	w.t.Helper()
	if n := w.Count("SELECT count() FROM fairlead.rewards WHERE amount > 0"); n != uint64(sales) {
		w.t.Errorf("%d sales earned something, want %d", n, sales)
	}
	w.t.Logf("%d rows in the ledger", w.Count("SELECT count() FROM fairlead.ledger FINAL"))
}

// hungry lists the questions that took most of ClickHouse's memory and time.
func (w *world) hungry() (text string) {
	w.t.Helper()
	w.Exec("SYSTEM FLUSH LOGS")
	if err := w.CH.QueryRow(w.t.Context(), `SELECT arrayStringConcat(groupArray(line), '\n') FROM
		(
			SELECT concat(log_comment, ': ', toString(count()), ' times, ', toString(sum(query_duration_ms)), ' ms, ', toString(intDiv(sum(ProfileEvents['OSCPUVirtualTimeMicroseconds']), 1000)), ' ms of CPU, ', formatReadableSize(max(memory_usage)), ', ', toString(max(read_rows)), ' rows') AS line
			FROM system.query_log WHERE startsWith(log_comment, 'fairlead reward') AND type = 'QueryFinish'
			GROUP BY log_comment ORDER BY sum(query_duration_ms) DESC LIMIT 12
		)`).Scan(&text); err != nil {
		w.t.Logf("no log of questions: %v", err)
	}
	return text
}

// watchHeap follows the heap until stop answers the most that was in use, in bytes.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	var most uint64
	var wait sync.WaitGroup
	done := make(chan struct{})
	wait.Go(func() {
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() uint64 {
		close(done)
		wait.Wait()
		return most
	}
}
