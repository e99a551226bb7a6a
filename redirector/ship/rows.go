package ship

import (
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/redirector/enrich"
	"fairlead/schema"
)

// rows are the clicks of a batch that fall into one month of UTC, as columns.
type rows struct {
	month    schema.Month
	seq      []uint64
	at       []int64
	partner  []uint32
	link     []uint32
	nonce    []uint64
	tag      []uint64
	verdict  []int8
	visitor  []uint64
	slug     text
	dest     text
	refPath  text
	subID    [schema.SubIDs]text
	reason   dict
	refHost  dict
	country  dict
	device   dict
	os       dict
	browser  dict
	language dict
	utm      [schema.UTMs]dict
}

func (r *rows) len() int { return len(r.seq) }

func (r *rows) add(seq uint64, c *schema.Click, f *enrich.Facts) {
	r.seq = append(r.seq, seq)
	r.at = append(r.at, c.At)
	r.partner = append(r.partner, uint32(c.Partner))
	r.link = append(r.link, uint32(c.Link))
	r.nonce = append(r.nonce, c.Nonce)
	r.tag = append(r.tag, c.Tag)
	r.verdict = append(r.verdict, int8(f.Verdict))
	r.visitor = append(r.visitor, c.Visitor)
	r.slug.add(c.Slug)
	r.dest.add(c.Destination)
	r.refPath.add(f.ReferrerPath)
	for i := range r.subID {
		r.subID[i].add(c.SubID[i])
	}
	r.reason.add(f.Reason)
	r.refHost.add(f.ReferrerHost)
	r.country.add(f.Country)
	r.device.add(f.Device)
	r.os.add(f.OS)
	r.browser.add(f.Browser)
	r.language.add(f.Language)
	for i := range r.utm {
		r.utm[i].addBytes(c.UTM[i])
	}
}

// without returns the rows whose seq is not in landed.
func (r *rows) without(landed map[uint64]uint64) *rows {
	out := &rows{month: r.month}
	for i, seq := range r.seq {
		if _, ok := landed[seq]; ok {
			continue
		}
		out.seq = append(out.seq, seq)
		out.at = append(out.at, r.at[i])
		out.partner = append(out.partner, r.partner[i])
		out.link = append(out.link, r.link[i])
		out.nonce = append(out.nonce, r.nonce[i])
		out.tag = append(out.tag, r.tag[i])
		out.verdict = append(out.verdict, r.verdict[i])
		out.visitor = append(out.visitor, r.visitor[i])
		from, to := r.texts(), out.texts()
		for k := range from {
			to[k].addFrom(from[k], i)
		}
		fromD, toD := r.dicts(), out.dicts()
		for k := range fromD {
			toD[k].addFrom(fromD[k], i)
		}
	}
	return out
}

func (r *rows) texts() [3 + schema.SubIDs]*text {
	out := [3 + schema.SubIDs]*text{&r.slug, &r.dest, &r.refPath}
	for i := range r.subID {
		out[3+i] = &r.subID[i]
	}
	return out
}

func (r *rows) dicts() [7 + schema.UTMs]*dict {
	out := [7 + schema.UTMs]*dict{&r.reason, &r.refHost, &r.country, &r.device, &r.os, &r.browser, &r.language}
	for i := range r.utm {
		out[7+i] = &r.utm[i]
	}
	return out
}

func (r *rows) reset() {
	r.month = 0
	r.seq, r.at, r.partner, r.link = r.seq[:0], r.at[:0], r.partner[:0], r.link[:0]
	r.nonce, r.tag, r.verdict, r.visitor = r.nonce[:0], r.tag[:0], r.verdict[:0], r.visitor[:0]
	for _, c := range r.texts() {
		c.reset()
	}
	for _, c := range r.dicts() {
		c.reset()
	}
}

// checksum is the exclusive or of the tags: free of order, and recounted by groupBitXor(click_tag).
func (r *rows) checksum() (sum uint64) {
	for _, t := range r.tag {
		sum ^= t
	}
	return sum
}

// span returns the first and the last moment of the rows, in milliseconds.
func (r *rows) span() (from, to int64) {
	from, to = r.at[0], r.at[0]
	for _, at := range r.at {
		from, to = min(from, at), max(to, at)
	}
	return from, to
}

const quarterMillis = 15 * 60 * 1000

// quarters returns the starts of the quarter-hours that the rows touch, each once, in order of appearance.
func (r *rows) quarters() []time.Time {
	var out []time.Time
	seen := make(map[int64]bool)
	last := int64(-1)
	for _, at := range r.at {
		q := at / quarterMillis
		if q == last || seen[q] {
			last = q
			continue
		}
		seen[q], last = true, q
		out = append(out, time.UnixMilli(q*quarterMillis).UTC())
	}
	return out
}

// clickColumns are the columns of an insert, in the order of send.
const clickColumns = "node, seq, clicked_at, partner_id, link_id, slug, destination, click_nonce, click_tag, verdict, verdict_reason, visitor, " +
	"referrer_host, referrer_path, country, device, os, browser, language, sub_id, sub_id1, sub_id2, sub_id3, sub_id4, sub_id5, " +
	"utm_source, utm_medium, utm_campaign, utm_term, utm_content, data_version"

// send fills a prepared insert of clickColumns.
func (r *rows) send(b driver.Batch, node, version string, s *scratch) error {
	n := r.len()
	to := b.Columns()
	i := 0
	var err error
	next := func(send func(column.Interface) error) {
		if err == nil {
			if err = send(to[i]); err != nil {
				err = fmt.Errorf("fill column %s: %w", to[i].Name(), err)
			}
		}
		i++
	}
	whole := func(v any) {
		next(func(c column.Interface) error { _, err := c.Append(v); return err })
	}
	constant := func(v string) {
		d := dict{keys: make([]uint32, n)}
		if k := d.insert(v); k > 0 {
			for i := range d.keys {
				d.keys[i] = k
			}
		}
		next(func(c column.Interface) error { return d.send(c, s) })
	}
	words := func(d *dict) { next(func(c column.Interface) error { return d.send(c, s) }) }
	texts := func(t *text) { next(func(c column.Interface) error { return t.send(c, s) }) }

	constant(node)
	whole(r.seq)
	next(func(c column.Interface) error { return sendInt64(c, r.at, s) })
	whole(r.partner)
	whole(r.link)
	texts(&r.slug)
	texts(&r.dest)
	whole(r.nonce)
	whole(r.tag)
	next(func(c column.Interface) error { return sendInt8(c, r.verdict, s) })
	words(&r.reason)
	whole(r.visitor)
	words(&r.refHost)
	texts(&r.refPath)
	words(&r.country)
	words(&r.device)
	words(&r.os)
	words(&r.browser)
	words(&r.language)
	for i := range r.subID {
		texts(&r.subID[i])
	}
	for i := range r.utm {
		words(&r.utm[i])
	}
	constant(version)
	if err == nil && i != len(to) {
		err = fmt.Errorf("BUG: filled %d columns of %d", i, len(to))
	}
	return err
}
