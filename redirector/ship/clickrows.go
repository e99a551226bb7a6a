package ship

import (
	_ "embed"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"fairlead/redirector/enrich"
	"fairlead/schema"
)

//go:embed landed_clicks.sql
var landedClicksSQL string

//go:embed landed_last_click.sql
var landedLastClickSQL string

var clicksTable = table{
	name: "clicks", sink: SinkClickHouse, gaps: "fairlead_ship_gap_records_total", flight: "clickhouse.inflight",
	columns: clickColumnNames, landed: landedClicksSQL, last: landedLastClickSQL,
}

// clicks make rows of hits on the edge.
type clicks struct {
	enrich  *enrich.Enricher
	version string
	click   schema.Click
	facts   enrich.Facts
}

func newClicks(data *enrich.Data) *clicks {
	return &clicks{enrich: enrich.New(data), version: data.Version()}
}

func (f *clicks) table() *table { return &clicksTable }

func (f *clicks) columns() columns { return &clickColumns{version: f.version} }

func (f *clicks) decode(rec []byte) (at int64, tag uint64, err error) {
	err = schema.DecodeClick(&f.click, rec)
	return f.click.At, f.click.Tag, err
}

func (f *clicks) add(to columns) {
	f.enrich.Enrich(&f.click, &f.facts)
	to.(*clickColumns).add(&f.click, &f.facts)
}

// clickColumns are a click's own.
type clickColumns struct {
	version  string // of the enrichment
	partner  []uint32
	link     []uint32
	nonce    []uint64
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

func (r *clickColumns) add(c *schema.Click, f *enrich.Facts) {
	r.partner = append(r.partner, uint32(c.Partner))
	r.link = append(r.link, uint32(c.Link))
	r.nonce = append(r.nonce, c.Nonce)
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

func (r *clickColumns) addFrom(from columns, i int) {
	o := from.(*clickColumns)
	r.partner = append(r.partner, o.partner[i])
	r.link = append(r.link, o.link[i])
	r.nonce = append(r.nonce, o.nonce[i])
	r.verdict = append(r.verdict, o.verdict[i])
	r.visitor = append(r.visitor, o.visitor[i])
	texts, to := o.texts(), r.texts()
	for k := range texts {
		to[k].addFrom(texts[k], i)
	}
	dicts, toD := o.dicts(), r.dicts()
	for k := range dicts {
		toD[k].addFrom(dicts[k], i)
	}
}

func (r *clickColumns) texts() [3 + schema.SubIDs]*text {
	out := [3 + schema.SubIDs]*text{&r.slug, &r.dest, &r.refPath}
	for i := range r.subID {
		out[3+i] = &r.subID[i]
	}
	return out
}

func (r *clickColumns) dicts() [7 + schema.UTMs]*dict {
	out := [7 + schema.UTMs]*dict{&r.reason, &r.refHost, &r.country, &r.device, &r.os, &r.browser, &r.language}
	for i := range r.utm {
		out[7+i] = &r.utm[i]
	}
	return out
}

func (r *clickColumns) reset() {
	r.partner, r.link = r.partner[:0], r.link[:0]
	r.nonce, r.verdict, r.visitor = r.nonce[:0], r.verdict[:0], r.visitor[:0]
	for _, c := range r.texts() {
		c.reset()
	}
	for _, c := range r.dicts() {
		c.reset()
	}
}

// clickColumnNames are the columns of an insert, in the order of send.
const clickColumnNames = "node, seq, clicked_at, partner_id, link_id, slug, destination, click_nonce, click_tag, verdict, verdict_reason, visitor, " +
	"referrer_host, referrer_path, country, device, os, browser, language, sub_id, sub_id1, sub_id2, sub_id3, sub_id4, sub_id5, " +
	"utm_source, utm_medium, utm_campaign, utm_term, utm_content, data_version"

func (r *clickColumns) send(all *rows, f *filler, node string) {
	f.constant(node)
	f.whole(all.seq)
	f.times(all.at)
	f.whole(r.partner)
	f.whole(r.link)
	f.texts(&r.slug)
	f.texts(&r.dest)
	f.whole(r.nonce)
	f.whole(all.tag)
	f.next(func(c column.Interface) error { return sendInt8(c, r.verdict, f.s) })
	f.words(&r.reason)
	f.whole(r.visitor)
	f.words(&r.refHost)
	f.texts(&r.refPath)
	f.words(&r.country)
	f.words(&r.device)
	f.words(&r.os)
	f.words(&r.browser)
	f.words(&r.language)
	for i := range r.subID {
		f.texts(&r.subID[i])
	}
	for i := range r.utm {
		f.words(&r.utm[i])
	}
	f.constant(r.version)
}
