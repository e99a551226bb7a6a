package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/payout"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func payoutCommand(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "payout",
		Short: "Payouts: what partners are paid, who approves it, and what became of it",
		Long: "On the program's payout_day the aggregator drafts a payout for every partner whose payable rewards reach the minimum; the rest\n" +
			"is carried over. Somebody approves each draft, and the aggregator sends it and asks what became of it. Partners who are paid by\n" +
			"bank are written into a file for the bank, and people say what became of those.",
	}
	c.AddCommand(payoutPreview(open), payoutRun(open), payoutList(open), payoutStatus(open), payoutApprove(open), payoutCancel(open), payoutExport(open), payoutStatement(open))
	return c
}

// payoutJSON is a payout as --json prints it. Amounts are minor units of the currency.
type payoutJSON struct {
	ID          string           `json:"id"`
	Partner     schema.PartnerID `json:"partner_id"`
	Amount      int64            `json:"amount"`
	Currency    string           `json:"currency"`
	Status      payout.Status    `json:"status"`
	Method      schema.PayBy     `json:"method"`
	To          string           `json:"to"` // masked
	Ref         string           `json:"ref,omitempty"`
	Reason      string           `json:"reason,omitempty"`
	Approvals   []string         `json:"approvals,omitempty"`
	Rewards     int              `json:"rewards"`
	CutOff      time.Time        `json:"cut_off"`
	CreatedAt   time.Time        `json:"created_at,omitzero"`
	SentAt      time.Time        `json:"sent_at,omitzero"`
	CompletedAt time.Time        `json:"completed_at,omitzero"`
	ChangedAt   time.Time        `json:"changed_at,omitzero"`
	Actor       string           `json:"actor,omitempty"`
	History     []payoutStepJSON `json:"history,omitempty"` // in `payout status`
	Note        string           `json:"note,omitempty"`    // why it is not sent, or what nobody knows of it
}

// payoutStepJSON is a version of a payout.
type payoutStepJSON struct {
	At     time.Time     `json:"at"`
	Status payout.Status `json:"status"`
	Actor  string        `json:"actor"`
	Reason string        `json:"reason,omitempty"`
}

func payoutOf(p payout.Payout) payoutJSON {
	return payoutJSON{
		ID: p.ID.String(), Partner: p.Partner, Amount: p.Amount, Currency: p.Currency, Status: p.Status, Method: p.To.By, To: p.To.Masked, Ref: p.Ref, Reason: p.Reason,
		Approvals: p.Approvals, Rewards: p.Rewards, CutOff: p.CutOff, CreatedAt: p.CreatedAt, SentAt: p.SentAt, CompletedAt: p.CompletedAt, ChangedAt: p.At, Actor: p.Actor,
	}
}

func payoutsOf(payouts []payout.Payout) []payoutJSON {
	out := []payoutJSON{}
	for _, p := range payouts {
		out = append(out, payoutOf(p))
	}
	return out
}

func notesOf(notes []payout.Note) []payoutJSON {
	out := []payoutJSON{}
	for _, n := range notes {
		p := payoutOf(n.Payout)
		p.Note = n.Text
		out = append(out, p)
	}
	return out
}

var payoutHeadings = []string{"ID", "PARTNER", "AMOUNT", "STATUS", "TO", "CUT-OFF", "REASON"}

func (p payoutJSON) cells() []any {
	reason := p.Note
	if reason == "" {
		reason = p.Reason
	}
	return []any{p.ID, p.Partner, schema.FormatAmount(p.Amount, p.Currency), p.Status, p.To, moment(p.CutOff), reason}
}

// withPayouts makes a command's body of one that works with the deployment's runner.
func withPayouts(open opener, body func(c *cobra.Command, d *deployment, r *payout.Runner, args []string) error) func(*cobra.Command, []string) error {
	return on(open, func(c *cobra.Command, d *deployment, args []string) error {
		r, err := payoutRunner(d)
		if err != nil {
			return err
		}
		return body(c, d, r, args)
	})
}

// cutOffFlag is the moment that --cut-off names, or the program's last payout day.
func cutOffFlag(ctx context.Context, d *deployment, text string) (time.Time, error) {
	p, err := d.Directory.Program(ctx)
	if err != nil {
		return time.Time{}, err
	}
	day, err := programDayFlag("cut-off", text)
	if err != nil || day != 0 {
		return day.Period(p.Location()).From, err
	}
	return payout.CutOff(p, time.Now()), nil
}

const cutOffUsage = "what was due before this day of the program begins: 2026-12-01 (default: the last payout day)"

func payoutPreview(open opener) *cobra.Command {
	var cutOff string
	var a printer
	c := &cobra.Command{
		Use:   "preview",
		Short: "Show what a run would draft, and what it would carry over; nothing is changed",
		Args:  cobra.NoArgs,
		RunE: withPayouts(open, func(c *cobra.Command, d *deployment, r *payout.Runner, _ []string) error {
			at, err := cutOffFlag(c.Context(), d, cutOff)
			if err != nil {
				return err
			}
			plan, err := r.Preview(c.Context(), at)
			if err != nil {
				return err
			}
			drafts := []payout.Payout{}
			for _, d := range plan.Drafts {
				drafts = append(drafts, d.Payout)
			}
			return printRun(c, a, payoutRunJSON{CutOff: at, Drafted: payoutsOf(drafts), Carried: plan.Carried})
		}),
	}
	c.Flags().StringVar(&cutOff, "cut-off", "", cutOffUsage)
	return a.flag(c)
}

// payoutRunJSON is what a run did, or would do.
type payoutRunJSON struct {
	CutOff   time.Time      `json:"cut_off"`
	Done     bool           `json:"cut_off_done,omitempty"` // everything had been drafted at this cut-off before
	Drafted  []payoutJSON   `json:"drafted"`
	Changed  []payoutJSON   `json:"changed,omitempty"`
	Held     []payoutJSON   `json:"held,omitempty"`
	Problems []payoutJSON   `json:"problems,omitempty"`
	Warnings []payoutJSON   `json:"warnings,omitempty"`
	Carried  []payout.Carry `json:"carried"`
}

func printRun(c *cobra.Command, a printer, r payoutRunJSON) error {
	if r.Carried == nil {
		r.Carried = []payout.Carry{}
	}
	if a.json {
		return writeJSON(c.OutOrStdout(), r)
	}
	fmt.Fprintf(c.OutOrStdout(), "Cut-off %s: %d drafted, %d carried over\n", moment(r.CutOff), len(r.Drafted), len(r.Carried))
	for _, part := range []struct {
		title   string
		payouts []payoutJSON
	}{{"Drafted", r.Drafted}, {"Changed", r.Changed}, {"Approved, and not sent", r.Held}, {"Nobody knows what became of these; the next run asks again", r.Problems}, {"Completed, and nobody knows whether they came back since", r.Warnings}} {
		if len(part.payouts) == 0 {
			continue
		}
		fmt.Fprintf(c.OutOrStdout(), "\n%s:\n", part.title)
		l := a.list(c, payoutHeadings...)
		for _, p := range part.payouts {
			if err := l.add(p, p.cells()...); err != nil {
				return err
			}
		}
		if err := l.close(); err != nil {
			return err
		}
	}
	if len(r.Carried) == 0 {
		return nil
	}
	fmt.Fprintln(c.OutOrStdout(), "\nCarried over:")
	l := a.list(c, "PARTNER", "AMOUNT", "REASON")
	for _, n := range r.Carried {
		if err := l.add(n, n.Partner, schema.FormatAmount(n.Amount, n.Currency), strings.TrimSpace(strings.ReplaceAll(string(n.Reason)+" "+n.Detail, "_", " "))); err != nil {
			return err
		}
	}
	return l.close()
}

func payoutRun(open opener) *cobra.Command {
	var cutOff string
	var a printer
	c := &cobra.Command{
		Use:   "run",
		Short: "Finish what is open, then draft payouts of what was due by a cut-off",
		Long: "Finish what is open, then draft payouts of what was due by a cut-off, as the aggregator's job does by itself. Whatever is in\n" +
			"a payout is in no other, so a run can be repeated at any time.",
		Args: cobra.NoArgs,
		RunE: withPayouts(open, func(c *cobra.Command, d *deployment, r *payout.Runner, _ []string) error {
			at, err := cutOffFlag(c.Context(), d, cutOff)
			if err != nil {
				return err
			}
			report, err := r.Run(c.Context(), at, string(directory.CLI))
			switch {
			case errors.Is(err, payout.ErrFuture):
				return usageError{fmt.Errorf("--cut-off %s has not begun in the program's time zone", cutOff)}
			case err != nil:
				return err
			case report.Skipped:
				return payout.ErrBusy
			case report.Waits:
				return fmt.Errorf("rewards are not booked up to %s yet: try again when the aggregator's job reward has run; `fairlead jobs` shows it", moment(at))
			}
			if report.Ran {
				fmt.Fprintf(c.ErrOrStderr(), "payouts were drafted at this cut-off before; --cut-off names another day\n")
			}
			return printRun(c, a, payoutRunJSON{
				CutOff: at, Done: report.Ran, Drafted: payoutsOf(report.Drafted), Changed: payoutsOf(report.Changed), Held: notesOf(report.Held),
				Problems: notesOf(report.Problems), Warnings: notesOf(report.Warnings), Carried: report.Carried,
			})
		}),
	}
	c.Flags().StringVar(&cutOff, "cut-off", "", cutOffUsage)
	return a.flag(c)
}

func payoutList(open opener) *cobra.Command {
	var who, status string
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List payouts",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			partner, err := partnerFlag(c.Context(), d, who)
			if err != nil {
				return err
			}
			f := payout.Filter{Partner: partner}
			if status != "" {
				f.Statuses = []payout.Status{payout.Status(status)}
			}
			db, err := payoutStore(d)
			if err != nil {
				return err
			}
			found, err := db.Find(c.Context(), f)
			if err != nil {
				return err
			}
			l := a.list(c, payoutHeadings...)
			for _, p := range payoutsOf(found) {
				if err := l.add(p, p.cells()...); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&who, "partner", "", "only those of a partner: id, e-mail address or slug")
	c.Flags().StringVar(&status, "status", "", "only those in this status: draft, approved, processing, sent, completed, failed, returned or canceled")
	return a.flag(c)
}

// payoutID reads a payout's id.
func payoutID(text string) (payout.PayoutID, error) {
	id, err := schema.ParsePayoutID(text)
	if err != nil {
		return id, usageError{fmt.Errorf("%w; `fairlead payout list` shows them", err)}
	}
	return id, nil
}

func payoutStatus(open opener) *cobra.Command {
	var completed, failed, returned, force bool
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "status ID",
		Short: "Show a payout and its history, or say what became of one that was paid by bank",
		Args:  cobra.ExactArgs(1),
		RunE: withPayouts(open, func(c *cobra.Command, d *deployment, r *payout.Runner, args []string) error {
			id, err := payoutID(args[0])
			if err != nil {
				return err
			}
			for to, asked := range map[payout.Status]bool{payout.Completed: completed, payout.Failed: failed, payout.Returned: returned} {
				if !asked {
					continue
				}
				_, err := r.Mark(c.Context(), id, to, string(directory.CLI), reason, force)
				if errors.Is(err, payout.ErrProvider) {
					return fmt.Errorf("%w: the aggregator asks it; --force notes it all the same, where the provider cannot be asked any more", err)
				}
				if err != nil {
					return err
				}
			}
			db, err := payoutStore(d)
			if err != nil {
				return err
			}
			versions, err := db.History(c.Context(), id)
			if err != nil {
				return err
			}
			if len(versions) == 0 {
				return fmt.Errorf("payout %s: %w; `fairlead payout list` shows those there are", id, payout.ErrNone)
			}
			return printPayout(c, a, versions)
		}),
	}
	f := c.Flags()
	f.BoolVar(&completed, "completed", false, "the partner has the money")
	f.BoolVar(&failed, "failed", false, "nothing was paid: the rewards are payable again")
	f.BoolVar(&returned, "returned", false, "the money came back: the rewards are payable again")
	f.BoolVar(&force, "force", false, "also of a payout that a provider pays: make sure with the provider, or it is paid twice")
	f.StringVar(&reason, "reason", "", "why, for the record")
	c.MarkFlagsMutuallyExclusive("completed", "failed", "returned")
	return a.flag(c)
}

func printPayout(c *cobra.Command, a printer, versions []payout.Payout) error {
	out := payoutOf(versions[len(versions)-1])
	for _, v := range versions {
		out.History = append(out.History, payoutStepJSON{At: v.At, Status: v.Status, Actor: v.Actor, Reason: v.Reason})
	}
	if a.json {
		return writeJSON(c.OutOrStdout(), out)
	}
	fmt.Fprintf(c.OutOrStdout(), "payout %s of %s to partner %s is %s (%s)\n\n", out.ID, schema.FormatAmount(out.Amount, out.Currency), out.Partner, out.Status, out.To)
	l := a.list(c, "AT", "STATUS", "BY", "REASON")
	for _, s := range out.History {
		if err := l.add(s, moment(s.At), s.Status, s.Actor, s.Reason); err != nil {
			return err
		}
	}
	return l.close()
}

func payoutApprove(open opener) *cobra.Command {
	var as string
	var stdin bool
	var a printer
	c := &cobra.Command{
		Use:   "approve ID",
		Short: "Approve a draft: the aggregator sends it",
		Long: "Approve a draft: the aggregator sends it. What is above payouts.two_approvals_above takes two admins; where that is set,\n" +
			"each says who it is by --as and the password.",
		Args: cobra.ExactArgs(1),
		RunE: withPayouts(open, func(c *cobra.Command, d *deployment, r *payout.Runner, args []string) error {
			id, err := payoutID(args[0])
			if err != nil {
				return err
			}
			person := directory.CLI
			if (as != "") != stdin {
				return usageError{errors.New("--as and --password-stdin go together")}
			}
			if as == "" && d.Config.Payouts.TwoApprovalsAbove != 0 {
				return usageError{errors.New("payouts.two_approvals_above is set, so it matters who approves: say who you are with --as and --password-stdin")}
			}
			if as != "" {
				password, err := passwordFrom(c.InOrStdin())
				if err != nil {
					return err
				}
				l, ok, err := d.Directory.Authenticate(c.Context(), as, password)
				if err != nil {
					return err
				}
				if !ok || l.Role != schema.RoleAdmin {
					return errors.New("no admin has this e-mail address and password")
				}
				person = directory.LoginActor(l)
			}
			p, err := r.Approve(c.Context(), id, string(person))
			if err != nil {
				return err
			}
			out := payoutOf(p)
			if p.Status == payout.Draft {
				return a.one(c, out, "payout %s of %s has one approval and takes two: another person has to approve it", out.ID, schema.FormatAmount(out.Amount, out.Currency))
			}
			return a.one(c, out, "payout %s of %s to partner %s is approved", out.ID, schema.FormatAmount(out.Amount, out.Currency), out.Partner)
		}),
	}
	c.Flags().StringVar(&as, "as", "", "the admin who approves: e-mail address (default: whoever has this shell)")
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read that admin's password from standard input")
	return a.flag(c)
}

func payoutCancel(open opener) *cobra.Command {
	var reason string
	var a printer
	c := &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a payout that was not sent; its rewards are payable at the next cut-off",
		Args:  cobra.ExactArgs(1),
		RunE: withPayouts(open, func(c *cobra.Command, d *deployment, r *payout.Runner, args []string) error {
			id, err := payoutID(args[0])
			if err != nil {
				return err
			}
			p, err := r.Cancel(c.Context(), id, string(directory.CLI), reason)
			if err != nil {
				return err
			}
			out := payoutOf(p)
			return a.one(c, out, "payout %s is canceled; what was in it is payable at the next cut-off, or by `fairlead payout run --cut-off DAY`", out.ID)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return needs(a.flag(c), "reason")
}

func payoutExport(open opener) *cobra.Command {
	var method, batch, file string
	var year int
	c := &cobra.Command{
		Use:   "export (--method bank [--batch NAME] | --year YEAR) [--out FILE]",
		Short: "Write what is approved for partners paid by bank into a file, or a year's payouts for the accountants",
		Long: "With --method bank: write what is approved for partners who are paid by bank into a file for the bank, as CSV, and note it as\n" +
			"sent, in a batch. --batch writes once more what of a batch is still sent. `fairlead payout status` says what became of each.\n" +
			"With --year: write the payouts that were sent in that year of the program's time zone.",
		Args: cobra.NoArgs,
		RunE: withPayouts(open, func(c *cobra.Command, d *deployment, r *payout.Runner, _ []string) error {
			if (method != "") == (year != 0) || method != "" && method != string(schema.PayByBank) {
				return usageError{errors.New("give either --method bank or --year 2026")}
			}
			var text bytes.Buffer
			var err error
			if year != 0 {
				err = exportYear(c.Context(), d, &text, year)
			} else {
				err = exportBatch(c, d, r, &text, batch)
			}
			if err != nil {
				return err
			}
			return writeOut(c, file, text.Bytes())
		}),
	}
	f := c.Flags()
	f.StringVar(&method, "method", "", "bank")
	f.StringVar(&batch, "batch", "", "write once more what of this batch is still sent")
	f.IntVar(&year, "year", 0, "write the payouts that were sent in this year")
	f.StringVar(&file, "out", "", "file to write (default: standard output)")
	return c
}

// exportYear writes the payouts that were sent in a year.
func exportYear(ctx context.Context, d *deployment, out *bytes.Buffer, year int) error {
	p, err := d.Directory.Program(ctx)
	if err != nil {
		return err
	}
	db, err := payoutStore(d)
	if err != nil {
		return err
	}
	found, err := db.Find(ctx, payout.Filter{})
	if err != nil {
		return err
	}
	var sent []payout.Payout
	for _, one := range found {
		if !one.SentAt.IsZero() && one.SentAt.In(p.Location()).Year() == year {
			sent = append(sent, one)
		}
	}
	return payout.WriteYear(out, sent, payout.Merchant(p), p.Location())
}
