package courier

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

var (
	//go:embed queries/decisions.sql
	decisionsSQL string
	//go:embed queries/told.sql
	toldSQL string
	//go:embed queries/reported.sql
	reportedSQL string
)

// decision is a row of attributions.
type decision struct {
	Token         uint64
	Kind          schema.ConversionKind
	Test          bool
	ID            string // of the conversion
	Pseudonym     string // what partners get in place of ID, which is made of customers' and invoices' names: a keyed hash of it
	Customer      string
	Node          string
	Seq           uint64
	ReceivedAt    time.Time
	OccurredAt    time.Time
	State         schema.AttributionState
	Reason        schema.AttributionReason
	Partner       uint32
	Link          uint32
	Click         string
	Coupon        string
	Claim         uint32
	Sale          string
	SalePseudonym string // likewise of Sale
	Binds         bool
	Amount        int64
	Currency      string
}

func (d *decision) fields() []any {
	return []any{
		&d.Token, (*string)(&d.Kind), &d.Test, &d.ID, &d.Pseudonym, &d.Customer, &d.Node, &d.Seq, &d.ReceivedAt, &d.OccurredAt, (*string)(&d.State), (*string)(&d.Reason),
		&d.Partner, &d.Link, &d.Click, &d.Coupon, &d.Claim, &d.Sale, &d.SalePseudonym, &d.Binds, &d.Amount, &d.Currency,
	}
}

// counting are the reasons of what counts: tests have a state of their own, whatever came of them.
var counting = map[schema.AttributionReason]bool{
	schema.ReasonLastClick: true, schema.ReasonFirstClick: true, schema.ReasonCoupon: true, schema.ReasonClaim: true, schema.ReasonCredit: true, schema.ReasonBound: true,
	schema.ReasonRefund: true, schema.ReasonRefundCapped: true, schema.ReasonRestored: true,
}

// counts reports whether there is anything to tell of the decision.
func (d decision) counts() bool {
	switch {
	case d.Partner == 0:
		return false
	case d.Amount == 0 && (d.Kind == schema.Refund || d.Kind == schema.Restored):
		return false // other reports told it already
	case d.State == schema.StateTest:
		return counting[d.Reason]
	}
	return d.State == schema.StateCounted
}

func (d decision) known() NoticeKnown {
	return NoticeKnown{schema.PartnerID(d.Partner), d.Amount, d.Currency}
}

// subject is all decisions on reports of one thing that were made since they were looked at last.
type subject struct {
	id    string
	kind  schema.ConversionKind
	rows  []decision
	early bool // one of them is of a run that has not finished
}

// stands is the decision that counts; nil: none of them does.
func (s *subject) stands() *decision {
	for i := range s.rows {
		if s.rows[i].counts() {
			return &s.rows[i]
		}
	}
	return nil
}

// of is the decision on a report; nil: it was not made anew.
func (s *subject) of(node string, seq uint64) *decision {
	for i := range s.rows {
		if s.rows[i].Node == node && s.rows[i].Seq == seq {
			return &s.rows[i]
		}
	}
	return nil
}

// first is the decision on the report that came first, whatever it is; nil: it was not made anew. All others repeat it.
func (s *subject) first() *decision {
	for i := range s.rows {
		if reason := s.rows[i].Reason; reason != schema.ReasonRepeat && reason != schema.ReasonOtherContent {
			return &s.rows[i]
		}
	}
	return nil
}

// mostSubjects is how many subjects are looked at at once.
const mostSubjects = 1000

// notice finds what has to be told of the decisions that were made since it looked last.
//
// The rows of a run of attribution that has not finished may be joined by others with the same token, and may belong together
// with rows that are still to come: they are left, and the position stays before them.
func (r *run) notice() error {
	var finished uint64
	if err := r.ClickHouse.QueryRow(r.named("finished decisions", nil), "SELECT max(token) FROM fairlead.attribution_state").Scan(&finished); err != nil {
		return fmt.Errorf("ask up to where decisions are made: %w", err)
	}
	if finished <= r.state.To {
		return nil
	}
	var since time.Time
	err := r.ClickHouse.QueryRow(r.named("first endpoint", map[string]string{"kinds": "['" + string(schema.KindWebhook) + "','" + string(schema.KindPostback) + "']"}),
		"SELECT min(changed_at) FROM fairlead.directory_log WHERE kind IN {kinds:Array(String)}").Scan(&since)
	if err != nil {
		return fmt.Errorf("ask since when anybody is told: %w", err)
	}
	all := true
	if since.Unix() > 0 { // otherwise there never was an endpoint
		if all, err = r.noticeSince(since, finished); err != nil {
			return err
		}
	}
	if !all {
		return nil
	}
	now := r.state
	now.To = finished
	return r.save(now)
}

// noticeSince looks at decisions on reports that were received since then, and answers whether those were all.
func (r *run) noticeSince(since time.Time, finished uint64) (all bool, err error) {
	if r.hooks, err = r.Endpoints.Webhooks(r.ctx); err != nil {
		return false, err
	}
	rows, err := r.ClickHouse.Query(r.named("new decisions", map[string]string{
		"after": strconv.FormatUint(r.state.To, 10), "since": clickhouse.Instant(since),
	}), decisionsSQL)
	if err != nil {
		return false, fmt.Errorf("read new decisions: %w", err)
	}
	defer rows.Close()
	all = true
	var list []*subject
	for rows.Next() {
		var d decision
		if err := rows.Scan(d.fields()...); err != nil {
			return false, fmt.Errorf("read new decisions: %w", err)
		}
		if n := len(list); n == 0 || list[n-1].id != d.ID {
			if n == mostSubjects {
				if err := r.tell(list); err != nil {
					return false, err
				}
				list = nil
			}
			list = append(list, &subject{id: d.ID, kind: d.Kind})
		}
		s := list[len(list)-1]
		s.rows = append(s.rows, d)
		if d.Token > finished {
			s.early, all = true, false
		}
	}
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("read new decisions: %w", err)
	}
	return all, r.tell(list)
}

// tell stores the notices of subjects.
func (r *run) tell(list []*subject) error {
	list = slices.DeleteFunc(list, func(s *subject) bool { return s.early })
	if len(list) == 0 {
		return nil
	}
	known, err := r.told(list)
	if err != nil {
		return err
	}
	partners := map[schema.PartnerID]bool{}
	for _, s := range list {
		for _, d := range s.rows {
			partners[schema.PartnerID(d.Partner)] = true
		}
		for audience := range known[s.id] {
			partners[schema.PartnerID(audience)] = true
		}
	}
	delete(partners, 0)
	backs, err := r.Endpoints.Postbacks(r.ctx, slices.Sorted(maps.Keys(partners)))
	if err != nil {
		return err
	}
	postbacks := map[uint32]schema.Postback{}
	for _, p := range backs {
		postbacks[uint32(p.Partner)] = p
	}
	now := r.Now().UTC().Truncate(time.Millisecond)
	var drafts []draft
	for _, s := range list {
		for _, audience := range audiences(s, known[s.id]) {
			d, ok := compare(s, audience, known[s.id][audience])
			if ok && r.address(&d, postbacks) {
				d.notice.CreatedAt = now
				drafts = append(drafts, d)
			}
		}
	}
	return r.complete(drafts)
}

// audiences are those who may have to be told of a subject: the merchant, whose it is, and whoever was told before.
func audiences(s *subject, known map[uint32]told) []uint32 {
	all := map[uint32]bool{0: true}
	if d := s.stands(); d != nil {
		all[d.Partner] = true
	}
	for audience := range known {
		all[audience] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// draft is a notice that lacks what was reported, and the decision that it comes from.
type draft struct {
	decision decision
	notice   stored
}

// compare finds out what an audience has to be told of a subject of which it was told last what is given: the zero value, nothing.
func compare(s *subject, audience uint32, last told) (draft, bool) {
	knows := last.Ordinal > 0 && last.Type != schema.NoticeOf(s.kind, schema.NoticeWithdrawn)
	is := s.stands()
	if is != nil && audience != 0 && is.Partner != audience {
		is = nil // another's
	}
	next := told{Subject: s.id, Audience: audience, Ordinal: last.Ordinal + 1}
	from := is
	switch {
	case is != nil && !knows:
		next.Type = schema.NoticeOf(s.kind, schema.NoticeCreated)
	case is != nil && is.known() != last.known():
		next.Type = schema.NoticeOf(s.kind, schema.NoticeUpdated)
	case is == nil && knows:
		// Only a new decision on the report that was told of takes it back, or on another that stands in its place: what
		// came new may be a mere repeat.
		if from = s.of(last.Node, last.Seq); from == nil {
			from = s.stands()
		}
		if from == nil {
			from = s.first()
		}
		if from == nil {
			return draft{}, false
		}
		next.Type = schema.NoticeOf(s.kind, schema.NoticeWithdrawn)
	default:
		return draft{}, false
	}
	if is != nil {
		next.Partner, next.Amount, next.Currency = is.Partner, is.Amount, is.Currency
	}
	next.Node, next.Seq = from.Node, from.Seq
	id, sale := s.id, from.Sale
	if audience != 0 {
		id, sale = from.Pseudonym, from.SalePseudonym
	}
	n := stored{told: next, test: from.Test}
	n.Notice = Notice{
		ID: eventID(next, id), Type: next.Type, Test: from.Test,
		Data: NoticeData{
			ConversionID: id, Kind: s.kind, OccurredAt: from.OccurredAt.UTC(), State: from.State, Reason: from.Reason, NoticeKnown: next.known(), SaleID: sale,
		},
	}
	if knows {
		previous := last.known()
		n.Previous = &previous
	}
	if is != nil {
		d := &n.Notice.Data
		d.Link, d.Click, d.Coupon, d.Claim, d.New = schema.LinkID(is.Link), is.Click, is.Coupon, is.Claim, is.Binds
	}
	if audience == 0 {
		n.Notice.Data.Customer = from.Customer
	} else if is == nil { // what became of it is no business of whoever lost it
		n.Notice.Data.Reason, n.Notice.Data.State = "", ""
	}
	return draft{*from, n}, true
}

// address names the endpoints that a notice goes to, and reports whether anybody follows what it is about. Somebody may,
// and not want this one: then it is kept all the same, for what is told next depends on it.
func (r *run) address(d *draft, postbacks map[uint32]schema.Postback) bool {
	n := &d.notice
	follows := func(e schema.Endpoint) bool {
		return e.State() != schema.EndpointRemoved && (e.Test || !n.test) && !e.CreatedAt.After(d.decision.ReceivedAt) && e.Follows(n.Notice.Type.Noun())
	}
	n.webhooks, n.postbacks = []uint32{}, []uint32{}
	anybody := false
	if n.Audience != 0 {
		if p, ok := postbacks[n.Audience]; ok && follows(p.Endpoint) {
			if anybody = true; p.Wants(n.Notice.Type) {
				n.postbacks = append(n.postbacks, n.Audience)
			}
		}
		return anybody
	}
	for _, w := range r.hooks {
		if follows(w.Endpoint) {
			if anybody = true; w.Wants(n.Notice.Type) {
				n.webhooks = append(n.webhooks, w.ID)
			}
		}
	}
	return anybody
}

// complete adds what was reported, leaves out what was imported, and stores the rest.
func (r *run) complete(drafts []draft) error {
	if len(drafts) == 0 {
		return nil
	}
	reports, err := r.reported(drafts)
	if err != nil {
		return err
	}
	links := map[schema.LinkID]bool{}
	for _, d := range drafts {
		if d.notice.Notice.Data.Link != 0 {
			links[d.notice.Notice.Data.Link] = true
		}
	}
	found, err := r.Endpoints.LinksByID(r.ctx, slices.Sorted(maps.Keys(links)))
	if err != nil {
		return err
	}
	slugs := map[schema.LinkID]string{}
	for _, l := range found {
		slugs[l.ID] = l.Slug
	}
	var list []stored
	for _, d := range drafts {
		told, ok := reports[key{d.decision.Node, d.decision.Seq}]
		if !ok || told.Source == schema.SourceImport {
			continue
		}
		data := &d.notice.Notice.Data
		data.Slug = slugs[data.Link]
		data.Event = told.Event
		if d.notice.Audience == 0 {
			data.Invoice, data.Refund = told.Invoice, told.Refund
			if told.Currency != "" {
				data.Reported = &Reported{told.Amount, told.Currency}
			}
		}
		if err := d.notice.seal(); err != nil {
			return err
		}
		list = append(list, d.notice)
	}
	if len(list) == 0 {
		return nil
	}
	return r.insert(list)
}

// told reads what audiences were told last of subjects.
func (r *run) told(list []*subject) (map[string]map[uint32]told, error) {
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = clickhouse.Quote(s.id)
	}
	all, err := read(r.named("what was told", map[string]string{"subjects": "[" + strings.Join(ids, ",") + "]"}), r.ClickHouse, toldSQL, (*told).fields)
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	out := map[string]map[uint32]told{}
	for _, t := range all {
		if out[t.Subject] == nil {
			out[t.Subject] = map[uint32]told{}
		}
		out[t.Subject][t.Audience] = t
	}
	return out, nil
}

// key is that of a report.
type key struct {
	node string
	seq  uint64
}

// report is what a merchant reported, as far as it is told.
type report struct {
	key
	Source   schema.ConversionSource
	Event    string
	Invoice  string
	Refund   string
	Amount   int64
	Currency string
}

func (r *report) fields() []any {
	return []any{&r.node, &r.seq, (*string)(&r.Source), &r.Event, &r.Invoice, &r.Refund, &r.Amount, &r.Currency}
}

// reported reads the reports of drafts.
func (r *run) reported(drafts []draft) (map[key]report, error) {
	table, err := ext.NewTable("wanted", ext.Column("day", "Date"), ext.Column("node", "String"), ext.Column("seq", "UInt64"))
	if err != nil {
		return nil, fmt.Errorf("read what was reported: %w", err)
	}
	for _, d := range drafts {
		if err := table.Append(d.decision.ReceivedAt.UTC().Truncate(24*time.Hour), d.decision.Node, d.decision.Seq); err != nil {
			return nil, fmt.Errorf("read what was reported: %w", err)
		}
	}
	all, err := read(ch.Context(r.named("what was reported", nil), ch.WithExternalTable(table)), r.ClickHouse, reportedSQL, (*report).fields)
	if err != nil {
		return nil, fmt.Errorf("read what was reported: %w", err)
	}
	out := make(map[key]report, len(all))
	for _, one := range all {
		out[one.key] = one
	}
	return out, nil
}
