package ship

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/cmd/chaostest"
	"fairlead/redirector/enrich"
	"fairlead/redirector/journal"
	"fairlead/schema"
)

func TestEveryClickLandsWithAllItsColumns(t *testing.T) {
	r := newRig(t)
	src := newMemory("a1")
	var want []schema.Click
	for i := range 300 {
		c := testClick(i, noon.Add(time.Duration(i)*time.Hour*6)) // three months
		for k := range c.SubID {
			c.SubID[k] = fmt.Appendf(nil, "sub%d-%d", k, i)
		}
		for k := range c.UTM {
			c.UTM[k] = fmt.Appendf(nil, "utm%d-%d", k, i%7)
		}
		if i == 7 {
			c.Slug, c.SubID[0] = []byte("\xff\x00nul"), []byte{}
		}
		want = append(want, c)
		src.add(schema.AppendClick(nil, &c))
	}
	r.drain(r.sink(r.conn, src))
	r.exactlyOnce(src)

	rows, err := r.conn.Query(t.Context(), `SELECT node, seq, toUnixTimestamp64Milli(clicked_at), partner_id, link_id, slug, destination, click_nonce, click_tag, click_id,
		toInt8(verdict), verdict_reason, visitor, referrer_host, referrer_path, country, device, os, browser, language,
		[sub_id, sub_id1, sub_id2, sub_id3, sub_id4, sub_id5], [utm_source, utm_medium, utm_campaign, utm_term, utm_content], data_version
		FROM fairlead.clicks ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	e := enrich.New(r.data)
	for i := 0; rows.Next(); i++ {
		var (
			node, slug, dest, id, reason, refHost, refPath, country, device, os, browser, language, version string
			seq, nonce, tag, visitor                                                                        uint64
			at                                                                                              int64
			partner, link                                                                                   uint32
			verdict                                                                                         int8
			subs, utms                                                                                      []string
		)
		if err := rows.Scan(&node, &seq, &at, &partner, &link, &slug, &dest, &nonce, &tag, &id, &verdict, &reason, &visitor, &refHost, &refPath, &country, &device, &os, &browser, &language, &subs, &utms, &version); err != nil {
			t.Fatal(err)
		}
		c := want[i]
		var f enrich.Facts
		e.Enrich(&c, &f)
		got := fmt.Sprintln(node, seq, at, partner, link, slug, dest, nonce, tag, id, verdict, reason, visitor, refHost, refPath, country, device, os, browser, language, subs, utms, version)
		exp := fmt.Sprintln("a1", i+1, c.At, uint32(c.Partner), uint32(c.Link), string(c.Slug), string(c.Destination), c.Nonce, c.Tag, c.ID(), int8(f.Verdict), f.Reason, c.Visitor,
			f.ReferrerHost, string(f.ReferrerPath), f.Country, f.Device, f.OS, f.Browser, f.Language, texts(c.SubID[:]), texts(c.UTM[:]), r.data.Version())
		if got != exp {
			t.Fatalf("row %d\n got %q\nwant %q", i, got, exp)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func texts(v [][]byte) (out []string) {
	for _, b := range v {
		out = append(out, string(b))
	}
	return out
}

func TestManyDifferentWordsInOneColumn(t *testing.T) {
	r := newRig(t)
	src := newMemory("a1")
	for i := range 70_000 {
		c := testClick(i, noon)
		c.Referrer = fmt.Appendf(nil, "https://host%d.example/", i)
		c.UTM[schema.UTMSource] = fmt.Appendf(nil, "s%d", i%300)
		src.add(schema.AppendClick(nil, &c))
	}
	r.drain(r.sink(r.conn, src, func(o *ClickHouseOptions) { o.MaxRows = 100_000 }))
	if n := r.count("SELECT uniqExact(referrer_host) FROM fairlead.clicks WHERE referrer_host = concat('host', toString(seq - 1), '.example')"); n != 70_000 {
		t.Errorf("%d referring hosts are right, want 70000", n)
	}
	if n := r.count("SELECT countIf(utm_source = concat('s', toString((seq - 1) % 300))) FROM fairlead.clicks"); n != 70_000 {
		t.Errorf("%d sources are right, want 70000", n)
	}
}

func TestABatchIsOneInsertOfOnePart(t *testing.T) {
	r := newRig(t)
	r.exec("SYSTEM STOP MERGES fairlead.clicks")
	src := newMemory("a1")
	src.add(records(1, 120_000, noon)...)
	r.drain(r.sink(r.conn, src, func(o *ClickHouseOptions) { o.MaxRows = 120_000 }))
	if n := r.count("SELECT count() FROM system.parts WHERE database = 'fairlead' AND table = 'clicks' AND active"); n != 1 {
		t.Errorf("got %d parts, want 1", n)
	}
}

func TestGapsAndUnreadableRecordsAreExplained(t *testing.T) { ofEachKind(t, gapsAndUnreadableRecords) }

func gapsAndUnreadableRecords(t *testing.T, r *rig) {
	src := newMemory("a1")
	src.add(r.kind.records(1, 3, noon)...)
	src.addGap(4, journal.ReasonDiskFull)
	src.add([]byte{1, 1, 0xff})
	src.add(r.kind.records(4, 2, noon)...)
	s := r.sink(r.conn, src)
	r.drain(s)
	r.exactlyOnce(src)
	src.addGap(5, journal.ReasonPowerLoss) // alone in its batch
	r.drain(s)
	r.shipmentsAddUp()
	var got []string
	rows, err := r.conn.Query(t.Context(), "SELECT DISTINCT concat(node, ' ', toString(from_seq), '-', toString(to_seq), ' ', reason) AS g FROM fairlead.gaps ORDER BY from_seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var g string
		if err := rows.Scan(&g); err != nil {
			t.Fatal(err)
		}
		got = append(got, g)
	}
	if want := []string{"a1 4-7 disk_full", "a1 8-8 undecodable", "a1 11-15 power_loss"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestACrashAtEachPoint kills the sink at every point of a batch's way, and goes on with another that
// may cut otherwise.
func TestACrashAtEachPoint(t *testing.T) { ofEachKind(t, crashAtEachPoint) }

func crashAtEachPoint(t *testing.T, r *rig) {
	i := 0
	for _, point := range []string{"killed", "asking", "insert", "inserted 0", "inserted 1", "gaps", "shipped", "advanced"} {
		for n := range chaostest.Times(1, 4) {
			for _, forgets := range []bool{false, true} {
				i++
				src := newMemory(fmt.Sprintf("n%d", i))
				for k := range 1000 {
					src.add(r.kind.records(k, 1, noon.Add(time.Duration(k%2)*31*24*time.Hour))...) // two months a batch
				}
				src.addGap(2, journal.ReasonDiskFull)
				dir := t.TempDir()
				first := r.sink(r.conn, src, func(o *ClickHouseOptions) { o.Faults, o.Dir, o.MaxRows = crashAt(point, n+1), dir, 150 })
				err := r.drainErr(first)
				if err != nil && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				crashed := err != nil
				if n == 0 && !crashed && point != "asking" {
					t.Errorf("%s: not reached", point)
				}
				if forgets {
					dir = t.TempDir()
					src.cursors[r.kind.sink] = 0
				}
				r.drain(r.sink(r.conn, src, func(o *ClickHouseOptions) { o.Dir, o.MaxRows = dir, 333 }))
				r.onlyNode(src)
			}
		}
	}
}

// onlyNode is exactlyOnce for one of many nodes in the tables.
func (r *rig) onlyNode(src *memory) {
	r.t.Helper()
	records := uint64(0)
	var sum uint64
	for _, e := range src.entries {
		if e.reason == "" {
			tag, ok := r.tagOf(e.rec)
			if !ok {
				r.t.Fatal("a record cannot be read")
			}
			records++
			sum ^= tag
		}
	}
	node := string(src.node)
	n := r.count("SELECT count() FROM fairlead."+r.kind.name+" WHERE node = ?", node)
	d := r.count("SELECT uniqExact(seq) FROM fairlead."+r.kind.name+" WHERE node = ?", node)
	x := r.count("SELECT groupBitXor("+r.kind.tag+") FROM fairlead."+r.kind.name+" WHERE node = ?", node)
	if n != records || d != records || x != sum {
		r.t.Errorf("node %s: %d rows, %d different, want %d (checksum %x, want %x)\n%s", node, n, d, records, x, sum, r.log)
	}
}

func TestALostAnswerDoublesNothing(t *testing.T) { ofEachKindAtOnce(t, lostAnswer) }

func lostAnswer(t *testing.T, r *rig) {
	src := newMemory("a1")
	conn := r.through()
	s := r.sink(conn, src, func(o *ClickHouseOptions) {
		o.Faults = func(point string) error {
			if point == "insert" {
				r.proxy.next(loseAck, 8000) // beyond the query itself, within the block
			}
			return nil
		}
	})
	rounds := chaostest.Times(10, 1000)
	for i := range rounds {
		src.add(r.kind.records(i*200, 200, noon)...)
		r.drain(s)
	}
	if n := r.proxy.times(); n < rounds {
		t.Errorf("only %d answers were lost in %d rounds", n, rounds)
	}
	r.exactlyOnce(src)
	chaostest.Report(t, "%d answers of ClickHouse to an insert lost after the commit; %d %s sent, each stands there once", r.proxy.times(), src.Appended(), r.kind.name)
}

func TestAConnectionCutAnywhereLosesNothing(t *testing.T) { ofEachKindAtOnce(t, cutConnection) }

func cutConnection(t *testing.T, r *rig) {
	src := newMemory("a1")
	s := r.sink(r.through(), src)
	for i := range chaostest.Times(20, 400) {
		src.add(r.kind.records(i*200, 200, noon)...)
		r.proxy.next(cutOff, 100+i*997%20_000)
		r.drain(s)
	}
	if n := r.proxy.times(); n < 5 {
		t.Errorf("only %d connections were cut", n)
	}
	r.exactlyOnce(src)
	chaostest.Report(t, "%d connections to ClickHouse cut in the middle of an exchange; %d %s sent, each stands there once", r.proxy.times(), src.Appended(), r.kind.name)
}

// TestAnInsertThatArrivesAfterTheQuestion holds an insert back in the network until the sink has given it up, asked, and
// sent again.
func TestAnInsertThatArrivesAfterTheQuestion(t *testing.T) {
	for _, c := range []struct {
		what    string
		after   int
		restart bool
	}{
		{"the whole insert", 1, false},
		{"the end of the block", 8000, false},
		{"the whole insert, and the process was killed meanwhile", 1, true},
		{"the end of the block, and the process was killed meanwhile", 8000, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			ofEachKind(t, func(t *testing.T, r *rig) {
				src := newMemory("a1")
				src.add(r.kind.records(1, 400, noon)...)
				held := false
				dir := t.TempDir()
				s := r.sink(r.through(), src, func(o *ClickHouseOptions) {
					o.InsertTimeout, o.Dir = time.Second, dir
					o.Faults = func(point string) error {
						if point == "insert" && !held {
							held = true
							r.proxy.next(holdBack, c.after)
						}
						return nil
					}
				})
				if c.restart {
					ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
					defer cancel()
					s.opt.StopGrace = time.Millisecond
					if err := s.Run(ctx); err != nil {
						t.Fatal(err)
					}
					src.add(r.kind.records(401, 50, noon)...) // would be cut into the same batch
					s = r.sink(r.through(), src, func(o *ClickHouseOptions) { o.Dir = dir })
				}
				r.drain(s)
				r.exactlyOnce(src)
				r.proxy.release()
				// The late insert is over when the server has closed its side or answered; another query's end
				// proves that the server got round to it.
				waitFor(t, func() bool {
					return r.count("SELECT count() FROM system.processes WHERE startsWith(query_id, 'a1:')") == 0
				})
				src.add(r.kind.records(1000, 1, noon)...)
				r.drain(s)
				r.exactlyOnce(src)
			})
		})
	}
}

// waitFor polls for something that another process does.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 20 s")
		}
	}
}

// TestASlowInsertIsKilledBeforeTheQuestion lets the server take longer than the sink waits.
func TestASlowInsertIsKilledBeforeTheQuestion(t *testing.T) { ofEachKind(t, slowInsert) }

func slowInsert(t *testing.T, r *rig) {
	r.exec("CREATE MATERIALIZED VIEW fairlead.slow ENGINE = MergeTree ORDER BY tuple() AS SELECT sleepEachRow(0.01) AS s FROM fairlead." + r.kind.name)
	src := newMemory("a1")
	src.add(r.kind.records(1, 250, noon)...)
	r.drain(r.sink(r.conn, src, func(o *ClickHouseOptions) { o.InsertTimeout = time.Second }))
	if !strings.Contains(r.log.String(), "failed and will be tried again") {
		t.Error("the insert was not slow")
	}
	r.exec("DROP VIEW fairlead.slow SYNC")
	r.exactlyOnce(src)
	if n := r.count("SELECT count() FROM system.processes WHERE startsWith(query_id, 'a1:')"); n != 0 {
		t.Errorf("%d inserts still run", n)
	}
}

func TestTheWindowOfTokensMayBeOverrun(t *testing.T) { ofEachKind(t, windowOverrun) }

func windowOverrun(t *testing.T, r *rig) {
	r.exec("ALTER TABLE fairlead." + r.kind.name + " MODIFY SETTING non_replicated_deduplication_window = 3")
	src := newMemory("a1")
	src.add(r.kind.records(1, 1000, noon)...)
	for i, size := range []int{50, 170, 1000, 50} {
		src.cursors[r.kind.sink] = 0 // everything is sent again, each time cut otherwise
		if i == 2 {
			r.exec("TRUNCATE TABLE fairlead.shipments") // and written down nowhere
		}
		r.drain(r.sink(r.conn, src, func(o *ClickHouseOptions) { o.MaxRows = size }))
		r.exactlyOnce(src)
	}
}

func TestRowsThatSomebodyDeletedAreSentAgain(t *testing.T) { ofEachKind(t, deletedRows) }

func deletedRows(t *testing.T, r *rig) {
	src := newMemory("a1")
	src.add(r.kind.records(1, 400, noon)...)
	r.drain(r.sink(r.conn, src))
	r.exec("DELETE FROM fairlead." + r.kind.name + " WHERE seq % 3 = 0")
	r.exec("TRUNCATE TABLE fairlead.shipments")
	src.cursors[r.kind.sink] = 0
	r.drain(r.sink(r.conn, src))
	r.exactlyOnce(src)

	r.exec("TRUNCATE TABLE fairlead." + r.kind.name) // the tokens are remembered all the same
	r.exec("TRUNCATE TABLE fairlead.shipments")
	src.cursors[r.kind.sink] = 0
	r.drain(r.sink(r.conn, src))
	r.exactlyOnce(src)
}

func TestWhatRetentionDroppedIsNotSentAgain(t *testing.T) { ofEachKind(t, droppedMonth) }

func droppedMonth(t *testing.T, r *rig) {
	src := newMemory("a1")
	src.add(r.kind.records(1, 400, noon)...)
	r.drain(r.sink(r.conn, src))
	r.exec("ALTER TABLE fairlead." + r.kind.name + " DROP PARTITION 202611")
	src.cursors[r.kind.sink] = 0
	r.drain(r.sink(r.conn, src))
	if n := r.count("SELECT count() FROM fairlead." + r.kind.name); n != 0 {
		t.Errorf("%d clicks of a month that was dropped came back", n)
	}
}

func TestClickHouseIsBounced(t *testing.T) {
	r := newRig(t)
	src := newMemory("a1")
	s := r.sink(r.through(), src)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- s.Run(ctx) }()
	bounces := chaostest.Times(3, 30)
	for i := range bounces {
		for k := range 40 {
			src.add(records(i*4000+k*100, 100, noon)...)
			waitFor(t, func() bool { return k%10 < 9 || s.Lag().Records < 2000 })
		}
		if i%2 == 0 {
			r.store.Kill()
		} else {
			r.store.Stop(t.Context())
		}
		src.add(records(i*4000+500_000, 100, noon)...)
		if err := r.store.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return s.Lag().Records == 0 })
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	r.drain(s)
	r.exactlyOnce(src)
	chaostest.Report(t, "ClickHouse stopped and killed %d times under load; %d clicks sent, each stands there once", bounces, src.Appended())
}

// TestACopyThatWentItsOwnWay begins with a journal whose first 100 clicks were shipped, restored from an image without
// anybody noticing: the store has others from there on.
func TestACopyThatWentItsOwnWay(t *testing.T) {
	for what, c := range map[string]struct{ theirs, ours, cursor int }{
		"theirs is longer":                       {300, 200, 100},
		"ours is longer":                         {200, 300, 100},
		"the cursor is older than the image":     {200, 300, 50},
		"nothing of ours yet":                    {200, 100, 100},
		"nothing of ours yet, and an old cursor": {200, 100, 0},
	} {
		t.Run(what, func(t *testing.T) {
			ofEachKind(t, func(t *testing.T, r *rig) {
				theirs, ours := newMemory("a1"), newMemory("a1")
				common := r.kind.records(1, 100, noon)
				theirs.add(common...)
				ours.add(common...)
				theirs.add(r.kind.records(1000, c.theirs-100, noon.Add(time.Hour))...)
				if c.ours > 100 {
					ours.add(r.kind.records(2000, c.ours-100, noon.Add(3*time.Hour))...)
				}
				r.drain(r.sink(r.conn, theirs, func(o *ClickHouseOptions) { o.MaxRows = 100 }))
				ours.cursors[r.kind.sink] = uint64(c.cursor)
				s := r.sink(r.conn, ours)
				r.drain(s)
				ours.add(r.kind.records(3000, 150, noon.Add(4*time.Hour))...)
				r.drain(s)
				if len(ours.renewed) != 1 || ours.renewed[0] != 101 {
					t.Errorf("renewed from %v, want once, from 101", ours.renewed)
				}
				if !strings.Contains(r.log.String(), "moves to a new node") {
					t.Errorf("nobody was told:\n%s", r.log)
				}
				all := newMemory("")
				all.entries = append(all.entries, theirs.entries...)
				for _, e := range ours.entries {
					if e.node == "a1r" {
						all.entries = append(all.entries, e)
					}
				}
				r.exactlyOnce(all)
			})
		})
	}
}

func TestHeartbeats(t *testing.T) { ofEachKind(t, heartbeats) }

func heartbeats(t *testing.T, r *rig) {
	src := newMemory("a1")
	now := noon
	s := r.sink(r.conn, src, func(o *ClickHouseOptions) {
		o.Heartbeat, o.Now = time.Millisecond, func() time.Time { return now }
	})
	latest := func() (state string, complete time.Time, next uint64) {
		if err := r.conn.QueryRow(t.Context(), "SELECT toString(state), complete_to, first_seq FROM fairlead.shipments FINAL WHERE month = 0 ORDER BY shipped_at DESC LIMIT 1").Scan(&state, &complete, &next); err != nil {
			t.Fatal(err)
		}
		return state, complete, next
	}
	if err := s.step(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if state, complete, next := latest(); state != stateLive || !complete.Equal(noon.Add(-clockMargin)) || next != 1 {
		t.Errorf("idle: %s, complete to %v, next %d", state, complete, next)
	}
	src.add(r.kind.records(1, 10, noon)...)
	now = noon.Add(time.Minute)
	r.drain(s)
	if state, complete, next := latest(); state != stateClosed || !complete.Equal(now) || next != 11 {
		t.Errorf("stopped: %s, complete to %v, next %d; want %s, to %v, next 11", state, complete, next, stateClosed, now)
	}
}

func TestAStopDoesNotWaitForAStoreThatIsAway(t *testing.T) {
	r := newRig(t)
	src := newMemory("a1")
	src.add(records(1, 10, noon)...)
	s := r.sink(r.through(), src, func(o *ClickHouseOptions) {
		o.StopGrace = 50 * time.Millisecond
		o.Faults = func(point string) error {
			if point == "insert" {
				r.proxy.next(holdBack, 1)
			}
			return nil
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Run took %v to end", took)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); err == nil || !strings.Contains(err.Error(), "10 records are left in the journal, and the next start ships them") {
		t.Errorf("got %v", err)
	}
	r.drain(r.sink(r.conn, src))
	r.exactlyOnce(src)
}
