package book

import (
	"fmt"
	"math"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"fairlead/aggregator/reward"
	"fairlead/schema"
)

// blockRows is how many rows are booked at once, about.
const blockRows = 50_000

// write books the rows that are wanted when they are many, and notes holds that end at another moment.
func (r *run) write(holds []reward.Hold) error {
	if len(r.rows) >= blockRows {
		if err := r.flush(); err != nil {
			return err
		}
	}
	return r.note(holds)
}

// flush books the rows that are wanted. They go by a staging table, which whoever has the lock after this run takes away.
func (r *run) flush() error {
	if len(r.rows) == 0 {
		return nil
	}
	for i := range r.rows {
		r.rows[i].Token = r.lock.Token()
	}
	stage := r.staging.Name("ledger")
	if err := r.staging.Create(stage); err != nil {
		return err
	}
	if err := r.ledger.AppendTo(r.ctx, stage.Name, r.rows); err != nil {
		return err
	}
	if err := r.after("drafted"); err != nil {
		return err
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	ctx := ch.Context(r.ctx, ch.WithSettings(ch.Settings{ // one block: all or nothing
		"log_comment": "fairlead reward: book", "max_insert_threads": 1, "max_threads": 1, "max_insert_block_size": math.MaxInt32,
		"min_insert_block_size_rows": math.MaxInt32, "min_insert_block_size_bytes": math.MaxInt32,
	}))
	if err := r.ClickHouse.Exec(ctx, "INSERT INTO fairlead.ledger SELECT * FROM fairlead."+stage.Name); err != nil {
		return fmt.Errorf("book %d rows: %w", len(r.rows), err)
	}
	r.report.Rows += len(r.rows)
	r.rows = nil
	if err := r.after("booked"); err != nil {
		return err
	}
	return r.staging.Drop(stage.Name)
}

// note keeps when holds end of which the ledger says another moment; what is noted already is left out.
func (r *run) note(holds []reward.Hold) error {
	if len(holds) == 0 {
		return nil
	}
	known, err := r.noted(holds)
	if err != nil {
		return err
	}
	if err := r.lock.Check(); err != nil {
		return err
	}
	into, err := r.ClickHouse.PrepareBatch(r.named("note holds", nil), "INSERT INTO fairlead.reward_holds (partner_id, reward_id, conversion_id, due_at, token)")
	if err != nil {
		return fmt.Errorf("note %d holds: %w", len(holds), err)
	}
	defer into.Close()
	for _, h := range holds {
		if known[h.Reward] == h.DueAt {
			continue
		}
		if err := into.Append(uint32(h.Partner), string(h.Reward[:]), h.Conversion, instant(h.DueAt), r.lock.Token()); err != nil {
			return fmt.Errorf("BUG: a hold, %+v: %w", h, err)
		}
	}
	if into.Rows() == 0 {
		return nil
	}
	r.report.Holds += into.Rows()
	if err := into.Send(); err != nil {
		return fmt.Errorf("note %d holds: %w", len(holds), err)
	}
	return r.after("noted")
}

// noted reads what is noted of holds: their ends, in milliseconds since 1970.
func (r *run) noted(holds []reward.Hold) (map[schema.RewardID]int64, error) {
	wanted, err := ext.NewTable("wanted", ext.Column("partner", "UInt32"), ext.Column("reward", "FixedString(16)"))
	if err != nil {
		return nil, fmt.Errorf("BUG: the table of holds: %w", err)
	}
	for _, h := range holds {
		if err := wanted.Append(uint32(h.Partner), string(h.Reward[:])); err != nil {
			return nil, fmt.Errorf("BUG: the table of holds: %w", err)
		}
	}
	rows, err := r.ClickHouse.Query(ch.Context(r.named("holds that are noted", nil), ch.WithExternalTable(wanted)),
		"SELECT reward_id, toUnixTimestamp64Milli(due_at) FROM fairlead.reward_holds FINAL WHERE (partner_id, reward_id) IN (SELECT partner, reward FROM wanted)")
	if err != nil {
		return nil, fmt.Errorf("read the holds that are noted: %w", err)
	}
	defer rows.Close()
	out := map[schema.RewardID]int64{}
	for rows.Next() {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return nil, fmt.Errorf("read the holds that are noted: %w", err)
		}
		out[schema.RewardID([]byte(id))] = at
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the holds that are noted: %w", err)
	}
	return out, nil
}
