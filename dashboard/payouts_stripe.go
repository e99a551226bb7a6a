package dashboard

import (
	"context"
	"errors"
	"net/http"

	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// Stripe has partners paid by Stripe.
type Stripe interface {
	// PayBy has a partner paid by Stripe from now on, and makes the address at which the partner tells Stripe who they are and
	// where they bank; empty: Stripe knows enough. Stripe sends the partner to back afterwards, and to again when the address
	// is too old.
	PayBy(ctx context.Context, actor directory.Actor, partner schema.PartnerID, back, again string) (address string, err error)
	// Ask notes what Stripe says now of an account that a partner is paid to.
	Ask(ctx context.Context, account string) error
}

// stripePage asks for the password before a partner goes to Stripe: where the money goes is not changed by whoever finds the
// page open.
func (d *Dashboard) stripePage(r *request) (reply, error) {
	if d.opt.Stripe == nil {
		return reply{to: "/payouts"}, nil
	}
	return reply{page: d.stripeView(r, "")}, nil
}

// stripeAgain is where Stripe sends a partner whose link was too old.
func (d *Dashboard) stripeAgain(r *request) (reply, error) {
	if d.opt.Stripe == nil {
		return reply{to: "/payouts"}, nil
	}
	v := d.stripeView(r, "")
	v.Note = "That link to Stripe was too old, or was used before. Here is the way to a new one."
	return reply{page: v}, nil
}

func (d *Dashboard) stripeView(r *request, alert string) templates.PayByStripe {
	return templates.PayByStripe{Shell: d.shell(r, "Be paid by Stripe"), Alert: alert}
}

// goToStripe makes the link to Stripe, for whoever knows the password.
func (d *Dashboard) goToStripe(r *request) (reply, error) {
	if d.opt.Stripe == nil {
		return reply{to: "/payouts"}, nil
	}
	if err := r.ParseForm(); err != nil {
		return reply{}, badForm(err)
	}
	refused := func(status int, alert string) reply { return reply{status: status, page: d.stripeView(r, alert)} }
	address, login := d.client(r.Request), r.who.Login
	wait, err := d.limits.attempt(r.Context(), address, login.Email)
	if err != nil {
		return reply{}, away(err)
	}
	if wait > 0 {
		re := refused(http.StatusTooManyRequests, "Too many attempts. Try again in "+minutes(wait)+".")
		re.retryAfter = wait
		return re, nil
	}
	known, ok, err := d.opt.Directory.Authenticate(r.Context(), login.Email, r.PostForm.Get("password"))
	if err != nil {
		return reply{}, err
	}
	if !ok || known.ID != login.ID {
		d.log.Warn("a change of payout details refused: wrong password", "login", login.ID, "address", address)
		return refused(http.StatusUnprocessableEntity, "The password is wrong."), nil
	}
	if err := d.limits.forgive(r.Context(), login.Email); err != nil {
		return reply{}, away(err)
	}
	link, err := d.opt.Stripe.PayBy(r.Context(), directory.LoginActor(login), r.who.Partner.ID, d.opt.PublicURL+stripeReturn, d.opt.PublicURL+stripeRefresh)
	var not *directory.Error
	switch {
	case errors.As(err, &not) && not.Code == directory.Conflict:
		return refused(http.StatusUnprocessableEntity, not.Message), nil
	case err != nil:
		d.log.Error("a partner cannot be sent to Stripe", "partner", r.who.Partner.ID, "err", err)
		return refused(http.StatusServiceUnavailable, "Stripe cannot be reached right now. Try again in a minute, or tell the program's team."), nil
	case link == "":
		return reply{to: "/payouts"}, nil
	}
	v := d.stripeView(r, "")
	v.Link = link
	return reply{page: v}, nil
}

// Where Stripe sends partners.
const (
	stripeReturn  = "/payouts/stripe/return"
	stripeRefresh = "/payouts/stripe/refresh"
)

// backFromStripe asks Stripe how it stands when a partner comes back from there. Where it does not answer, its webhook tells.
func (d *Dashboard) backFromStripe(r *request) (reply, error) {
	re := reply{to: "/payouts"}
	if d.opt.Stripe == nil {
		return re, nil
	}
	m, err := d.opt.Directory.PayoutMethod(r.Context(), r.who.Partner.ID)
	if err != nil {
		return reply{}, err
	}
	if m.By != schema.PayByStripe || m.StripeReady {
		return re, nil
	}
	wait, err := d.limits.attempt(r.Context(), d.client(r.Request), "")
	if err != nil {
		return reply{}, away(err)
	}
	if wait > 0 {
		return re, nil
	}
	if err := d.opt.Stripe.Ask(r.Context(), m.StripeAccount); err != nil {
		d.log.Warn("Stripe cannot be asked for an account", "partner", r.who.Partner.ID, "err", err)
	}
	return re, nil
}
