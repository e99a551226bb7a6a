package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fairlead/schema"
)

// PayoutMethod returns how a partner is paid; where nothing was chosen, one that says so.
func (d *Directory) PayoutMethod(ctx context.Context, partner schema.PartnerID) (schema.PayoutMethod, error) {
	m, ok, err := lookup[schema.PayoutMethod](ctx, d, schema.KindPayoutMethod, uint64(partner))
	if err != nil || !ok {
		return schema.PayoutMethod{Partner: partner}, err
	}
	return m, d.open(&m)
}

// PayoutMethods returns how partners are paid; those are missing who never chose.
func (d *Directory) PayoutMethods(ctx context.Context, partners []schema.PartnerID) (map[schema.PartnerID]schema.PayoutMethod, error) {
	ids := make([]uint64, len(partners))
	for i, p := range partners {
		ids[i] = uint64(p)
	}
	found, err := lookupMany[schema.PayoutMethod](ctx, d, schema.KindPayoutMethod, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[schema.PartnerID]schema.PayoutMethod, len(found))
	for _, m := range found {
		if err := d.open(&m); err != nil {
			return nil, err
		}
		out[m.Partner] = m
	}
	return out, nil
}

// open unseals the payee. It needs the key only where something was sealed.
func (d *Directory) open(m *schema.PayoutMethod) (err error) {
	if m.Sealed == "" {
		return nil
	}
	if err := d.needKey(); err != nil {
		return err
	}
	if m.Payee, err = d.opt.PayoutKey.Open(m.Partner, m.Sealed); err != nil {
		return unavailable(err, "The payout details of partner %s cannot be read: payouts.encryption_key is not the key that they were sealed with.", m.Partner)
	}
	return nil
}

func (d *Directory) needKey() error {
	if d.opt.PayoutKey == "" {
		return unavailable(nil, "Payout details are sealed, and this process has no key: name it with payouts.encryption_key or payouts.encryption_key_file; `fairlead up` keeps one in its folder as payout.key.")
	}
	return nil
}

// seal puts the payee away.
func (d *Directory) seal(m *schema.PayoutMethod) (err error) {
	if m.Payee == (schema.Payee{}) {
		m.Sealed = ""
		return nil
	}
	if err := d.needKey(); err != nil {
		return err
	}
	m.Sealed, err = d.opt.PayoutKey.Seal(m.Partner, m.Payee)
	return err
}

// changePayoutMethod changes how a partner is paid by fn; one that never chose is given to it empty. What stays as it was
// is no change.
func (d *Directory) changePayoutMethod(ctx context.Context, actor Actor, reason string, partner schema.PartnerID, fn func(*schema.PayoutMethod, *tx) error) (schema.PayoutMethod, error) {
	var m schema.PayoutMethod
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error {
		if err := t.partnersExist(ctx, map[uint64]bool{uint64(partner): true}); err != nil {
			return err
		}
		var before *entry
		var err error
		m, before, err = get[schema.PayoutMethod](ctx, t, schema.KindPayoutMethod, uint64(partner))
		if CodeOf(err) == NotFound {
			m, err = schema.PayoutMethod{Partner: partner}, nil
		}
		if err == nil {
			err = d.open(&m)
		}
		if err != nil {
			return err
		}
		was := m
		if err := fn(&m, t); err != nil || m == was {
			return err
		}
		if m.Payee != was.Payee {
			if err := d.seal(&m); err != nil {
				return err
			}
		}
		return t.putPayoutMethod(ctx, before, m)
	})
	if err != nil {
		return schema.PayoutMethod{}, err
	}
	return m, nil
}

// putPayoutMethod puts a method, if where it sends money is nobody else's.
func (t *tx) putPayoutMethod(ctx context.Context, before *entry, m schema.PayoutMethod) error {
	var keys []string
	// An address that is not confirmed may be anybody's: it keeps nobody from using their own.
	if m.Account != "" && (m.By != schema.PayByPayPal || m.Confirmed) {
		keys = []string{m.Account}
	}
	found, err := t.d.claimants(ctx, keys)
	if err != nil {
		return err
	}
	for _, e := range found {
		if e.kind != schema.KindPayoutMethod || e.id != uint64(m.Partner) {
			return conflict("account", "Another partner is paid there already. Each partner has an account of their own; please write to the team of the program.")
		}
	}
	return t.put(schema.KindPayoutMethod, uint64(m.Partner), before, m, keys...)
}

// redirect sends a partner's money to another account. The first one is used at once, any other after the waiting time.
func redirect(m *schema.PayoutMethod, t *tx, by schema.PayBy, account string) {
	if m.By == by && m.Account == account {
		return
	}
	m.By, m.Account, m.ChangedAt, m.UsableFrom = by, account, t.now, t.now
	if m.Entered {
		m.UsableFrom = t.now.Add(schema.PayoutWait)
	}
	m.Confirmed, m.Alias = false, ""
	settle(m)
}

// settle notes that money can be sent to where it goes, so that what comes after is a change.
func settle(m *schema.PayoutMethod) {
	if lack := m.Lacks(m.UsableFrom); lack == schema.LacksNothing {
		m.Entered = true
	}
}

// PayByPayPal has a partner paid to the PayPal account of an e-mail address, once it is confirmed.
func (d *Directory) PayByPayPal(ctx context.Context, actor Actor, partner schema.PartnerID, email string) (schema.PayoutMethod, error) {
	email, err := checkEmail(email)
	if err != nil {
		return schema.PayoutMethod{}, err
	}
	if err := d.needKey(); err != nil {
		return schema.PayoutMethod{}, err
	}
	key, err := d.CustomerKey(ctx)
	if err != nil {
		return schema.PayoutMethod{}, err
	}
	return d.changePayoutMethod(ctx, actor, "to be paid by PayPal", partner, func(m *schema.PayoutMethod, t *tx) error {
		if !strings.EqualFold(m.Payee.PayPalEmail, email) {
			m.Account = "" // another writing of one mailbox may be another account at PayPal
		}
		redirect(m, t, schema.PayByPayPal, d.opt.PayoutKey.Account(schema.PayByPayPal, email))
		m.Payee.PayPalEmail, m.Alias = email, key.EmailAlias(email)
		return nil
	})
}

// PayByBank has a partner paid by a transfer to a bank account.
func (d *Directory) PayByBank(ctx context.Context, actor Actor, partner schema.PartnerID, b schema.Bank) (schema.PayoutMethod, error) {
	var err error
	if b, err = checkBank(b); err != nil {
		return schema.PayoutMethod{}, err
	}
	if err := d.needKey(); err != nil {
		return schema.PayoutMethod{}, err
	}
	account := d.opt.PayoutKey.Account(schema.PayByBank, b.Account+":"+bankOf(b))
	return d.changePayoutMethod(ctx, actor, "to be paid by bank transfer", partner, func(m *schema.PayoutMethod, t *tx) error {
		redirect(m, t, schema.PayByBank, account)
		m.Payee.Bank = b
		return nil
	})
}

// bankOf tells accounts of one number at several banks apart; an IBAN names its bank.
func bankOf(b schema.Bank) string {
	if schema.IsIBAN(b.Account) {
		return ""
	}
	return b.BIC[:8]
}

func checkBank(b schema.Bank) (schema.Bank, error) {
	var err error
	if b.Holder, err = checkName("holder", b.Holder); err != nil {
		return b, err
	}
	b.Account, b.BIC = schema.NormalAccount(b.Account), schema.NormalAccount(b.BIC)
	if err := schema.CheckAccount(b.Account); err != nil {
		return b, invalid("account", "%s.", sentence(err))
	}
	if b.BIC == "" && schema.IsIBAN(b.Account) {
		return b, nil
	}
	if b.BIC == "" {
		return b, invalid("bic", "An account without an IBAN needs the BIC of its bank.")
	}
	if err := schema.CheckBIC(b.BIC); err != nil {
		return b, invalid("bic", "%s.", sentence(err))
	}
	return b, nil
}

// PayByStripe has a partner paid to a connected account at Stripe, as soon as Stripe says that it can be. ready is what Stripe
// says now.
func (d *Directory) PayByStripe(ctx context.Context, actor Actor, partner schema.PartnerID, account string, ready bool) (schema.PayoutMethod, error) {
	if !strings.HasPrefix(account, "acct_") || len(account) > 64 || strings.ContainsFunc(account, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return schema.PayoutMethod{}, invalid("account", "%q is not the id of an account at Stripe, such as acct_1032D82eZvKYlo2C.", account)
	}
	return d.changePayoutMethod(ctx, actor, "to be paid by Stripe", partner, func(m *schema.PayoutMethod, t *tx) error {
		m.StripeAccount, m.StripeReady = account, ready
		redirect(m, t, schema.PayByStripe, stripeKey(account))
		settle(m)
		return nil
	})
}

// stripeKey is what an account at Stripe is found by. Its id is no secret and names nobody.
func stripeKey(account string) string { return "payee:stripe:" + account }

// StripeChanged notes what Stripe says of a connected account. It answers false for one that no partner is paid to. It needs no
// key: the id of an account names nobody.
func (d *Directory) StripeChanged(ctx context.Context, account string, ready bool) (bool, error) {
	m, e, err := d.paidByStripe(ctx, account)
	if err != nil {
		return false, clickHouseSilent(err)
	}
	if e == nil || m.StripeReady == ready {
		return e != nil, nil
	}
	err = d.write(ctx, System, "told by Stripe", func(ctx context.Context, t *tx) error {
		if m, e, err = d.paidByStripe(ctx, account); err != nil || e == nil || m.StripeReady == ready {
			return err
		}
		m.StripeReady = ready
		settle(&m)
		return t.put(e.kind, e.id, e, m, e.keys...)
	})
	return e != nil, err
}

// paidByStripe returns the method that sends money to an account at Stripe, its payee sealed; nil: there is none.
func (d *Directory) paidByStripe(ctx context.Context, account string) (schema.PayoutMethod, *entry, error) {
	var m schema.PayoutMethod
	found, err := d.claimants(ctx, []string{stripeKey(account)})
	for _, e := range found {
		if e.kind != schema.KindPayoutMethod {
			continue
		}
		if err := json.Unmarshal([]byte(e.data), &m); err != nil {
			return m, nil, fmt.Errorf("read %s %d of directory_log: %w", e.kind, e.id, err)
		}
		return m, &e, nil
	}
	return m, nil, err
}

// SetPayeeIdentity sets who is named on a partner's statements: legal name, address, tax id; empty: not known.
func (d *Directory) SetPayeeIdentity(ctx context.Context, actor Actor, partner schema.PartnerID, name, address, taxID string) (schema.PayoutMethod, error) {
	for _, f := range []struct {
		field   string
		at      *string
		longest int
	}{{"legal_name", &name, maxName}, {"address", &address, maxAddress}, {"tax_id", &taxID, maxTaxID}} {
		var err error
		if *f.at, err = checkIdentity(f.field, *f.at, f.longest); err != nil {
			return schema.PayoutMethod{}, err
		}
	}
	return d.changePayoutMethod(ctx, actor, "name and address for statements", partner, func(m *schema.PayoutMethod, _ *tx) error {
		m.Payee.LegalName, m.Payee.Address, m.Payee.TaxID = name, address, taxID
		return nil
	})
}

// How long what stands on statements may be, in characters.
const (
	maxAddress = 500
	maxTaxID   = 50
)

// checkIdentity returns a text for statements in the form to store. Only addresses have lines.
func checkIdentity(field, text string, longest int) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	lines := strings.HasSuffix(field, "address")
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && (r != '\n' || !lines) }) {
		return "", invalid(field, "The %s holds characters that are not text.", strings.ReplaceAll(field, "_", " "))
	}
	if utf8.RuneCountInString(text) > longest {
		return "", invalid(field, "The %s is longer than %d characters.", strings.ReplaceAll(field, "_", " "), longest)
	}
	return text, nil
}

// ClearPayoutMethod forgets where a partner's money goes, and keeps what stands on statements. What is entered then is a change.
func (d *Directory) ClearPayoutMethod(ctx context.Context, actor Actor, partner schema.PartnerID, reason string) (schema.PayoutMethod, error) {
	return d.changePayoutMethod(ctx, actor, orElse(strings.TrimSpace(reason), "payout method cleared"), partner, func(m *schema.PayoutMethod, t *tx) error {
		if m.By == "" {
			return nil
		}
		who := m.Payee
		*m = schema.PayoutMethod{Partner: partner, Entered: m.Entered, StripeAccount: m.StripeAccount, ChangedAt: t.now, UsableFrom: t.now, Sealed: m.Sealed}
		m.Payee = schema.Payee{LegalName: who.LegalName, Address: who.Address, TaxID: who.TaxID}
		return nil
	})
}

// ConfirmPayPal takes a partner's PayPal address as confirmed: by the team, which asked the partner.
func (d *Directory) ConfirmPayPal(ctx context.Context, actor Actor, partner schema.PartnerID) (schema.PayoutMethod, error) {
	return d.changePayoutMethod(ctx, actor, "PayPal address confirmed by the team", partner, func(m *schema.PayoutMethod, _ *tx) error {
		if m.Lacks(m.UsableFrom) != schema.LacksConfirmation {
			return conflict("", "There is no PayPal address to confirm.")
		}
		m.Confirmed = true
		settle(m)
		return nil
	})
}

// PayoutMethodStep is how a partner was to be paid from a moment on.
type PayoutMethodStep struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	To     string    `json:"to"`     // masked
	Usable bool      `json:"usable"` // but for the waiting time
}

// PayoutMethodHistory returns the versions of a partner's payout method, in their order.
func (d *Directory) PayoutMethodHistory(ctx context.Context, partner schema.PartnerID) ([]PayoutMethodStep, error) {
	var steps []PayoutMethodStep
	var failed error
	err := history(ctx, d, schema.KindPayoutMethod, uint64(partner), func(v version, m schema.PayoutMethod) {
		if err := d.open(&m); err != nil && failed == nil {
			failed = err
		}
		steps = append(steps, PayoutMethodStep{At: v.At, Actor: v.Actor, Reason: v.Reason, To: m.Masked(), Usable: m.Lacks(m.UsableFrom) == schema.LacksNothing})
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return steps, nil
}
