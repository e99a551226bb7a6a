// Package ledger reads and writes the ledger in ClickHouse: what partners earned, and where that money stands.
//
// # What is promised
//
// Rows are appended and never changed. A row's id follows from why it was booked, and of rows with one id only that of the
// highest fencing token is in force. So whoever is unsure whether rows were written may write them again, and a run that
// lost its lock and wakes up late adds nothing to what stands: at most it books what the next run, which reads what is
// there, corrects.
package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/schema"
	"fairlead/schema/clickhouse"
)

// Ledger is the table of transfers.
type Ledger struct {
	ClickHouse driver.Conn
	Quorum     bool   // ClickHouse is a replicated cluster: write by quorum, read what was written
	Purpose    string // begins the log_comment of every statement
}

// Append writes rows, all in one insert: either all of them stand afterwards, or none, or the error leaves that open. They
// may be written again.
func (l Ledger) Append(ctx context.Context, rows []schema.Transfer) error {
	return l.AppendTo(ctx, "ledger", rows)
}

// AppendTo does the same with a table of the ledger's shape, such as one in which rows are staged.
func (l Ledger) AppendTo(ctx context.Context, table string, rows []schema.Transfer) error {
	if len(rows) == 0 {
		return nil
	}
	sum := sha256.New()
	for _, t := range rows {
		fmt.Fprintf(sum, "%x %d %d ", t.ID, t.Amount, t.Token)
	}
	settings := ch.Settings{
		"log_comment":                fmt.Sprintf("fairlead %s: book", l.Purpose),
		"insert_deduplication_token": hex.EncodeToString(sum.Sum(nil)),
		"async_insert":               0,
		"max_insert_block_size":      max(len(rows), 1<<20), // one block: all or nothing
	}
	if l.Quorum {
		settings["insert_quorum"] = "auto"
		settings["insert_quorum_parallel"] = 0
	}
	batch, err := l.ClickHouse.PrepareBatch(ch.Context(ctx, ch.WithSettings(settings)), "INSERT INTO fairlead."+table+" ("+columns+")")
	if err != nil {
		return fmt.Errorf("book %d rows in the ledger: %w", len(rows), err)
	}
	defer batch.Close()
	for _, t := range rows {
		err := batch.Append(string(t.ID[:]), instant(t.BookedAt), instant(t.At), instant(t.DueAt), uint32(t.Partner), string(t.Reward[:]),
			string(t.Debit), string(t.Credit), t.Amount, t.Currency, string(t.Kind), t.Cause, t.Rule, t.Conversion, t.Note, t.Token)
		if err != nil {
			return fmt.Errorf("BUG: a row of the ledger, %+v: %w", t, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("book %d rows in the ledger: %w", len(rows), err)
	}
	return nil
}

// columns are those of a row, in the order in which Append writes them.
const columns = "id, booked_at, at, due_at, partner_id, reward_id, debit, credit, amount, currency, kind, cause, rule_id, conversion_id, note, token"

// Columns are what Scan reads of the ledger.
const Columns = `id, toUnixTimestamp64Milli(booked_at), toUnixTimestamp64Milli(at), toUnixTimestamp64Milli(due_at), partner_id, reward_id,
	toString(debit), toString(credit), amount, currency, toString(kind), cause, rule_id, conversion_id, note, token`

// Scan reads a row of Columns, after what comes before them.
func Scan(rows driver.Rows, t *schema.Transfer, before ...any) error {
	var id, reward string
	err := rows.Scan(append(before, &id, &t.BookedAt, &t.At, &t.DueAt, (*uint32)(&t.Partner), &reward,
		(*string)(&t.Debit), (*string)(&t.Credit), &t.Amount, &t.Currency, (*string)(&t.Kind), &t.Cause, &t.Rule, &t.Conversion, &t.Note, &t.Token)...)
	copy(t.ID[:], id)
	copy(t.Reward[:], reward)
	return err
}

// Where reads the rows for which a condition holds, which names its values as ClickHouse's {name:Type}; tables may be
// given beside. They come by partner, reward and time.
func (l Ledger) Where(ctx context.Context, purpose, condition string, values map[string]string, tables ...*ext.Table) ([]schema.Transfer, error) {
	options := []ch.QueryOption{}
	for _, t := range tables {
		options = append(options, ch.WithExternalTable(t))
	}
	rows, err := l.ClickHouse.Query(ch.Context(l.named(ctx, purpose, values), options...), "SELECT "+Columns+`
FROM fairlead.ledger FINAL
WHERE `+condition+`
ORDER BY partner_id, reward_id, ledger.booked_at, ledger.at, id`)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %s: %w", purpose, err)
	}
	defer rows.Close()
	var out []schema.Transfer
	for rows.Next() {
		var t schema.Transfer
		if err := Scan(rows, &t); err != nil {
			return nil, fmt.Errorf("read the ledger: %s: %w", purpose, err)
		}
		out = append(out, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %s: %w", purpose, err)
	}
	return out, nil
}

// Newest returns the highest fencing token that any row carries.
func (l Ledger) Newest(ctx context.Context) (token uint64, err error) {
	if err := l.ClickHouse.QueryRow(l.named(ctx, "newest token", nil), "SELECT max(token) FROM fairlead.ledger").Scan(&token); err != nil {
		return 0, fmt.Errorf("read the newest token of the ledger: %w", err)
	}
	return token, nil
}

func (l Ledger) named(ctx context.Context, purpose string, values map[string]string) context.Context {
	ctx = clickhouse.Named(ctx, l.Purpose+": "+purpose, values)
	if l.Quorum {
		ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"select_sequential_consistency": 1, "log_comment": "fairlead " + l.Purpose + ": " + purpose}))
	}
	return ctx
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
