package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/payout"
	"fairlead/aggregator/payout/paypal"
	"fairlead/aggregator/payout/stripe"
	"fairlead/configs"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func partnerPayoutMethod(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "payout-method",
		Short: "How partners are paid: by Stripe, PayPal or bank transfer",
		Long: "How partners are paid: by Stripe, PayPal or bank transfer. What is entered first is used at once; every change waits for 72 hours, in\n" +
			"which nothing is paid to the partner. Details are sealed in the stores and shown masked.",
	}
	c.AddCommand(payoutMethodSet(open), payoutMethodShow(open), payoutMethodConfirm(open), payoutMethodStripe(open), payoutMethodClear(open))
	return c
}

// providers are the services that are set up to pay partners.
func providers(c configs.Payouts) (map[schema.PayBy]payout.Provider, error) {
	out := map[schema.PayBy]payout.Provider{}
	if c.Stripe.SecretKey != "" {
		out[schema.PayByStripe] = stripe.New(c.Stripe.SecretKey, "")
	}
	if c.PayPal.ClientID != "" {
		p, err := paypal.New(paypal.Options{ClientID: c.PayPal.ClientID, Secret: c.PayPal.Secret, Sandbox: c.PayPal.Sandbox})
		if err != nil {
			return nil, err
		}
		out[schema.PayByPayPal] = p
	}
	return out, nil
}

// payoutMethodJSON is a payout method as --json prints it: masked.
type payoutMethodJSON struct {
	Partner     schema.PartnerID             `json:"partner_id"`
	Method      schema.PayBy                 `json:"method,omitempty"`
	To          string                       `json:"to,omitempty"`
	Lacks       schema.PayoutLack            `json:"lacks,omitempty"`
	UsableFrom  time.Time                    `json:"usable_from,omitzero"`
	StatementTo bool                         `json:"statement_to"` // a legal name for statements is known
	NotSetUp    bool                         `json:"not_set_up,omitempty"`
	OnboardURL  string                       `json:"onboard_url,omitempty"`
	History     []directory.PayoutMethodStep `json:"history,omitempty"`
}

// payoutMethodOf makes the answer about a method, and the sentence that says what it means now.
func payoutMethodOf(d *deployment, m schema.PayoutMethod) (payoutMethodJSON, string, error) {
	out := payoutMethodJSON{Partner: m.Partner, Method: m.By, Lacks: m.Lacks(time.Now()), StatementTo: m.Payee.LegalName != ""}
	if m.By == "" {
		return out, "no payout method was chosen", nil
	}
	out.To, out.UsableFrom = m.Masked(), m.UsableFrom
	set, err := providers(d.Config.Payouts)
	if err != nil {
		return out, "", err
	}
	out.NotSetUp = m.By != schema.PayByBank && set[m.By] == nil
	text := "paid to " + out.To
	switch out.Lacks {
	case schema.LacksConfirmation:
		text += ", once the address is confirmed: ask the partner, then `fairlead partner payout-method confirm " + m.Partner.String() + "`"
	case schema.LacksOnboarding:
		text += ", once Stripe knows enough of the partner: `fairlead partner payout-method stripe " + m.Partner.String() + "` makes the link"
	case schema.LacksTime:
		text += ", from " + moment(m.UsableFrom) + " on: details have changed"
	}
	if out.NotSetUp {
		text += fmt.Sprintf("\n%s is not set up, so nothing is paid by it: see payouts.%s in the configuration", m.By, m.By)
	}
	return out, text, nil
}

// onPayoutMethod is the body of a command that works on one partner's method and says how it stands then.
func onPayoutMethod(open opener, a *printer, body func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.PayoutMethod, error)) func(*cobra.Command, []string) error {
	return on(open, func(c *cobra.Command, d *deployment, args []string) error {
		p, err := d.Directory.FindPartner(c.Context(), args[0])
		if err != nil {
			return err
		}
		m, err := body(c.Context(), d, p.ID)
		if err != nil {
			return err
		}
		out, text, err := payoutMethodOf(d, m)
		if err != nil {
			return err
		}
		return a.one(c, out, "%s (%s): %s", p.Name, p.ID, text)
	})
}

func payoutMethodSet(open opener) *cobra.Command {
	var a printer
	var email, legalName, address, taxID string
	var bank schema.Bank
	var c *cobra.Command
	c = &cobra.Command{
		Use:   "set" + partnerArgument + " --paypal EMAIL | --account IBAN --holder NAME [--bic BIC]",
		Short: "Set where a partner's money goes, or who is named on the partner's statements",
		Long: "Set where a partner's money goes, or who is named on the partner's statements. A PayPal address has to be confirmed before it is used. A bank\n" +
			"account is an IBAN, or a number and the BIC of its bank. Stripe asks partners itself: see `fairlead partner payout-method stripe`.",
		Args: cobra.ExactArgs(1),
		RunE: onPayoutMethod(open, &a, func(ctx context.Context, d *deployment, p schema.PartnerID) (m schema.PayoutMethod, err error) {
			identity := c.Flags().Changed("legal-name") || c.Flags().Changed("address") || c.Flags().Changed("tax-id")
			if email == "" && bank.Account == "" && !identity {
				return m, errors.New("say where the money goes, with --paypal or --account, or who is named on statements, with --legal-name, --address or --tax-id")
			}
			if identity {
				if m, err = d.Directory.PayoutMethod(ctx, p); err != nil {
					return m, err
				}
				keep := func(flag, given, known string) string {
					if c.Flags().Changed(flag) {
						return given
					}
					return known
				}
				m, err = d.Directory.SetPayeeIdentity(ctx, directory.CLI, p,
					keep("legal-name", legalName, m.Payee.LegalName), keep("address", address, m.Payee.Address), keep("tax-id", taxID, m.Payee.TaxID))
			}
			switch {
			case err != nil:
				return m, err
			case email != "":
				return d.Directory.PayByPayPal(ctx, directory.CLI, p, email)
			case bank.Account != "":
				return d.Directory.PayByBank(ctx, directory.CLI, p, bank)
			}
			return m, nil
		}),
	}
	c.Flags().StringVar(&email, "paypal", "", "e-mail address of a PayPal account")
	c.Flags().StringVar(&bank.Account, "account", "", "IBAN, or the number of a bank account")
	c.Flags().StringVar(&bank.Holder, "holder", "", "who the bank account belongs to")
	c.Flags().StringVar(&bank.BIC, "bic", "", "BIC of the bank")
	c.Flags().StringVar(&legalName, "legal-name", "", "the partner's name on statements")
	c.Flags().StringVar(&address, "address", "", "the partner's address on statements")
	c.Flags().StringVar(&taxID, "tax-id", "", "the partner's tax id on statements")
	c.MarkFlagsMutuallyExclusive("paypal", "account")
	c.MarkFlagsRequiredTogether("account", "holder")
	return a.flag(c)
}

func payoutMethodShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show" + partnerArgument,
		Short: "Show how a partner is paid, masked, and how that was changed",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			p, err := d.Directory.FindPartner(ctx, args[0])
			if err != nil {
				return err
			}
			m, err := d.Directory.PayoutMethod(ctx, p.ID)
			if err != nil {
				return err
			}
			out, text, err := payoutMethodOf(d, m)
			if err != nil {
				return err
			}
			if out.History, err = d.Directory.PayoutMethodHistory(ctx, p.ID); err != nil {
				return err
			}
			for _, s := range out.History {
				text += fmt.Sprintf("\n  %s  %s, by %s: %s", moment(s.At), s.To, s.Actor, s.Reason)
			}
			return a.one(c, out, "%s (%s): %s", p.Name, p.ID, text)
		}),
	}
	return a.flag(c)
}

func payoutMethodConfirm(open opener) *cobra.Command {
	var a printer
	return a.flag(&cobra.Command{
		Use:   "confirm" + partnerArgument,
		Short: "Take a partner's PayPal address as the partner's own, who was asked",
		Args:  cobra.ExactArgs(1),
		RunE: onPayoutMethod(open, &a, func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.PayoutMethod, error) {
			return d.Directory.ConfirmPayPal(ctx, directory.CLI, p)
		}),
	})
}

func payoutMethodClear(open opener) *cobra.Command {
	var a printer
	var reason string
	c := &cobra.Command{
		Use:   "clear" + partnerArgument,
		Short: "Forget where a partner's money goes; what is entered next waits for 72 hours",
		Args:  cobra.ExactArgs(1),
		RunE: onPayoutMethod(open, &a, func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.PayoutMethod, error) {
			return d.Directory.ClearPayoutMethod(ctx, directory.CLI, p, reason)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return a.flag(c)
}

func payoutMethodStripe(open opener) *cobra.Command {
	var a printer
	return a.flag(&cobra.Command{
		Use:   "stripe" + partnerArgument,
		Short: "Have a partner paid by Stripe: makes the link at which the partner tells Stripe who it is and where it banks",
		Long: "Have a partner paid by Stripe: opens a connected account the first time, and makes a link for the partner, who tells Stripe there who it is\n" +
			"and where it banks. The link works once, for some minutes; send it to the partner alone. Stripe says itself when the account can be paid, by\n" +
			"the webhook of payouts.stripe.connect_secrets; run again, the command asks.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			ctx := c.Context()
			p, err := d.Directory.FindPartner(ctx, args[0])
			if err != nil {
				return err
			}
			m, link, err := payByStripe(ctx, d, directory.CLI, p.ID, d.DashboardURL+"/payouts/stripe/return", d.DashboardURL+"/payouts/stripe/refresh")
			if err != nil {
				return err
			}
			out, text, err := payoutMethodOf(d, m)
			if err != nil {
				return err
			}
			if out.OnboardURL = link; m.StripeReady {
				return a.one(c, out, "%s (%s): %s", p.Name, p.ID, text)
			}
			return a.one(c, out, "%s (%s) goes on at Stripe:\n%s", p.Name, p.ID, link)
		}),
	})
}

// payByStripe gives a partner a connected account, the one it had before if there is one, and a link to it while Stripe wants to
// know more. Stripe sends the partner to back afterwards, and to again when the link is too old.
func payByStripe(ctx context.Context, d *deployment, actor directory.Actor, p schema.PartnerID, back, again string) (m schema.PayoutMethod, link string, err error) {
	key := d.Config.Payouts.Stripe.SecretKey
	if key == "" {
		return m, "", errors.New("payouts by Stripe are not set up: name the account's key with payouts.stripe.secret_key in the configuration")
	}
	secret, err := payoutKey(d.Config)
	if err != nil {
		return m, "", err
	}
	if secret == "" {
		return m, "", errors.New("this deployment has no key of payout details: name one with payouts.encryption_key or payouts.encryption_key_file")
	}
	s := stripe.New(key, "")
	if m, err = d.Directory.PayoutMethod(ctx, p); err != nil {
		return m, "", err
	}
	account := m.StripeAccount
	if account == "" {
		if account, err = s.Open(ctx, p, secret.Name("account of partner "+p.String())); err != nil {
			return m, "", err
		}
	}
	ready, err := s.Ready(ctx, account)
	if err != nil {
		return m, "", err
	}
	if m, err = d.Directory.PayByStripe(ctx, actor, p, account, ready); err != nil || ready {
		return m, "", err
	}
	link, err = s.Link(ctx, account, back, again)
	return m, link, err
}
