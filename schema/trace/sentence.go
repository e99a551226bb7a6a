package trace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
)

// teller puts things into words for somebody.
type teller struct {
	*material
	to schema.PartnerID // 0: the team
}

// name is what a partner is called.
func (t teller) name(p schema.PartnerID) string {
	switch {
	case p == 0:
		return "nobody"
	case p == t.to:
		return "you"
	case t.partners[p].Name == "":
		return "partner " + p.String()
	}
	return t.partners[p].Name + " (partner " + p.String() + ")"
}

// of says whose something is: " of Ada (partner 1)", " of yours", or nothing.
func (t teller) of(p schema.PartnerID) string {
	switch p {
	case 0:
		return ""
	case t.to:
		return " of yours"
	}
	return " of " + t.name(p)
}

func (t teller) day(at time.Time) string { return at.In(t.zone).Format(time.DateOnly) }

// link is how a link is called.
func (t teller) link(id schema.LinkID, slug string) string {
	if slug == "" {
		return "link " + id.String()
	}
	return "/" + slug
}

// ofClick tells of a click.
func (t teller) ofClick(k *click) string {
	var b strings.Builder
	fmt.Fprintf(&b, "A click on %s%s", t.link(k.link, t.slugOf(k)), t.of(k.partner))
	if k.referrer != "" && t.to == 0 {
		b.WriteString(", from a page of " + k.referrer)
	}
	switch {
	case !k.landed:
		b.WriteString(". Its id is genuine; the click itself has not arrived in ClickHouse")
	case k.verdict == schema.VerdictValid.String():
		b.WriteString(". It is counted")
	default:
		b.WriteString(". It is not counted as a click: " + verdictWords[k.verdict])
		if k.reason != "" {
			b.WriteString(" (" + k.reason + ")")
		}
	}
	b.WriteString(".")
	return b.String()
}

// verdictWords say why a hit is no click. A test holds that there is one for every verdict.
var verdictWords = map[string]string{
	"valid":        "it is one",
	"bot":          "a program, not a person",
	"prefetch":     "fetched ahead by the browser, not visited",
	"embedded":     "embedded in another page, not visited",
	"unknown_link": "the program has no such link",
	"suspended":    "the partner was suspended",
	"disabled":     "the link was disabled",
	"expired":      "the link had expired",
}

// step tells of a step of a claim.
func (t teller) step(i int) string {
	c := t.claims[i]
	first := !slices.ContainsFunc(t.claims[:i], func(s step) bool { return s.ID == c.ID })
	switch {
	case first:
		who := t.name(c.Partner)
		if c.Partner == t.to {
			who = "You"
		}
		text := fmt.Sprintf("%s claimed the customer %s, referred on %s (claim %d).", who, c.Shown, t.day(c.ReferredAt), c.ID)
		if c.How != "" {
			text += " In their words: " + quote(c.How)
		}
		if c.State == schema.ClaimWaiting {
			text += " Nothing was reported of such a customer yet, so the claim waits."
		}
		return text
	case c.State == schema.ClaimAccepted:
		text := fmt.Sprintf("Claim %d%s was accepted: the customer's sales count from %s on.", c.ID, t.of(c.Partner), t.day(c.From))
		if c.Reason != "" {
			text += " " + quote(c.Reason)
		}
		return text
	case c.State == schema.ClaimDeclined:
		return fmt.Sprintf("Claim %d%s was declined: %s", c.ID, t.of(c.Partner), quote(c.Reason))
	case c.State == schema.ClaimSubmitted:
		return fmt.Sprintf("The customer of claim %d has arrived, and the claim is to be decided.", c.ID)
	}
	return fmt.Sprintf("Claim %d is %s.", c.ID, c.State)
}

// quote shows what somebody wrote.
func quote(s string) string { return "“" + strings.Join(strings.Fields(s), " ") + "”" }

// sourceWords say who reported. A test holds that there are words for every source.
var sourceWords = map[schema.ConversionSource]string{
	schema.SourceAPI: "The merchant's system", schema.SourceBrowser: "The merchant's page", schema.SourcePostback: "A postback", schema.SourceStripe: "Stripe",
	schema.SourceShopify: "Shopify", schema.SourceImport: "An import", schema.SourceShell: "The command line",
}

// report tells what was reported, and how.
func (t teller) report(r *told) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s reported %s", sourceWords[r.Source], t.thing(r))
	if r.Customer != "" {
		b.WriteString(" of customer " + r.Customer)
	}
	switch {
	case r.Click == "":
	case r.ClickState == schema.ClickForged:
		fmt.Fprintf(&b, ", with a click id that this program never gave out (%s)", r.Click)
	case r.ClickState == schema.ClickMalformed:
		fmt.Fprintf(&b, ", with %s in the place of a click id", quote(r.Click))
	case t.clicks[r.Click] != nil:
		k := t.clicks[r.Click]
		fmt.Fprintf(&b, ", with the click on %s of %s", t.link(k.link, t.slugOf(k)), t.day(k.at))
	}
	if len(r.Coupons) > 0 {
		b.WriteString(", with the coupon " + strings.Join(r.Coupons, ", "))
	}
	if r.Credit != 0 {
		b.WriteString(", in the name of " + t.name(r.Credit))
	}
	b.WriteString(".")
	if late := time.Duration(r.ReceivedAt-r.OccurredAt) * time.Millisecond; late > time.Minute {
		fmt.Fprintf(&b, " The report came %s later.", span(late))
	}
	return b.String()
}

// money writes an amount as it was reported. A refund may leave its currency to its sale.
func (t teller) money(minor int64, r *told) string {
	currency := r.Currency
	for _, other := range t.reports {
		if currency == "" && other.Kind == schema.Sale && slices.ContainsFunc(other.Payments, func(p string) bool { return slices.Contains(r.Payments, p) }) {
			currency = other.Currency
		}
	}
	if currency == "" {
		return fmt.Sprintf("%d minor units", minor)
	}
	return schema.FormatAmount(minor, currency)
}

// thing is what a report is of.
func (t teller) thing(r *told) string {
	amount := ""
	switch {
	case r.Amount != 0 || r.Kind == schema.Sale:
		amount = t.money(r.Amount, r)
	case r.Gross != 0:
		amount = t.money(r.Gross, r) + " of all that was charged"
	}
	invoice := ""
	if r.Invoice != "" {
		invoice = " (" + r.Invoice + ")"
	}
	switch r.Kind {
	case schema.Lead:
		return "a sign-up" + named(r.Event)
	case schema.Deferred:
		if r.Click == "" {
			return "that names are of one payment (" + strings.Join(r.Payments, ", ") + ")"
		}
		return "the click of somebody who had not signed up yet"
	case schema.Sale:
		return "a sale of " + amount + invoice
	case schema.Restored:
		if amount == "" {
			return "that a refund" + invoice + " was taken back"
		}
		return "that " + amount + " of a refund" + invoice + " were taken back"
	}
	switch {
	case amount == "":
		return "a refund of all that was left" + invoice
	case r.Running:
		return "refunds of " + amount + " in all" + invoice
	}
	return "a refund of " + amount + invoice
}

func named(event string) string {
	if event == "" {
		return ""
	}
	return " " + quote(event)
}

// span writes how long something took, in its greatest unit.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int64(d / u.unit); n > 1 {
			return fmt.Sprintf("%d %ss", n, u.name)
		} else if n == 1 {
			return "1 " + u.name
		}
	}
	return "less than a second"
}

// decision tells what was decided of a report, and why.
func (t teller) decision(r *told) string {
	d := r.decision
	if d == nil {
		return "It is not decided yet; that takes some seconds."
	}
	parts := []string{t.outcome(r), d.reason.Sentence()}
	if d.state == schema.StateHeld && d.reason == schema.ReasonNoRate && t.to == 0 {
		parts = append(parts, "`fairlead rates set` or `fairlead rates import` gives one.")
	}
	if detail := t.detail(r); detail != "" {
		parts = append(parts, detail)
	}
	return strings.Join(parts, " ")
}

// outcome is what came of a report.
func (t teller) outcome(r *told) string {
	d := r.decision
	referred := ""
	if d.binds {
		referred = " The customer counts as referred."
	}
	amount := schema.FormatAmount(d.amount, d.currency)
	switch d.state {
	case schema.StateCounted:
		switch r.Kind {
		case schema.Sale:
			return fmt.Sprintf("%s count for %s.%s", amount, t.name(d.partner), referred)
		case schema.Refund:
			return fmt.Sprintf("%s are taken back from %s.", amount, t.name(d.partner))
		case schema.Restored:
			return fmt.Sprintf("%s count for %s again.", amount, t.name(d.partner))
		}
		return fmt.Sprintf("Credited to %s.%s", t.name(d.partner), referred)
	case schema.StateDuplicate:
		return "A repeat, which changes nothing."
	case schema.StateConflict:
		return "It contradicts what was reported before, and changes nothing."
	case schema.StateUnattributed:
		return "Credited to nobody."
	case schema.StateReview:
		return fmt.Sprintf("Under review: it does not count for %s.", t.name(d.partner))
	case schema.StateWaiting:
		return "It waits."
	case schema.StateHeld:
		return fmt.Sprintf("Credited to %s, and held until its amount is known.%s", t.name(d.partner), referred)
	case schema.StateTest:
		if d.partner != 0 {
			return fmt.Sprintf("A test, which counts for nobody; otherwise it would be credited to %s.", t.name(d.partner))
		}
		return "A test, which counts for nobody."
	}
	return "Noted."
}

// detail tells the click, the coupon, the claim and the rate that decided.
func (t teller) detail(r *told) string {
	d := r.decision
	var parts []string
	if k := t.clicks[d.click]; k != nil {
		text := fmt.Sprintf("The click on %s%s was on %s", t.link(k.link, t.slugOf(k)), t.of(k.partner), t.day(k.at))
		apart := time.Duration(r.OccurredAt-d.clickedAt) * time.Millisecond
		if apart < 0 {
			text += ", " + span(-apart) + " later"
		} else {
			text += ", " + span(apart) + " before"
		}
		switch d.reason {
		case schema.ReasonLastClick, schema.ReasonFirstClick, schema.ReasonClickTooOld:
			text += fmt.Sprintf("; the window was %d days", t.programAt(r.OccurredAt).WindowDays)
		}
		parts = append(parts, text+".")
	}
	if d.coupon != "" {
		parts = append(parts, "The coupon was "+d.coupon+".")
	}
	if d.claim != 0 {
		parts = append(parts, fmt.Sprintf("It was claim %d.", d.claim))
	}
	if d.rate != "0" && r.Currency != "" && r.Currency != d.currency {
		parts = append(parts, fmt.Sprintf("1 %s was worth %s %s.", r.Currency, d.rate, d.currency))
	}
	return strings.Join(parts, " ")
}

// count says what came of a story for a partner.
func (t teller) count(p schema.PartnerID, c Count) string {
	var parts []string
	if c.Referred > 0 {
		parts = append(parts, many(c.Referred, "customer")+" referred")
	}
	if c.Sales > 0 || c.Refunded != 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", many(c.Sales, "sale"), schema.FormatAmount(c.Gross, c.Currency)))
	}
	if c.Refunded != 0 {
		parts = append(parts, fmt.Sprintf("%s given back, %s sold", schema.FormatAmount(c.Refunded, c.Currency), schema.FormatAmount(c.Sold(), c.Currency)))
	}
	if len(parts) == 0 {
		parts = append(parts, many(0, "sale"))
	}
	return "For " + t.name(p) + ": " + strings.Join(parts, ", ") + "."
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
