package courier

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"fairlead/aggregator/outside"
	"fairlead/schema"
)

// Tried is what came of a sample.
type Tried struct {
	Event     string            `json:"event_id"`
	Type      schema.NoticeType `json:"type"`
	Delivered bool              `json:"delivered"`
	Status    int               `json:"status,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Error     string            `json:"error,omitempty"`
	Answer    string            `json:"answer,omitempty"`
	TookMS    int64             `json:"took_ms"`
}

// TryWebhook sends a webhook a sample of a type, at once and once. It stands in no log.
func TryWebhook(ctx context.Context, s Sender, w schema.Webhook, typ schema.NoticeType, now time.Time) (Tried, error) {
	n, err := sample(typ, now)
	if err != nil {
		return Tried{}, err
	}
	return try(ctx, s, n, signed(w, n, now))
}

// TryPostback sends a partner's tracker a sample of a type, likewise.
func TryPostback(ctx context.Context, s Sender, p schema.Postback, typ schema.NoticeType, now time.Time) (Tried, error) {
	n, err := sample(typ, now)
	if err != nil {
		return Tried{}, err
	}
	return try(ctx, s, n, filled(p.URL, n, uint32(p.Partner), []string{"sample", "sample1", "sample2", "sample3", "sample4", "sample5"}))
}

func try(ctx context.Context, s Sender, n notice, m outside.Message) (Tried, error) {
	clock := time.Now()
	answer, err := s.Send(ctx, m)
	t := Tried{Event: n.Event, Type: n.Type, Delivered: err == nil && answer.Accepted(), Status: answer.Status, Answer: answer.Text, TookMS: time.Since(clock).Milliseconds()}
	var why *outside.Error
	switch {
	case errors.As(err, &why):
		t.Reason, t.Error = string(why.Reason), why.Error()
	case err != nil:
		return t, err
	case !t.Delivered:
		t.Reason, t.Error = reasonStatus, fmt.Sprintf("answered %d", answer.Status)
	}
	return t, nil
}

// sample is a notice of something that did not happen: of a test.
func sample(typ schema.NoticeType, now time.Time) (notice, error) {
	var kind schema.ConversionKind
	var change schema.NoticeChange
	for _, k := range []schema.ConversionKind{schema.Lead, schema.Sale, schema.Refund, schema.Restored} {
		for _, c := range []schema.NoticeChange{schema.NoticeCreated, schema.NoticeUpdated, schema.NoticeWithdrawn} {
			if schema.NoticeOf(k, c) == typ {
				kind, change = k, c
			}
		}
	}
	if kind == "" {
		return notice{}, fmt.Errorf("there is no event %q", typ)
	}
	name := func() string {
		var b [16]byte
		rand.Read(b[:]) // never fails since Go 1.24
		return hex.EncodeToString(b[:])
	}
	known := NoticeKnown{Partner: 1, Currency: "USD"}
	if kind != schema.Lead {
		known.Amount = 4900
	}
	n := notice{Event: "evt_" + name(), Type: typ, Test: true}
	n.said = Notice{
		ID: n.Event, Type: typ, CreatedAt: now.UTC().Truncate(time.Millisecond), Test: true,
		Data: NoticeData{
			ConversionID: name(), Kind: kind, OccurredAt: now.UTC().Truncate(time.Millisecond), State: schema.StateTest, Reason: schema.ReasonLastClick,
			NoticeKnown: known, Link: 1, Slug: "sample", Click: "sample", SaleID: name(), Customer: "sample-customer", Event: "Sample",
		},
	}
	if change != schema.NoticeCreated {
		n.said.Previous = &known
	}
	if change == schema.NoticeWithdrawn {
		n.said.Data.NoticeKnown = NoticeKnown{}
	}
	body, err := json.Marshal(n.said)
	n.Body = string(body)
	return n, err
}
