// Package paypal pays partners by PayPal's Payouts (https://developer.paypal.com/docs/api/payments.payouts-batch/v1/): each payout
// is a batch of one item, whose sender_batch_id is the payout's id.
//
// PayPal takes a sender_batch_id once in 30 days, and answers a repeat by naming the batch that has it; so an order whose answer was
// lost is sent again within that time, and found. It does not find a batch by that id in any other way. Once PayPal has
// said what its own id for the batch is, the batch is asked for by that. An order that was sent longer ago and has no such id is
// left to people: neither sending it again nor giving it up would be safe.
package paypal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/plutov/paypal/v4"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

// KeyLife is for how long PayPal is relied upon to know a sender_batch_id: a day less than it says.
const KeyLife = 29 * 24 * time.Hour

// patience is how long PayPal may take to answer.
const patience = 30 * time.Second

// Options of PayPal.
type Options struct {
	ClientID, Secret string           // of the merchant's app
	Sandbox          bool             // with PayPal's test accounts
	Address          string           // of another PayPal; empty: the real one, or its sandbox
	Now              func() time.Time // nil: time.Now
}

// PayPal is the merchant's account. It is safe for concurrent use.
type PayPal struct {
	api *paypal.Client
	now func() time.Time
}

var _ payout.Provider = (*PayPal)(nil)

// New does not ask PayPal anything yet.
func New(opt Options) (*PayPal, error) {
	address := opt.Address
	switch {
	case address != "":
	case opt.Sandbox:
		address = paypal.APIBaseSandBox
	default:
		address = paypal.APIBaseLive
	}
	api, err := paypal.NewClient(opt.ClientID, opt.Secret, address)
	if err != nil {
		return nil, fmt.Errorf("prepare PayPal's client: %w", err)
	}
	api.SetHTTPClient(&http.Client{Transport: keeper{http.DefaultTransport}}) // a Timeout there would hide what keeper keeps
	p := &PayPal{api: api, now: opt.Now}
	if p.now == nil {
		p.now = time.Now
	}
	return p, nil
}

// Send makes a batch, or finds the one that was made under the same id.
func (p *PayPal) Send(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	doing := "make a batch for payout " + o.ID.String()
	value, err := value(o.Amount, o.Currency)
	if err != nil {
		return payout.Outcome{}, fmt.Errorf("%s: %w: %w", doing, payout.ErrRefused, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	made, err := p.api.CreatePayout(ctx, paypal.Payout{
		SenderBatchHeader: &paypal.SenderBatchHeader{SenderBatchID: o.ID.String(), EmailSubject: o.Note, EmailMessage: o.Note},
		Items: []paypal.PayoutItem{{
			RecipientType: "EMAIL", RecipientWallet: paypal.PaypalRecipientWallet, Receiver: o.Destination,
			Amount: &paypal.AmountPayout{Currency: o.Currency, Value: value}, Note: o.Note, SenderItemID: o.ID.String(),
		}},
	})
	if err != nil {
		return p.again(ctx, o, doing, err)
	}
	if made.BatchHeader == nil || made.BatchHeader.PayoutBatchID == "" {
		return payout.Outcome{}, fmt.Errorf("%s: PayPal's answer names no batch", doing)
	}
	return payout.Outcome{State: payout.Sent, Ref: made.BatchHeader.PayoutBatchID}, nil
}

// again reads what PayPal says against a batch: that there is one of this id, that it makes none, ever or now, or something that
// leaves it open.
func (p *PayPal) again(ctx context.Context, o payout.Order, doing string, err error) (payout.Outcome, error) {
	var e *paypal.ErrorResponse
	if !errors.As(err, &e) {
		return payout.Outcome{}, fmt.Errorf("%s: %w", doing, err)
	}
	if repeated(e) {
		batch := batchOf(e)
		if batch == "" {
			return payout.Outcome{}, fmt.Errorf("%s: PayPal has one of this id and does not say which: %s", doing, plain(e))
		}
		return p.batch(ctx, o, batch)
	}
	if e.Name == "INSUFFICIENT_FUNDS" {
		return payout.Outcome{}, fmt.Errorf("%s: %w: %s", doing, payout.ErrNotNow, plain(e))
	}
	switch e.Response.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return payout.Outcome{}, fmt.Errorf("%s: %w: %s", doing, payout.ErrRefused, plain(e))
	}
	return payout.Outcome{}, fmt.Errorf("%s: %s", doing, plain(e))
}

// Find asks for the batch of an order.
func (p *PayPal) Find(ctx context.Context, o payout.Order) (payout.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch {
	case o.Ref != "":
		return p.batch(ctx, o, o.Ref)
	case p.now().Sub(o.SentAt) < KeyLife:
		// Sending it again is the question: PayPal makes no second one.
		return payout.Outcome{}, fmt.Errorf("payout %s: %w", o.ID, payout.ErrUnknown)
	}
	return payout.Outcome{}, fmt.Errorf("payout %s was sent to PayPal on %s without an answer, and PayPal does not find it by its id any more: look for %s in PayPal's activity, and mark the payout by hand",
		o.ID, o.SentAt.UTC().Format("2 January 2006"), schema.FormatAmount(o.Amount, o.Currency))
}

// batch reads how far a batch is.
func (p *PayPal) batch(ctx context.Context, o payout.Order, id string) (payout.Outcome, error) {
	b, err := p.api.GetPayout(ctx, url.PathEscape(id))
	var e *paypal.ErrorResponse
	switch {
	case errors.As(err, &e):
		return payout.Outcome{}, fmt.Errorf("ask PayPal for batch %s of payout %s: %s", id, o.ID, plain(e))
	case err != nil:
		return payout.Outcome{}, fmt.Errorf("ask PayPal for batch %s of payout %s: %w", id, o.ID, err)
	case b.BatchHeader == nil || b.BatchHeader.SenderBatchHeader == nil || b.BatchHeader.SenderBatchHeader.SenderBatchID != o.ID.String():
		return payout.Outcome{}, fmt.Errorf("batch %s of PayPal is not that of payout %s: look at it in PayPal's activity", id, o.ID)
	}
	out := payout.Outcome{Ref: id}
	switch b.BatchHeader.BatchStatus {
	case paypal.BatchStatusDenied, paypal.BatchStatusCanceled:
		out.State, out.Reason = payout.Failed, "PayPal's batch is "+strings.ToLower(b.BatchHeader.BatchStatus)
		return out, nil
	}
	if len(b.Items) == 0 {
		out.State = payout.Sent
		return out, nil
	}
	item := b.Items[0]
	out.State, out.Reason = state(item.TransactionStatus)
	if why := item.Error.Message; why != "" && out.Reason != "" {
		out.Reason += ": " + why
	}
	return out, nil
}

// state is what a state of an item means (https://developer.paypal.com/docs/payouts/standard/reference/payouts-status/). What is
// unclaimed is returned after 30 days, or claimed before.
func state(item string) (payout.Status, string) {
	switch item {
	case "SUCCESS":
		return payout.Completed, ""
	case "FAILED", "BLOCKED":
		return payout.Failed, "PayPal's item is " + strings.ToLower(item)
	case "RETURNED", "REFUNDED", "REVERSED":
		return payout.Returned, "PayPal's item is " + strings.ToLower(item)
	}
	return payout.Sent, ""
}

// whole are the currencies of which PayPal pays whole units only, though they have smaller ones
// (https://developer.paypal.com/reference/currency-codes/).
var whole = map[string]bool{"HUF": true, "TWD": true}

// value writes an amount as PayPal reads it: "25.00", and "2500" of yen.
func value(minor int64, currency string) (string, error) {
	text := strings.TrimSuffix(schema.FormatAmount(minor, currency), " "+currency)
	if !whole[currency] {
		return text, nil
	}
	units, fraction, _ := strings.Cut(text, ".")
	if strings.Trim(fraction, "0") != "" {
		return "", fmt.Errorf("PayPal pays whole %s only, not %s", currency, text)
	}
	return units, nil
}

// repeated reports whether PayPal refuses a batch because it has one of the same id.
func repeated(e *paypal.ErrorResponse) bool {
	if strings.Contains(e.Name, "DUPLICATE") {
		return true
	}
	for _, d := range e.Details {
		if strings.EqualFold(d.Field, "sender_batch_id") || strings.Contains(strings.ToLower(d.Issue), "sender_batch_id") {
			return true
		}
	}
	return strings.Contains(strings.ToLower(e.Message), "sender_batch_id")
}

// batchOf is PayPal's id of the batch that an error points to; the library does not read an error's links.
func batchOf(e *paypal.ErrorResponse) string {
	body, ok := e.Response.Body.(*kept)
	if !ok {
		return ""
	}
	var linked struct {
		Links []paypal.Link `json:"links"`
	}
	if json.Unmarshal(body.all, &linked) != nil {
		return ""
	}
	for _, l := range linked.Links {
		if u, err := url.Parse(l.Href); err == nil && path.Base(path.Dir(u.Path)) == "payouts" {
			return path.Base(u.Path)
		}
	}
	return ""
}

// plain is an error of PayPal's as a sentence.
func plain(e *paypal.ErrorResponse) string {
	text := "PayPal answers " + http.StatusText(e.Response.StatusCode)
	for _, part := range []string{e.Name, e.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	for _, d := range e.Details {
		text += "; " + d.Field + " " + d.Issue
	}
	if e.DebugID != "" {
		text += " (debug id " + e.DebugID + ")"
	}
	return text
}

// keeper keeps the bodies of errors, which the library reads without all that stands in them.
type keeper struct{ http.RoundTripper }

// maxError bounds what is kept of an error, in bytes.
const maxError = 1 << 20

func (k keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := k.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode < 400 {
		return res, err
	}
	all, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read PayPal's answer: %w", err)
	}
	res.Body = &kept{bytes.NewReader(all), all}
	return res, nil
}

// kept is a body that can be read again.
type kept struct {
	io.Reader
	all []byte
}

func (*kept) Close() error { return nil }
