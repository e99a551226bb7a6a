package payout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/aggregator/ledger"
	"fairlead/aggregator/lock"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Box seals who is paid, so that a copy of the stores tells nothing of it. Nil in a Database: it reads of no payout who is paid
// (Target.Unread), carries that on as it is sealed, and stores nobody new.
type Box interface {
	Seal(schema.PartnerID, schema.Payee) (string, error)
	Open(schema.PartnerID, string) (schema.Payee, error)
}

// Database is the Store in ClickHouse.
type Database struct {
	ClickHouse driver.Conn
	Quorum     bool // ClickHouse is a replicated cluster: write by quorum, read what was written
	Box        Box
}

func (d Database) ledger() ledger.Ledger {
	return ledger.Ledger{ClickHouse: d.ClickHouse, Quorum: d.Quorum, Purpose: "payout"}
}

// asking is the context of a question.
func (d Database) asking(ctx context.Context, purpose string, values map[string]string) context.Context {
	ctx = clickhouse.Named(ctx, "payout: "+purpose, values)
	if d.Quorum {
		ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"select_sequential_consistency": 1, "log_comment": "fairlead payout: " + purpose}))
	}
	return ctx
}

// insert adds one row to a table.
func (d Database) insert(ctx context.Context, purpose, into string, values ...any) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", values))
	settings := ch.Settings{"log_comment": "fairlead payout: " + purpose, "insert_deduplication_token": hex.EncodeToString(sum[:]), "async_insert": 0}
	if d.Quorum {
		settings["insert_quorum"] = "auto"
		settings["insert_quorum_parallel"] = 0
	}
	batch, err := d.ClickHouse.PrepareBatch(ch.Context(ctx, ch.WithSettings(settings)), "INSERT INTO "+into)
	if err != nil {
		return fmt.Errorf("%s: %w", purpose, err)
	}
	defer batch.Close()
	if err := batch.Append(values...); err != nil {
		return fmt.Errorf("BUG: %s: %w", purpose, err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("%s: %w", purpose, err)
	}
	return nil
}

// Newest returns the highest fencing token that stands in payouts, cut-offs or the ledger.
func (d Database) Newest(ctx context.Context) (uint64, error) {
	newest, err := d.ledger().Newest(ctx)
	if err != nil {
		return 0, err
	}
	var token uint64
	err = d.ClickHouse.QueryRow(d.asking(ctx, "newest token", nil),
		"SELECT greatest((SELECT max(token) FROM fairlead.payouts), (SELECT max(token) FROM fairlead.payout_cut_offs))").Scan(&token)
	if err != nil {
		return 0, fmt.Errorf("read the newest token of payouts: %w", err)
	}
	return max(newest, token), nil
}

const payoutColumns = `id, version, toString(status), partner_id, amount, currency, cut_off, rewards, method, masked, stripe_account, payee, ref, reason,
	approvals, created_at, sent_at, completed_at, changed_at, actor, token`

// Find returns the versions in force of payouts.
func (d Database) Find(ctx context.Context, f Filter) ([]Payout, error) {
	wanted, values := []string{"1"}, map[string]string{}
	if f.ID != (PayoutID{}) {
		wanted, values["id"] = append(wanted, "id = unhex({id:String})"), f.ID.String()
	}
	if f.Partner != 0 {
		wanted, values["partner"] = append(wanted, "partner_id = {partner:UInt32}"), f.Partner.String()
	}
	if !f.CutOff.IsZero() {
		wanted, values["cut_off"] = append(wanted, "cut_off = {cut_off:DateTime64(3, 'UTC')}"), clickhouse.Instant(f.CutOff)
	}
	latest := []string{"1"}
	if len(f.Statuses) > 0 {
		texts := make([]string, len(f.Statuses))
		for i, s := range f.Statuses {
			texts[i] = clickhouse.Quote(string(s))
		}
		latest, values["statuses"] = append(latest, "has({statuses:Array(String)}, toString(status))"), "["+strings.Join(texts, ",")+"]"
	}
	if !f.Since.IsZero() {
		latest, values["since"] = append(latest, "changed_at >= {since:DateTime64(3, 'UTC')}"), clickhouse.Instant(f.Since)
	}
	return d.payouts(ctx, "find", "SELECT "+payoutColumns+`
FROM (SELECT * EXCEPT (part_rewards, part_amounts, part_rules, part_conversions) FROM fairlead.payouts FINAL WHERE `+strings.Join(wanted, " AND ")+` ORDER BY version DESC LIMIT 1 BY id)
WHERE `+strings.Join(latest, " AND ")+`
ORDER BY created_at, id`, values)
}

// History returns all versions of a payout, the first one first.
func (d Database) History(ctx context.Context, id PayoutID) ([]Payout, error) {
	return d.payouts(ctx, "history", "SELECT "+payoutColumns+" FROM fairlead.payouts FINAL WHERE id = unhex({id:String}) ORDER BY version", map[string]string{"id": id.String()})
}

func (d Database) payouts(ctx context.Context, purpose, question string, values map[string]string) ([]Payout, error) {
	rows, err := d.ClickHouse.Query(d.asking(ctx, purpose, values), question)
	if err != nil {
		return nil, fmt.Errorf("read payouts: %s: %w", purpose, err)
	}
	defer rows.Close()
	var out []Payout
	for rows.Next() {
		var p Payout
		var id string
		var rewards uint32
		err := rows.Scan(&id, &p.Version, (*string)(&p.Status), (*uint32)(&p.Partner), &p.Amount, &p.Currency, &p.CutOff, &rewards, (*string)(&p.To.By), &p.To.Masked,
			&p.To.StripeAccount, &p.To.Sealed, &p.Ref, &p.Reason, &p.Approvals, &p.CreatedAt, &p.SentAt, &p.CompletedAt, &p.At, &p.Actor, &p.Token)
		if err != nil {
			return nil, fmt.Errorf("read payouts: %s: %w", purpose, err)
		}
		copy(p.ID[:], id)
		p.Rewards = int(rewards)
		p.SentAt, p.CompletedAt = unlessNever(p.SentAt), unlessNever(p.CompletedAt)
		if p.To.Sealed != "" && d.Box != nil {
			// One that does not open, because the key is another now, keeps nobody from the other payouts: Target.Unread tells.
			if p.To.Payee, err = d.Box.Open(p.Partner, p.To.Sealed); err != nil {
				p.To.Payee = schema.Payee{}
			}
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read payouts: %s: %w", purpose, err)
	}
	return out, nil
}

// never stands in the table for a time that has not come.
var never = time.UnixMilli(0).UTC()

func unlessNever(t time.Time) time.Time {
	if t.Equal(never) {
		return time.Time{}
	}
	return t
}

func orNever(t time.Time) time.Time {
	if t.IsZero() {
		return never
	}
	return t.UTC()
}

// Put adds a version.
func (d Database) Put(ctx context.Context, p Payout, parts ...Part) error {
	sealed := p.To.Sealed // as it was read, whether or not it could be opened
	if sealed == "" && p.To.Payee != (schema.Payee{}) {
		if d.Box == nil {
			return fmt.Errorf("store payout %s: there is no key to seal where it goes: see payouts in the configuration", p.ID)
		}
		var err error
		if sealed, err = d.Box.Seal(p.Partner, p.To.Payee); err != nil {
			return fmt.Errorf("store payout %s: %w", p.ID, err)
		}
	}
	rewards, amounts, rules, conversions := []string{}, []int64{}, []uint32{}, []string{}
	for _, part := range parts {
		rewards, amounts = append(rewards, string(part.Reward[:])), append(amounts, part.Amount)
		rules, conversions = append(rules, part.Rule), append(conversions, part.Conversion)
	}
	return d.insert(ctx, fmt.Sprintf("store payout %s as %s", p.ID, p.Status), `fairlead.payouts (id, version, status, partner_id, amount, currency, cut_off, rewards, method, masked,
		stripe_account, payee, ref, reason, approvals, created_at, sent_at, completed_at, changed_at, actor, token, part_rewards, part_amounts, part_rules, part_conversions)`,
		string(p.ID[:]), p.Version, string(p.Status), uint32(p.Partner), p.Amount, p.Currency, p.CutOff.UTC(), uint32(p.Rewards), string(p.To.By), p.To.Masked,
		p.To.StripeAccount, sealed, p.Ref, p.Reason, slices.Concat([]string{}, p.Approvals), p.CreatedAt.UTC(), orNever(p.SentAt), orNever(p.CompletedAt), p.At.UTC(),
		p.Actor, p.Token, rewards, amounts, rules, conversions)
}

// Parts returns what a payout pays.
func (d Database) Parts(ctx context.Context, id PayoutID) ([]Part, error) {
	rows, err := d.ClickHouse.Query(d.asking(ctx, "parts", map[string]string{"id": id.String()}), `SELECT reward, amount, rule, conversion
FROM fairlead.payouts FINAL
ARRAY JOIN part_rewards AS reward, part_amounts AS amount, part_rules AS rule, part_conversions AS conversion
WHERE id = unhex({id:String}) AND version = 1
ORDER BY reward`)
	if err != nil {
		return nil, fmt.Errorf("read the rewards of payout %s: %w", id, err)
	}
	defer rows.Close()
	var out []Part
	for rows.Next() {
		var p Part
		var reward string
		if err := rows.Scan(&reward, &p.Amount, &p.Rule, &p.Conversion); err != nil {
			return nil, fmt.Errorf("read the rewards of payout %s: %w", id, err)
		}
		copy(p.Reward[:], reward)
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the rewards of payout %s: %w", id, err)
	}
	return out, nil
}

// Payable returns what partners have in payable.
func (d Database) Payable(ctx context.Context, cutOff time.Time, partner schema.PartnerID) ([]Balance, error) {
	rows, err := d.ClickHouse.Query(d.asking(ctx, "payable", map[string]string{"cut_off": clickhouse.Instant(cutOff), "partner": partner.String()}),
		`SELECT partner_id, currency, reward_id, payable, rule_id, conversion_id
FROM fairlead.rewards
WHERE payable != 0 AND (payable < 0 OR review = 0 AND due_at <= {cut_off:DateTime64(3, 'UTC')}) AND ({partner:UInt32} = 0 OR partner_id = {partner:UInt32})
ORDER BY partner_id, currency, reward_id`)
	if err != nil {
		return nil, fmt.Errorf("read what is payable: %w", err)
	}
	defer rows.Close()
	var out []Balance
	for rows.Next() {
		var b Balance
		var p Part
		var reward string
		if err := rows.Scan((*uint32)(&b.Partner), &b.Currency, &reward, &p.Amount, &p.Rule, &p.Conversion); err != nil {
			return nil, fmt.Errorf("read what is payable: %w", err)
		}
		copy(p.Reward[:], reward)
		if n := len(out); n == 0 || out[n-1].Partner != b.Partner || out[n-1].Currency != b.Currency {
			out = append(out, b)
		}
		out[len(out)-1].Parts = append(out[len(out)-1].Parts, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what is payable: %w", err)
	}
	return out, nil
}

// Rows returns the rows of the ledger that a payout booked.
func (d Database) Rows(ctx context.Context, id PayoutID) ([]schema.Transfer, error) {
	return d.ledger().Where(ctx, "of a payout", "kind = 'payout' AND cause = {id:String}", map[string]string{"id": id.String()})
}

// Doubtful returns the payouts whose rows in the ledger do not sum up to what their status asks for, or are of another number
// of rewards.
func (d Database) Doubtful(ctx context.Context) ([]Payout, error) {
	rows, err := d.ClickHouse.Query(d.asking(ctx, "doubtful", nil), `SELECT s.id
FROM fairlead.payout_states AS s
LEFT JOIN
(
    SELECT
        cause,
        uniqExact(reward_id)                                                                   AS rewards,
        count()                                                                                AS moves,
        sumIf(amount, credit = 'processing') - sumIf(amount, debit = 'processing')             AS processing,
        sumIf(amount, credit = 'paid') - sumIf(amount, debit = 'paid')                         AS paid
    FROM fairlead.ledger FINAL
    WHERE kind = 'payout'
    GROUP BY cause
) AS l ON l.cause = lower(hex(s.id))
WHERE l.processing != if(s.status IN ('draft', 'approved', 'processing', 'sent'), s.amount, 0)
   OR l.paid != if(s.status = 'completed', s.amount, 0)
   OR l.moves != multiIf(
        s.status IN ('draft', 'approved', 'processing', 'sent'), s.rewards,
        s.status = 'completed', 2 * s.rewards,
        toUnixTimestamp64Milli(s.completed_at) != 0, 3 * s.rewards,
        l.moves = 0, 0,
        2 * s.rewards)
   OR (l.moves != 0 AND l.rewards != s.rewards)
ORDER BY s.created_at, s.id`)
	if err != nil {
		return nil, fmt.Errorf("compare payouts with the ledger: %w", err)
	}
	defer rows.Close()
	var ids []PayoutID
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("compare payouts with the ledger: %w", err)
		}
		ids = append(ids, PayoutID([]byte(text)))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("compare payouts with the ledger: %w", err)
	}
	var out []Payout
	for _, id := range ids {
		found, err := d.Find(ctx, Filter{ID: id})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// Book appends rows to the ledger.
func (d Database) Book(ctx context.Context, rows []schema.Transfer) error {
	return d.ledger().Append(ctx, rows)
}

// Ran tells whether all was drafted at a cut-off.
func (d Database) Ran(ctx context.Context, cutOff time.Time) (bool, error) {
	var n uint64
	err := d.ClickHouse.QueryRow(d.asking(ctx, "cut-off", map[string]string{"cut_off": clickhouse.Instant(cutOff)}),
		"SELECT count() FROM fairlead.payout_cut_offs FINAL WHERE cut_off = {cut_off:DateTime64(3, 'UTC')}").Scan(&n)
	if err != nil {
		return false, fmt.Errorf("ask whether payouts were drafted at %s: %w", cutOff.UTC().Format(time.RFC3339), err)
	}
	return n > 0, nil
}

// PutRan notes that all was drafted at a cut-off.
func (d Database) PutRan(ctx context.Context, r Ran) error {
	partners, currencies, amounts, reasons, details := []uint32{}, []string{}, []int64{}, []string{}, []string{}
	for _, c := range r.Carried {
		partners, currencies, amounts = append(partners, uint32(c.Partner)), append(currencies, c.Currency), append(amounts, c.Amount)
		reasons, details = append(reasons, string(c.Reason)), append(details, c.Detail)
	}
	return d.insert(ctx, "note the cut-off", `fairlead.payout_cut_offs (cut_off, finished_at, actor, drafted, carried_partners, carried_currencies, carried_amounts,
		carried_reasons, carried_details, token)`,
		r.CutOff.UTC(), r.At.UTC(), r.Actor, uint32(r.Drafted), partners, currencies, amounts, reasons, details, r.Token)
}

// LockName is the lock under which payouts change.
const LockName = "payouts"

// lockLife is after what time a dead run's lock expires.
const lockLife = 30 * time.Second

// Lock does work under the lock in Redis: what Options ask for.
func Lock(rdb redis.UniversalClient, keys schema.Keys) func(context.Context, func(Fence) error) (bool, error) {
	return func(ctx context.Context, work func(Fence) error) (bool, error) {
		return lock.Do(ctx, rdb, keys, LockName, lockLife, func(l *lock.Lock) error { return work(l) })
	}
}
