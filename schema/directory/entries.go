package directory

import (
	"context"
	databasesql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// maxNote is how long the reason of an entry may be, in characters.
const maxNote = 500

// AddReward enters a reward by hand, which a partner gets to make something good: amount in minor units of the program's
// currency, and days before it can be paid.
func (d *Directory) AddReward(ctx context.Context, actor Actor, partner schema.PartnerID, amount int64, currency string, holdDays int, why string) (schema.Entry, error) {
	e := schema.Entry{Partner: partner, Amount: amount, Currency: currency, HoldDays: holdDays}
	switch {
	case amount <= 0 || amount > schema.MaxAmount:
		return schema.Entry{}, invalid("amount", "A reward is above zero and at most %s; `fairlead reward reverse` takes from one.", schema.FormatAmount(schema.MaxAmount, currency))
	case holdDays < 0 || holdDays > schema.MaxHoldDays:
		return schema.Entry{}, invalid("hold_days", "A reward is held for 0 to %d days.", schema.MaxHoldDays)
	}
	return d.enter(ctx, actor, e, why, func(ctx context.Context, t *tx, e *schema.Entry) error {
		program, _, err := t.today(ctx)
		if err != nil {
			return err
		}
		if e.Currency != program.Currency {
			return conflict("currency", "The reward is in %s and the program's currency is %s: name an amount in that.", e.Currency, program.Currency)
		}
		return t.partnersExist(ctx, map[uint64]bool{uint64(e.Partner): true})
	})
}

// ReverseReward enters that an amount is taken from a reward, in minor units of the reward's currency; 0: all there is, for good. It is
// refused where that is more than is left by the ledger and by what was entered already.
func (d *Directory) ReverseReward(ctx context.Context, actor Actor, reward schema.RewardID, amount int64, why string) (schema.Entry, error) {
	if amount < 0 || amount > schema.MaxAmount {
		return schema.Entry{}, invalid("amount", "What is taken from a reward is above zero; without an amount it is all there is.")
	}
	return d.enter(ctx, actor, schema.Entry{Reverses: reward, Amount: amount}, why, func(ctx context.Context, t *tx, e *schema.Entry) error {
		var left int64
		err := d.ch.QueryRow(d.asking(ctx, "a reward"), sql("reward"), clickhouse.Named("reward", reward.String())).Scan((*uint32)(&e.Partner), &e.Currency, &left)
		if errors.Is(err, databasesql.ErrNoRows) {
			return notFound("The ledger has no reward %s; `fairlead reward list` shows them. What was just entered or reported is booked within a minute.", reward)
		}
		if err != nil {
			return fmt.Errorf("read reward %s of the ledger: %w", reward, err)
		}
		before, err := t.d.ask(ctx, "reversals of a reward", sql("reversals"), clickhouse.Named("reward", reward.String()))
		if err != nil {
			return fmt.Errorf("read what was taken from reward %s: %w", reward, err)
		}
		for _, b := range before {
			var r schema.Entry
			if err := json.Unmarshal([]byte(b.data), &r); err != nil {
				return fmt.Errorf("read %s %d of directory_log: %w", b.kind, b.id, err)
			}
			if r.Amount == 0 {
				return conflict("", "All of reward %s was taken back on %s, for good (entry %d).", reward, r.At.Format(time.DateOnly), r.ID)
			}
			left = max(0, left-r.Amount)
		}
		switch {
		case left == 0:
			return conflict("amount", "Nothing is left of reward %s: it was taken back already.", reward)
		case amount > left:
			return conflict("amount", "%s are more than is left of reward %s: %s. Without an amount all of it is taken back.",
				schema.FormatAmount(amount, e.Currency), reward, schema.FormatAmount(left, e.Currency))
		}
		return nil
	})
}

// enter adds an entry once complete has checked and completed it.
func (d *Directory) enter(ctx context.Context, actor Actor, e schema.Entry, why string, complete func(context.Context, *tx, *schema.Entry) error) (schema.Entry, error) {
	e.Note = strings.TrimSpace(why)
	odd := !utf8.ValidString(e.Note) || strings.ContainsFunc(e.Note, unicode.IsControl) || utf8.RuneCountInString(e.Note) > maxNote
	if e.Note == "" || odd {
		return schema.Entry{}, invalid("reason", "An entry by hand has a reason, a line of at most %d characters: the partner reads it.", maxNote)
	}
	var out schema.Entry
	err := d.write(ctx, actor, e.Note, func(ctx context.Context, t *tx) error {
		out = e
		err := complete(ctx, t, &out)
		if err != nil {
			return err
		}
		if out.ID, err = t.nextID(schema.KindEntry); err != nil {
			return err
		}
		out.At = t.now
		return t.put(schema.KindEntry, uint64(out.ID), nil, out)
	})
	if err != nil {
		return schema.Entry{}, err
	}
	return out, nil
}

// Entry returns what was entered by hand, and who did; the error may be NotFound.
func (d *Directory) Entry(ctx context.Context, id uint32) (e schema.Entry, by Actor, err error) {
	found := false
	err = history(ctx, d, schema.KindEntry, uint64(id), func(v version, read schema.Entry) {
		e, by, found = read, Actor(v.Actor), true
	})
	if err == nil && !found {
		err = notFound("There is no entry %d.", id)
	}
	return e, by, err
}
