package history

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"fairlead/redirector/track"
	"fairlead/schema"
)

// setting is what reading conversions depends on beside the file: the program as it was when the file was first imported.
type setting struct {
	currency string
	zone     *time.Location
	key      schema.CustomerKey
}

// row is a conversion as its row tells it.
type row struct {
	schema.Conversion          // without what depends on when it is taken
	partners          []string // names of the partner who is to be credited; none: nobody is named
	once              string
}

// rows reads conversions. The same file and setting give the same rows.
type rows struct {
	*table
	setting
	seen map[uint64]uint32 // how often rows that have no name of their own came before

	row    row
	passed string // the row counts as nothing where it comes from, because of this word
	wrong  error  // why it cannot be taken
}

func openRows(r io.Reader, s setting) (*rows, error) {
	t, err := openTable(r, conversionColumns)
	if err != nil {
		return nil, err
	}
	return &rows{table: t, setting: s, seen: map[uint64]uint32{}}, nil
}

// next reads a row: one of row, passed and wrong tells what it is.
func (r *rows) next() bool {
	if !r.table.next() {
		return false
	}
	r.passed, r.wrong = "", r.refused
	if r.wrong == nil {
		r.row = row{}
		r.wrong = r.read()
	}
	return true
}

// kinds are the words for what a row tells.
var kinds = map[string]schema.ConversionKind{
	"lead": schema.Lead, "sign_up": schema.Lead, "signup": schema.Lead, "customer": schema.Lead, "referred": schema.Lead,
	"sale": schema.Sale, "purchase": schema.Sale, "payment": schema.Sale, "order": schema.Sale, "transaction": schema.Sale,
	"refund": schema.Refund, "refunded": schema.Refund, "chargeback": schema.Refund,
}

// nothing are the words of kinds and states that count as nothing where they come from, and so do here.
var nothing = map[string]bool{
	"click": true, "custom": true, "referral": true, "bounty": true,
	"refunded": true, "duplicate": true, "fraud": true, "canceled": true, "cancelled": true, "voided": true, "void": true,
	"declined": true, "rejected": true, "failed": true, "deleted": true, "reversed": true,
}

// The names of events where a row has none.
const (
	leadEvent = "Sign up"
	saleEvent = "Purchase"
)

func (r *rows) read() error {
	c := &r.row.Conversion
	c.Source = schema.SourceImport
	word := columnName(r.get("kind"))
	kind, known := kinds[word]
	switch {
	case known:
		c.Kind = kind
	case word == "" && r.get("amount")+r.get("amount_minor") != "":
		c.Kind = schema.Sale
	case word == "":
		c.Kind = schema.Lead
	case nothing[word]:
		r.passed = word
		return nil
	default:
		return fmt.Errorf("kind: %.60q is none of lead, sale, refund", r.get("kind"))
	}
	if state := columnName(r.get("status")); nothing[state] && c.Kind != schema.Refund {
		r.passed = state
		return nil
	}
	if yes, err := strconv.ParseBool(strings.ToLower(r.get("test"))); yes && err == nil {
		r.passed = "test"
		return nil
	}
	date := r.get("date")
	if date == "" {
		return errors.New("date: is missing")
	}
	at, err := parseTime(date, r.zone)
	if err != nil {
		return err
	}
	c.OccurredAt = at.UnixMilli()
	if err := r.names(); err != nil {
		return err
	}
	if err := r.customer(); err != nil {
		return err
	}
	if err := r.money(); err != nil {
		return err
	}
	c.Click = r.get("click")
	c.Coupons = split(strings.Join(r.all("coupon"), ","))
	c.Event = r.get("event")
	if c.Event == "" {
		c.Event = map[schema.ConversionKind]string{schema.Lead: leadEvent, schema.Sale: saleEvent}[c.Kind]
	}
	r.identify()
	// After the row has its name, which does not depend on it: an export that was imported before stays the same.
	if alias := r.key.EmailAlias(c.Customer); alias != "" && !slices.Contains(c.Aliases, alias) {
		c.Aliases = append(c.Aliases, alias)
	}
	return r.check()
}

// names collects what the partner is called: e-mail addresses, and slugs by themselves or in links.
func (r *rows) names() error {
	said := r.all("partner")
	for _, name := range said {
		if !strings.Contains(name, "@") || strings.Contains(name, "://") {
			name = slugOf(name)
		}
		if name != "" {
			r.row.partners = append(r.row.partners, name)
		}
	}
	if len(said) > 0 && len(r.row.partners) == 0 {
		return fmt.Errorf("partner: %.200q names nobody", said[0])
	}
	return nil
}

// customer reads who the customer is. A lead is somebody's, so where there is only an e-mail address its hash names
// the customer.
func (r *rows) customer() error {
	c := &r.row.Conversion
	c.Customer = r.get("customer")
	if email := r.get("customer_email"); email != "" {
		alias := r.key.EmailAlias(email)
		if alias == "" {
			return errors.New("customer_email: is no e-mail address")
		}
		c.Aliases = append(c.Aliases, alias)
	}
	if shop := schema.ShopAlias(r.get("shop")); shop != "" {
		c.Aliases = append(c.Aliases, shop)
	}
	if c.Kind == schema.Lead && c.Customer == "" && r.get("click") == "" && len(c.Aliases) > 0 {
		c.Customer = c.Aliases[0]
	}
	return nil
}

// money reads the amount and the names of the payment.
func (r *rows) money() error {
	c := &r.row.Conversion
	code, err := parseCurrency(r.get("currency"), r.currency)
	if err != nil {
		return err
	}
	main, minor := r.get("amount"), r.get("amount_minor")
	switch {
	case minor != "":
		c.Amount, err = parseMinor(minor)
	case main != "":
		c.Amount, err = parseAmount(main, code, r.cents())
	case c.Kind == schema.Sale:
		return errors.New("amount: is missing")
	}
	if err != nil {
		return err
	}
	if c.Kind == schema.Lead {
		if c.Amount != 0 {
			return errors.New("amount: a lead has none")
		}
		return nil
	}
	if c.Kind == schema.Sale || c.Amount != 0 {
		c.Currency = code
	}
	if c.Payments = r.all("invoice"); len(c.Payments) > 0 {
		c.Invoice = c.Payments[0]
	}
	c.Refund = r.get("refund")
	c.Reason = r.get("reason")
	return nil
}

// identify names what has no name of its own, so that another export of the same history tells the same: by the id that
// the row has where it comes from, otherwise by what it says and by how often that was said before.
func (r *rows) identify() {
	c := &r.row.Conversion
	if c.Kind == schema.Lead || c.Kind == schema.Sale && c.Invoice != "" || c.Kind == schema.Refund && c.Refund != "" {
		return
	}
	name := "id:" + r.get("id")
	if r.get("id") == "" {
		var said strings.Builder
		list := append([]string{string(c.Kind), fmt.Sprint(c.OccurredAt), c.Customer, c.Click, c.Event, c.Invoice, c.Currency, fmt.Sprint(c.Amount)}, c.Aliases...)
		for _, s := range append(append(list, r.row.partners...), c.Coupons...) {
			fmt.Fprintf(&said, "%d:%s", len(s), s)
		}
		hash := xxhash.Sum64String(said.String())
		r.seen[hash]++
		name = fmt.Sprintf("said:%016x:%d", hash, r.seen[hash])
	}
	if c.Kind == schema.Refund {
		c.Refund = name
	} else {
		r.row.once = "import " + name
	}
}

// check holds the row to what every report is held to.
func (r *rows) check() error {
	c := &r.row.Conversion
	if len(r.row.partners) > 0 {
		c.Credit = 1 // somebody, until the names are looked up
	}
	err := track.Check(c, time.UnixMilli(c.OccurredAt))
	c.Credit = 0
	var wrong *track.Error
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: %s", wrong.Field, wrong.Message)
	}
	return err
}
