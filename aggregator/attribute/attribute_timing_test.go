package attribute

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
)

// The cost of attribution, on a year of a large program: a million reports (leads, sales in two currencies, refunds and
// repeats) of 400,000 customers, 2,000 partners, 5,000 links. BenchmarkFromScratch decides all of it, by a rebuild and by
// the job that finds it new, and compares it as verify does, beside the floor of these: reading the same reports and writing as many decisions without
// deciding anything. BenchmarkAMinute decides 5,000 more on top. No click is read, so that the number of clicks does not
// matter: the table of clicks is not even there.
const (
	yearReports   = 1_000_000
	minuteReports = 5_000
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
				b.ReportMetric(float64(yearReports)/time.Since(began).Seconds(), "reports/s")
				b.ReportMetric(float64(stop())/(1<<20), "MiB-heap")
			}
		})
	}
	measure("floor", w.copyReports)
	measure("rebuild", func() error {
		_, err := w.a.Rebuild(b.Context(), nil)
		return err
	})
	measure("run", func() error {
		for _, table := range []string{"attributions", "attribution_log", "attribution_nodes", "attribution_state", "sale_days", "sale_months"} {
			w.Exec("TRUNCATE TABLE fairlead." + table)
		}
		_, err := w.another().Run(b.Context())
		return err
	})
	w.mustBeDecided(yearReports)
	measure("recount", func() error {
		w.mustAgree(yearReports)
		return nil
	})
	b.Logf("ClickHouse's most hungry questions:\n%s", w.hungry())
}

func BenchmarkAMinute(b *testing.B) {
	w := newYear(b)
	if _, err := w.a.Rebuild(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	w.runOf(w.a)
	told := uint64(yearReports)
	b.Run("5000 reports", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			w.report(fmt.Sprint("m", told), told, minuteReports)
			told += minuteReports
			b.StartTimer()
			if report := w.runOf(w.a); report.Reports < minuteReports {
				b.Fatalf("report %+v", report)
			}
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		for b.Loop() {
			w.runOf(w.a)
		}
	})
	w.mustBeDecided(told)
}

// newYear returns a world with a year of reports, and without clicks.
func newYear(b *testing.B) *world {
	b.Helper()
	w := newWorld(b)
	w.Exec("DROP TABLE fairlead.clicks SYNC")
	w.Exec(`INSERT INTO fairlead.directory_log (kind, id, version, changed_at, actor, data)
		SELECT 'partner', number, 1000 + number, '2020-01-01 00:00:00', 'cli', concat('{"id":', toString(number), ',"status":"active","email":"p', toString(number), '@x.example"}')
		FROM numbers(5, 1996)`)
	w.Exec(`INSERT INTO fairlead.directory_log (kind, id, version, changed_at, actor, data)
		SELECT 'link', number, 10000 + number, '2020-01-01 00:00:00', 'cli', concat('{"id":', toString(number), ',"partner_id":', toString(1 + number % 2000), ',"slug":"s', toString(number), '"}')
		FROM numbers(100, 5000)`)
	w.Exec(`INSERT INTO fairlead.rates (day, currency, base, rate, noted_at, actor)
		SELECT toDate('2025-09-01') + number, 'EUR', 'USD', toDecimal64(1.05 + number / 10000, 12), now64(3) - INTERVAL 1 HOUR, 'cli' FROM numbers(800)`)
	w.report("n", 0, yearReports)
	return w
}

// report ships n reports from the one of that number on. Each ten are four sign-ups from a link, five sales by customers of
// the past weeks, and a refund or a repeat of one of them.
func (w *world) report(node string, from uint64, n int) {
	w.t.Helper()
	began := time.Now()
	w.Exec(fmt.Sprintf(`INSERT INTO fairlead.conversions (node, seq, record_hash, received_at, occurred_at, kind, source, conversion_id, content, event,
			customer_id, aliases, click_id, click_state, link_id, partner_id, clicked_at, amount, currency, invoice, payments, refund)
		WITH
			number + %d AS n,
			n %% 10 AS turn,
			intDiv(n, 10) AS ten,
			turn < 4 AS signs_up,
			turn = 9 AND ten %% 2 = 0 AS refunds,
			cityHash64(n) AS drawn,
			greatest(0, toInt64(ten) - toInt64(drawn %% 2000)) AS back,
			multiIf(signs_up, n, turn = 9, back * 10 + 4 + drawn %% 5, n) AS told,
			multiIf(signs_up, ten * 4 + turn, turn = 9, 0, back * 4 + drawn %% 4) AS who,
			toDateTime64('2025-09-07 10:00:00', 3, 'UTC') + toIntervalMillisecond(n * 31536) AS at,
			concat('in_', toString(told)) AS sale
		SELECT
			'%s', number + 1, drawn, at, at - toIntervalSecond(drawn %% 100),
			multiIf(signs_up, 'lead', refunds, 'refund', 'sale'), 'api',
			lower(hex(MD5(concat(if(refunds, 'r', ''), toString(told))))), toUInt64(told * 2 + refunds), if(signs_up, 'Sign up', 'Purchase'),
			if(turn = 9, '', concat('customer_', toString(who))),
			if(signs_up AND drawn %% 3 = 0, [concat('email:', lower(hex(MD5(toString(who)))))], []),
			if(signs_up, concat('click_', toString(n)), ''), if(signs_up, 'genuine', 'none'), if(signs_up, 100 + drawn %% 5000, 0), 0,
			if(signs_up, at - toIntervalHour(drawn %% 2000), toDateTime64(0, 3, 'UTC')),
			if(signs_up, 0, 1000 + drawn %% 20000), if(signs_up, '', if(told %% 5 = 0, 'EUR', 'USD')),
			if(signs_up, '', sale), if(signs_up, [], [sale]), if(refunds, concat('re_', toString(n)), '')
		FROM numbers(%d)`, from, node, n))
	w.Exec(fmt.Sprintf(`INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state, fact)
		SELECT '%s', toYYYYMM(received_at) AS month, intDiv(seq - 1, %d) * %d + 1 AS first, first + %d - 1, count(), groupBitXor(record_hash),
			groupUniqArray(toStartOfFifteenMinutes(received_at)), max(received_at), 'live', 'conversions'
		FROM fairlead.conversions WHERE node = '%s' GROUP BY month, first`, node, minuteReports, minuteReports, minuteReports, node))
	if n > minuteReports {
		w.t.Logf("%d reports were shipped in %s", n, time.Since(began).Round(time.Millisecond))
	}
}

// copyReports reads every report and writes as many decisions, all alike, into a table of their shape.
func (w *world) copyReports() error {
	ctx := w.t.Context()
	for _, stmt := range []string{
		"DROP TABLE IF EXISTS fairlead.copied SYNC",
		"CREATE TABLE fairlead.copied AS fairlead.attributions SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
	} {
		if err := w.CH.Exec(ctx, stmt); err != nil {
			return err
		}
	}
	rows, err := w.CH.Query(ctx, "SELECT "+reportColumns+" FROM fairlead.conversions")
	if err != nil {
		return err
	}
	defer rows.Close()
	var batch driver.Batch
	for rows.Next() {
		if batch == nil {
			if batch, err = w.CH.PrepareBatch(ctx, "INSERT INTO fairlead.copied (node, seq, token, kind, conversion_id, customer_id, received_at, occurred_at, state, reason)"); err != nil {
				return err
			}
		}
		var r attribution.Report
		if err := scanReport(rows, &r); err != nil {
			return err
		}
		err := batch.Append(r.Node, r.Seq, uint64(1), string(r.Kind), r.ID, r.Customer, instant(r.ReceivedAt), instant(r.OccurredAt), string(schema.StateCounted), string(schema.ReasonBound))
		if err != nil {
			return err
		}
		if batch.Rows() >= blockRows {
			if err := batch.Send(); err != nil {
				return err
			}
			batch = nil
		}
	}
	if err := rows.Err(); err != nil || batch == nil {
		return err
	}
	return batch.Send()
}

// mustBeDecided looks whether every report has its decision, and tells what came of them.
func (w *world) mustBeDecided(reports uint64) {
	w.t.Helper()
	if n := w.Count("SELECT count() FROM fairlead.attributions FINAL"); n != reports {
		w.t.Errorf("%d reports are decided, want %d", n, reports)
	}
	var text string
	if err := w.CH.QueryRow(w.t.Context(), `SELECT arrayStringConcat(arraySort(groupArray(concat(toString(state), ' ', reason, ': ', toString(n)))), ', ')
		FROM (SELECT state, reason, count() AS n FROM fairlead.attributions FINAL GROUP BY state, reason)`).Scan(&text); err != nil {
		w.t.Fatal(err)
	}
	w.t.Log(text)
}

// hungry lists the questions that took most of ClickHouse's memory and time.
func (w *world) hungry() (text string) {
	w.t.Helper()
	w.Exec("SYSTEM FLUSH LOGS")
	if err := w.CH.QueryRow(w.t.Context(), `SELECT arrayStringConcat(groupArray(line), '\n') FROM
		(
			SELECT concat(log_comment, ': ', toString(count()), ' times, ', toString(sum(query_duration_ms)), ' ms, ', formatReadableSize(max(memory_usage))) AS line
			FROM system.query_log WHERE startsWith(log_comment, 'fairlead attribute') AND type = 'QueryFinish'
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
