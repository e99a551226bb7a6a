package attribute

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"fairlead/aggregator/attribution"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/digests.sql
	digestsSQL string
	//go:embed queries/names_of_block.sql
	namesOfBlockSQL string
	//go:embed queries/unsettled.sql
	unsettledSQL string
)

// Recount decides every report anew, writes nothing, and tells where that differs from the decisions that stand. It holds
// no lock: runs may be at work meanwhile, and reports may land.
//
// Decisions are compared by digests of blocks, which takes the memory of some numbers for every thousands of reports;
// whoever wants to know what differs looks at a block.
type Recount struct {
	*run
	since schema.Month
	done  map[string]uint64 // by node: up to this seq every report was decided before the recount began
}

// Block is decisions on reports of a node that follow each other and occurred in one month of UTC.
type Block struct {
	Month  schema.Month
	Node   string
	number uint64
}

// blockSize is how many numbers of a node a block has.
const blockSize = 4096

// First and Last are the numbers of the block.
func (b Block) First() uint64 { return b.number * blockSize }
func (b Block) Last() uint64  { return b.First() + blockSize - 1 }

func (b Block) holds(d *attribution.Decision) bool { return b == blockOf(d) }

func blockOf(d *attribution.Decision) Block {
	return Block{Month: schema.MonthOf(instant(d.OccurredAt), time.UTC), Node: d.Node, number: d.Seq / blockSize}
}

// digest stands for the decisions of a block: how many there are, and exclusive or of their hashes.
type digest struct{ decisions, sum uint64 }

// Wrong is a decision that does not stand as the facts say. Want or Got is nil where there is none.
type Wrong struct{ Want, Got *attribution.Decision }

// Recount begins a recount of what occurred since a month of UTC, 0: of everything, by what stands in the directory now.
func (a *Attribute) Recount(ctx context.Context, since schema.Month) (*Recount, error) {
	c := &Recount{run: &run{Options: a.opt, ctx: ctx}, since: since, done: map[string]uint64{}}
	if _, err := c.readState(); err != nil {
		return nil, err
	}
	c.inputs = newInputs(c.run)
	var nodes []struct {
		Node string `ch:"node"`
		Done uint64 `ch:"done"`
	}
	if err := c.ClickHouse.Select(c.named("what is decided", nil), &nodes,
		"SELECT toString(n.node) AS node, argMax(n.done_to, n.token) AS done FROM fairlead.attribution_nodes AS n GROUP BY n.node"); err != nil {
		return nil, fmt.Errorf("ask up to where reports are decided: %w", err)
	}
	for _, n := range nodes {
		c.done[n.Node] = n.Done
	}
	return c, nil
}

// Decided reports whether every report of the block was decided before the recount began.
func (c *Recount) Decided(b Block) bool { return b.Last() <= c.done[b.Node] }

// Settled reports whether the decisions that stood when the recount began take account of what stands in the directory
// and in rates now. Otherwise what differs may be what has changed.
func (c *Recount) Settled() (bool, error) {
	var changed uint64
	values := map[string]string{"version": strconv.FormatUint(c.state.Version, 10), "rates_to": clickhouse.Instant(c.state.RatesTo)}
	if err := c.ClickHouse.QueryRow(c.named("what has changed", values), unsettledSQL).Scan(&changed); err != nil {
		return false, fmt.Errorf("ask what has changed since the last run: %w", err)
	}
	return changed == 0, nil
}

// Doubtful decides every report and answers the blocks in which something else stands, in their order, and how many
// decisions were compared. Progress, when set, is told how many reports are decided.
func (c *Recount) Doubtful(progress func(done, total int)) (doubtful []Block, compared uint64, err error) {
	want := map[Block]digest{}
	var text []byte
	s := spool{ch: c.ClickHouse, named: c.named, since: c.since}
	err = s.each(func(reports []attribution.Report, done, total int) error {
		decisions, err := c.decide(reports)
		if err != nil {
			return err
		}
		for i := range decisions {
			b := blockOf(&decisions[i])
			if b.Month < c.since {
				continue
			}
			text = appendDecision(text[:0], &decisions[i])
			d := want[b]
			want[b] = digest{d.decisions + 1, d.sum ^ xxhash.Sum64(text)}
			compared++
		}
		if progress != nil {
			progress(done, total)
		}
		return c.ctx.Err()
	})
	if err != nil {
		return nil, 0, err
	}
	got, err := c.digests()
	if err != nil {
		return nil, 0, err
	}
	for b, d := range want {
		if got[b] != d {
			doubtful = append(doubtful, b)
		}
		delete(got, b)
	}
	doubtful = slices.AppendSeq(doubtful, maps.Keys(got))
	slices.SortFunc(doubtful, func(a, b Block) int {
		return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Node, b.Node), cmp.Compare(a.number, b.number))
	})
	return doubtful, compared, nil
}

// digests are those of the decisions that stand.
func (c *Recount) digests() (map[Block]digest, error) {
	rows, err := c.ClickHouse.Query(c.named("digests of the decisions", map[string]string{
		"block": strconv.Itoa(blockSize), "since": strconv.FormatUint(uint64(c.since), 10),
	}), digestsSQL)
	if err != nil {
		return nil, fmt.Errorf("read the digests of the decisions: %w", err)
	}
	defer rows.Close()
	out := map[Block]digest{}
	for rows.Next() {
		var month uint32
		var b Block
		var d digest
		if err := rows.Scan(&month, &b.Node, &b.number, &d.decisions, &d.sum); err != nil {
			return nil, fmt.Errorf("read the digests of the decisions: %w", err)
		}
		b.Month = schema.Month(month)
		out[b] = d
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the digests of the decisions: %w", err)
	}
	return out, nil
}

// appendDecision appends what digests.sql hashes: every field behind its length.
func appendDecision(dst []byte, d *attribution.Decision) []byte {
	var number [20]byte
	text := func(s string) {
		dst = strconv.AppendInt(dst, int64(len(s)), 10)
		dst = append(append(dst, ':'), s...)
	}
	signed := func(n int64) { text(string(strconv.AppendInt(number[:0], n, 10))) }
	unsigned := func(n uint64) { text(string(strconv.AppendUint(number[:0], n, 10))) }
	truth := func(yes bool) {
		if yes {
			text("1")
		} else {
			text("0")
		}
	}
	text(d.Node)
	unsigned(d.Seq)
	text(string(d.Kind))
	truth(d.Test)
	text(d.ID)
	text(d.Customer)
	signed(d.ReceivedAt)
	signed(d.OccurredAt)
	text(string(d.State))
	text(string(d.Reason))
	unsigned(uint64(d.Partner))
	unsigned(uint64(d.Link))
	text(d.Click)
	signed(d.ClickedAt)
	text(d.Coupon)
	unsigned(uint64(d.Claim))
	text(d.Sale)
	truth(d.Binds)
	signed(d.Amount)
	text(d.Currency)
	text(cmp.Or(string(d.Rate), "0"))
	return dst
}

// Look compares the decisions of a block one by one: those that are wrong for certain, in the order of their numbers, and
// how many may be right, because reports of the same customer have landed that need not be decided yet.
func (c *Recount) Look(b Block) (wrong []Wrong, open int, err error) {
	// What stands is read first: a decision follows its report.
	stands, err := c.standing(b)
	if err != nil {
		return nil, 0, err
	}
	set := &names{}
	err = c.seed(set, "names of a block", namesOfBlockSQL, map[string]string{
		"node": b.Node, "month": strconv.FormatUint(uint64(b.Month), 10),
		"first": strconv.FormatUint(b.First(), 10), "last": strconv.FormatUint(b.Last(), 10),
	})
	if err != nil {
		return nil, 0, err
	}
	var reports []attribution.Report
	if set.len() > 0 {
		if err := c.close(set); err != nil {
			return nil, 0, err
		}
		if reports, err = c.reports(set); err != nil {
			return nil, 0, err
		}
	}
	if _, err := c.inputs.worldOf(reports); err != nil { // all at once
		return nil, 0, err
	}
	for _, own := range attribution.Customers(reports) {
		certain := !slices.ContainsFunc(own, func(r attribution.Report) bool { return r.Seq > c.done[r.Node] })
		decisions, err := c.decide(own)
		if err != nil {
			return nil, 0, err
		}
		for _, want := range decisions {
			if !b.holds(&want) {
				continue
			}
			at := place{want.Node, want.Seq}
			got, ok := stands[at]
			delete(stands, at)
			switch {
			case ok && got == want:
			case !certain:
				open++
			case ok:
				wrong = append(wrong, Wrong{Want: &want, Got: &got})
			default:
				wrong = append(wrong, Wrong{Want: &want})
			}
		}
	}
	for _, got := range stands {
		wrong = append(wrong, Wrong{Got: &got})
	}
	slices.SortFunc(wrong, func(a, b Wrong) int { return cmp.Compare(a.seq(), b.seq()) })
	return wrong, open, nil
}

func (w Wrong) seq() uint64 {
	if w.Want != nil {
		return w.Want.Seq
	}
	return w.Got.Seq
}

// standing reads the decisions of a block that stand.
func (c *Recount) standing(b Block) (map[place]attribution.Decision, error) {
	rows, err := c.ClickHouse.Query(c.named("decisions of a block", map[string]string{
		"node": b.Node, "month": strconv.FormatUint(uint64(b.Month), 10),
		"first": strconv.FormatUint(b.First(), 10), "last": strconv.FormatUint(b.Last(), 10),
	}), "SELECT "+decisionColumns+` FROM fairlead.attributions FINAL
		WHERE toYYYYMM(occurred_at) = {month:UInt32} AND node = {node:String} AND seq BETWEEN {first:UInt64} AND {last:UInt64}`)
	if err != nil {
		return nil, fmt.Errorf("read the decisions of a block: %w", err)
	}
	return eachDecision(rows)
}
