package door

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// Postback reads what trackers send when something was sold: a few parameters in an address, in the dialects of Voluum,
// Keitaro, Binom and RedTrack.
//
// A postback knows no customer: it is tied by the click id. What it knows no transaction for is the one thing that came of
// the click.
type Postback struct {
	// Key says whether an API key may send postbacks.
	Key func(key string) (schema.APIKey, error)
	// Secrets sign postbacks that carry no key: the last parameter, sig, is the HMAC-SHA256 of the query before it, in
	// hexadecimal.
	Secrets []string
}

// The parameters, by all their names. The first is ours, and the one that errors call it by.
var (
	postbackClick    = []string{"clickid", "cid", "subid", "cnv_id", "click_id", "fl_click"}
	postbackTxid     = []string{"txid", "tid"}
	postbackAmount   = []string{"amount", "payout", "sum"}
	postbackCurrency = []string{"currency"}
	postbackStatus   = []string{"status", "cnv_status", "et", "type"}
	postbackEvent    = []string{"event"}
	postbackRefund   = []string{"refund_id"}
	postbackAccess   = []string{"key", "sig"}
)

// postbackMeans is what a status says: a conversion, or nothing yet.
type postbackMeans struct {
	kind  schema.ConversionKind
	whole bool // of a refund: the amount that is told is the sale's, all of it is taken back
	again bool // one more payment: it needs a name of its own
	wait  bool // nothing is decided
	// name is of a refund that has no refund_id, and so is of all that is left: a whole one after a part, or another way
	// of losing the sale after it was restored, is not the one before. Empty: rejected, which is what restored restores.
	name string
}

var postbackStatuses = map[string]postbackMeans{
	"lead": {kind: schema.Lead}, "registration": {kind: schema.Lead}, "signup": {kind: schema.Lead}, "reg": {kind: schema.Lead},
	"sale": {kind: schema.Sale}, "approved": {kind: schema.Sale}, "confirmed": {kind: schema.Sale}, "purchase": {kind: schema.Sale},
	"deposit": {kind: schema.Sale}, "conversion": {kind: schema.Sale},
	"rebill":   {kind: schema.Sale, again: true},
	"rejected": {kind: schema.Refund, whole: true}, "declined": {kind: schema.Refund, whole: true}, "trash": {kind: schema.Refund, whole: true},
	"canceled": {kind: schema.Refund, whole: true}, "cancelled": {kind: schema.Refund, whole: true},
	"refund": {kind: schema.Refund, name: "refund"}, "chargeback": {kind: schema.Refund, name: "chargeback"},
	"restored": {kind: schema.Restored, whole: true},
	"hold":     {wait: true}, "pending": {wait: true},
}

// Read reads a postback. Parameters come in the query, in a form, or in both.
func (p Postback) Read(m Message, rules Rules) (Report, error) {
	values, err := postbackValues(m)
	if err != nil {
		return Report{}, err
	}
	key, err := p.admit(m, values)
	if err != nil {
		return Report{}, err
	}
	r := postbackReader{values: values, rules: rules}
	report, err := r.read()
	for i := range report.Conversions {
		c := &report.Conversions[i]
		c.Source, c.Test, c.KeyID, c.Metadata = schema.SourcePostback, key.Test, key.ID, r.rest()
		c.Processor = "postback"
	}
	return report, err
}

// postbackValues are the parameters; of several of one name the first counts.
func postbackValues(m Message) (url.Values, error) {
	values, err := url.ParseQuery(string(m.Query))
	if err != nil {
		return nil, refuse(track.BadRequest, "", "The query cannot be read: %s", err)
	}
	if len(m.Body) == 0 {
		return values, nil
	}
	if kind, _, _ := strings.Cut(m.Header("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, refuse(track.BadRequest, "Content-Type", "is %q: a postback is a form (application/x-www-form-urlencoded), or has its parameters in the address", kind)
	}
	form, err := url.ParseQuery(string(m.Body))
	if err != nil {
		return nil, refuse(track.BadRequest, "", "The form cannot be read: %s", err)
	}
	for name, list := range form {
		values[name] = append(values[name], list...)
	}
	return values, nil
}

// admit checks who sends it: a key of an API key's, or a signature.
func (p Postback) admit(m Message, values url.Values) (schema.APIKey, error) {
	if key := values.Get("key"); key != "" {
		return p.Key(key)
	}
	text := values.Get("sig")
	if text == "" {
		return schema.APIKey{}, refuse(track.Unauthorized, "key", "is missing, and so is sig: a postback carries an API key of the scope postback, or is signed")
	}
	sum, ok := sumOf(hex.DecodeString(text))
	signedPart := m.Query
	if len(m.Body) > 0 {
		signedPart = m.Body
		if len(m.Query) > 0 {
			return schema.APIKey{}, refuse(track.BadRequest, "sig", "covers the form, and there are parameters in the address too")
		}
	}
	i := bytes.LastIndex(signedPart, []byte("&sig="))
	if i < 0 || bytes.IndexByte(signedPart[i+1:], '&') >= 0 || len(values["sig"]) != 1 {
		return schema.APIKey{}, refuse(track.Unauthorized, "sig", "has to be the last parameter: it covers all before it")
	}
	if !ok || !signed(p.Secrets, [][]byte{sum}, signedPart[:i]) {
		return schema.APIKey{}, refuse(track.Unauthorized, "sig", "is not the HMAC-SHA256, in hexadecimal, of the parameters before it under one of conversions.postback_secrets")
	}
	return schema.APIKey{}, nil
}

type postbackReader struct {
	values url.Values
	rules  Rules
}

// get returns a parameter under the first of its names that it has.
func (r *postbackReader) get(names []string) string {
	for _, name := range names {
		if text := strings.TrimSpace(r.values.Get(name)); text != "" {
			return text
		}
	}
	return ""
}

// rest is what else was sent, kept as it came.
func (r *postbackReader) rest() string {
	of := map[string]string{}
	for name := range r.values {
		if known := slices.Concat(postbackClick, postbackTxid, postbackAmount, postbackCurrency, postbackStatus, postbackEvent, postbackRefund, postbackAccess); !slices.Contains(known, name) {
			of[name] = r.values.Get(name)
		}
	}
	return notes(of)
}

func (r *postbackReader) read() (Report, error) {
	means, event, err := r.status()
	switch {
	case err != nil:
		return Report{}, err
	case means.wait:
		return ignored(NotDecided), nil
	}
	c := schema.Conversion{Kind: means.kind, Event: event, Click: r.get(postbackClick)}
	if c.Click == "" {
		return Report{}, refuse(track.Unprocessable, postbackClick[0], "is missing: without a click nobody can be credited")
	}
	txid := r.get(postbackTxid)
	if txid == "" && means.again {
		return Report{}, refuse(track.Unprocessable, postbackTxid[0], "is missing: a rebill without a name could not be told from the sale before it")
	}
	if c.Kind == schema.Lead {
		return reported(c), nil
	}
	c.Invoice = cmp.Or(txid, "click:"+c.Click)
	c.Payments = []string{c.Invoice}
	if c.Kind != schema.Sale {
		c.Refund = cmp.Or(r.get(postbackRefund), means.name, "rejected")
	}
	if c.Kind == schema.Sale || !means.whole {
		if err := r.money(&c); err != nil {
			return Report{}, err
		}
	}
	if c.Kind == schema.Refund && c.Amount == 0 {
		c.Currency = "" // all that is left, in whatever the sale was in
	}
	if c.Kind == schema.Refund && c.Amount != 0 && r.get(postbackRefund) == "" {
		return Report{}, refuse(track.Unprocessable, postbackRefund[0], "is missing: a part of a sale is given back under a name of its own, or it could not be told from the next. Without an amount, all that is left is")
	}
	if c.Kind == schema.Sale && c.Amount == 0 {
		return ignored(NoMoney), nil
	}
	return reported(c), nil
}

// status says what is reported. Words that are no status are the tracker's own names for events.
func (r *postbackReader) status() (postbackMeans, string, error) {
	word := r.get(postbackStatus)
	means, known := postbackStatuses[strings.ToLower(word)]
	event := r.get(postbackEvent)
	if word == "" || !known && (r.values.Get("et") == word || r.values.Get("type") == word) {
		event = cmp.Or(event, word)
		means, known = postbackMeans{kind: schema.Lead}, true
		if r.paid() {
			means.kind = schema.Sale
		}
	}
	if !known {
		return means, "", refuse(track.Unprocessable, postbackStatus[0], "%q is none of lead, sale, rebill, rejected, refund, restored, hold and their like", word)
	}
	switch means.kind {
	case schema.Lead:
		event = cmp.Or(event, "Lead")
	case schema.Sale:
		event = cmp.Or(event, eventPurchase)
	}
	return means, event, nil
}

// paid reports whether an amount is told that is not nothing.
func (r *postbackReader) paid() bool { return strings.Trim(r.get(postbackAmount), "0.") != "" }

// money reads the amount. A sale has one; a refund without is of all that is left.
func (r *postbackReader) money(c *schema.Conversion) error {
	text := r.get(postbackAmount)
	if text == "" {
		if c.Kind == schema.Sale {
			return refuse(track.Unprocessable, postbackAmount[0], "is missing")
		}
		return nil
	}
	code := strings.ToUpper(cmp.Or(r.get(postbackCurrency), r.rules.Currency))
	if !schema.KnownCurrency(code) {
		return refuse(track.Unprocessable, postbackCurrency[0], "%q is not a currency of ISO 4217, such as USD", code)
	}
	minor, err := schema.ParseAmount(text, code)
	if err != nil {
		return refuse(track.Unprocessable, postbackAmount[0], "%s", err)
	}
	c.Amount, c.Currency = minor, code
	return nil
}
