package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/courier"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func partnerPostback(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "postback",
		Short: "Partners' own trackers that are told what counts for them",
		Long: "Partners' own trackers that are told what counts for them: their leads, sales and refunds, changes of these, and what is\n" +
			"not theirs any more.",
	}
	c.AddCommand(postbackSet(open), postbackShow(open), postbackDisable(open), postbackEnable(open), postbackRemove(open), postbackTest(open),
		deliveriesCommand(open, postbackOfPartner), redeliverCommand(open, postbackOfPartner))
	return c
}

// postbackJSON is a postback as --json prints it.
type postbackJSON struct {
	Partner schema.PartnerID `json:"partner_id"`
	endpointJSON
	Last *courier.Attempt `json:"last,omitempty"` // in `postback show`: the latest entry of its log
}

func postbackOf(p schema.Postback) postbackJSON {
	return postbackJSON{Partner: p.Partner, endpointJSON: endpointOf(p.Endpoint)}
}

func postbackSet(open opener) *cobra.Command {
	var n directory.NewEndpoint
	var events []string
	var a printer
	c := &cobra.Command{
		Use:   "set PARTNER URL",
		Short: "Set the address of a partner's tracker, with macros; another takes the place of the one there is",
		Long: "Set the address of a partner's tracker; another takes the place of the one there is. It is https on a public host, and called with\n" +
			"GET. Macros in its path and query stand for what is told, escaped:\n\n  {" + strings.Join(schema.PostbackMacros(), "} {") + "}\n\n" +
			"{status} is lead, sale, refund or restored, and rejected of what is not the partner's any more. {txid} is the same for every message\n" +
			"about one lead, sale or refund, {event_id} for every delivery of one message. {amount} is the sale in the main unit of {currency}; {payout},\n" +
			"what the partner earns by it, is empty as long as rewards are not reckoned. {sub_id} to {sub_id5} are those of the click.",
		Args: cobra.ExactArgs(2),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.FindPartner(c.Context(), args[0])
			if err != nil {
				return err
			}
			n.URL, n.Events = args[1], noticeTypes(events)
			b, err := d.Directory.SetPostback(c.Context(), directory.CLI, p.ID, n)
			if err != nil {
				return err
			}
			out := postbackOf(b)
			return a.one(c, out, "the tracker of %s (%s) is told %s; `fairlead partner postback test %s` sends a sample", p.Name, p.ID, out.told(), p.ID)
		}),
	}
	eventsFlags(c, &events, &n)
	return a.flag(c)
}

// onPostback is the body of a command that works on one partner's postback, and says a sentence with the partner's number.
func onPostback(open opener, a *printer, sentence string, body func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.Postback, error)) func(*cobra.Command, []string) error {
	return on(open, func(c *cobra.Command, d *deployment, args []string) error {
		p, err := d.Directory.FindPartner(c.Context(), args[0])
		if err != nil {
			return err
		}
		b, err := body(c.Context(), d, p.ID)
		if err != nil {
			return err
		}
		return a.one(c, postbackOf(b), sentence, p.ID)
	})
}

const partnerArgument = " ID|EMAIL|SLUG"

func postbackShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show" + partnerArgument,
		Short: "Show a partner's postback",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.FindPartner(c.Context(), args[0])
			if err != nil {
				return err
			}
			b, err := d.Directory.Postback(c.Context(), p.ID)
			if err != nil {
				return err
			}
			out := postbackOf(b)
			text := fmt.Sprintf("partner  %s  %s\nurl      %s\nstate    %s since %s\ntold     %s", p.ID, p.Name, out.URL, out.State, moment(since(b.Endpoint)), out.told())
			if out.DisabledReason != "" {
				text += "\nbecause  " + out.DisabledReason
			}
			if out.Last, err = lastAttempt(c.Context(), d, schema.KindPostback, uint32(p.ID)); err != nil {
				return err
			}
			return a.one(c, out, "%s%s", text, saidLast(out.Last))
		}),
	}
	return a.flag(c)
}

func postbackDisable(open opener) *cobra.Command {
	var a printer
	var reason string
	c := &cobra.Command{
		Use:   "disable" + partnerArgument,
		Short: "Send nothing to a partner's tracker until it is enabled or set again",
		Args:  cobra.ExactArgs(1),
		RunE: onPostback(open, &a, "the tracker of partner %s is told nothing until it is enabled again", func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.Postback, error) {
			return d.Directory.DisablePostback(ctx, directory.CLI, p, reason)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return needs(a.flag(c), "reason")
}

func postbackEnable(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "enable" + partnerArgument,
		Short: "Send to a partner's tracker again from now on; `redeliver` sends what it missed",
		Args:  cobra.ExactArgs(1),
		RunE: onPostback(open, &a, "the tracker of partner %s is told again; `fairlead partner postback redeliver %[1]s --since DAY` sends what it missed", func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.Postback, error) {
			return d.Directory.EnablePostback(ctx, directory.CLI, p)
		}),
	}
	return a.flag(c)
}

func postbackRemove(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "remove" + partnerArgument,
		Short: "Take a partner's postback away; its log stays",
		Args:  cobra.ExactArgs(1),
		RunE: onPostback(open, &a, "partner %s has no postback any more", func(ctx context.Context, d *deployment, p schema.PartnerID) (schema.Postback, error) {
			return d.Directory.RemovePostback(ctx, directory.CLI, p)
		}),
	}
	return a.flag(c)
}

func postbackTest(open opener) *cobra.Command {
	var event string
	var a printer
	c := &cobra.Command{
		Use:   "test" + partnerArgument,
		Short: "Send a sample now, from this machine, and show the answer; 1 if it is not taken",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.FindPartner(c.Context(), args[0])
			if err != nil {
				return err
			}
			b, err := d.Directory.Postback(c.Context(), p.ID)
			if err != nil {
				return err
			}
			tried, err := courier.TryPostback(c.Context(), sender(d), b, schema.NoticeType(event), time.Now())
			return printTried(c, &a, tried, err)
		}),
	}
	c.Flags().StringVar(&event, "event", string(schema.NoticeOf(schema.Sale, schema.NoticeCreated)), "what the sample says")
	return a.flag(c)
}

// target is the endpoint that a command on deliveries means.
type target struct {
	kind  schema.Kind
	id    uint32
	state string
	name  string // for sentences
}

// finder is how a command finds the endpoint that its argument names.
type finder struct {
	argument string // as the usage calls it
	find     func(ctx context.Context, d *deployment, who string) (target, error)
}

var hookByID = finder{" ID", func(ctx context.Context, d *deployment, who string) (target, error) {
	id, err := webhookID(who)
	if err != nil {
		return target{}, err
	}
	w, err := d.Directory.Webhook(ctx, id)
	return target{schema.KindWebhook, id, w.State(), fmt.Sprintf("webhook %d", id)}, err
}}

var postbackOfPartner = finder{partnerArgument, func(ctx context.Context, d *deployment, who string) (target, error) {
	p, err := d.Directory.FindPartner(ctx, who)
	if err != nil {
		return target{}, err
	}
	b, err := d.Directory.Postback(ctx, p.ID)
	if directory.CodeOf(err) == directory.NotFound {
		b.RemovedAt, err = time.Now(), nil // its log may be there all the same
	}
	return target{schema.KindPostback, uint32(p.ID), b.State(), fmt.Sprintf("the postback of %s (%s)", p.Name, p.ID)}, err
}}

func deliveriesCommand(open opener, f finder) *cobra.Command {
	var from string
	var filter courier.Filter
	var a printer
	c := &cobra.Command{
		Use:   "deliveries" + f.argument,
		Short: "Every attempt to deliver something there, the latest first",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			to, err := f.find(c.Context(), d, args[0])
			if err != nil {
				return err
			}
			if filter.Since, err = parseMoment(from); err != nil {
				return usageError{fmt.Errorf("--since: %w", err)}
			}
			if filter.Limit < 1 || filter.Limit > 100_000 {
				return usageError{fmt.Errorf("--limit: %d is not between 1 and 100000", filter.Limit)}
			}
			filter.Kind, filter.ID = to.kind, to.id
			list, err := courier.Log(c.Context(), d.CH, filter)
			if err != nil {
				return err
			}
			l := a.list(c, "AT", "EVENT", "TYPE", "TRY", "STATE", "ANSWER", "TOOK", "NEXT")
			for _, e := range list {
				answer, next := e.Error, "–"
				switch {
				case e.State == "delivered":
					answer = fmt.Sprint(e.Status)
				case answer == "":
					answer = e.Reason
				}
				if !e.NextAt.IsZero() {
					next = moment(e.NextAt)
				}
				if err := l.add(e, moment(e.AttemptedAt), e.Event, e.Type, e.Number, e.State, answer, fmt.Sprint(e.TookMS, " ms"), next); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	c.Flags().StringVar(&from, "since", "", "only what was queued since: 2027-01-31, or 2027-01-31T12:00:00Z")
	c.Flags().StringVar(&filter.Event, "event", "", "only this event id")
	c.Flags().BoolVar(&filter.Troubled, "troubled", false, "only what was not taken")
	c.Flags().IntVar(&filter.Limit, "limit", 100, "how many attempts at most")
	return a.flag(c)
}

// redelivered is the answer of redeliver.
type redelivered struct {
	Queued int `json:"queued"` // notices
}

func redeliverCommand(open opener, f finder) *cobra.Command {
	var event, from string
	var a printer
	c := &cobra.Command{
		Use:   "redeliver" + f.argument + " (--event EVENT_ID | --since DAY)",
		Short: "Deliver an event once more, or all since a day that were given up or not sent",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			if (event == "") == (from == "") {
				return usageError{errors.New("give either --event or --since")}
			}
			begin, err := parseMoment(from)
			if err != nil {
				return usageError{fmt.Errorf("--since: %w", err)}
			}
			to, err := f.find(c.Context(), d, args[0])
			if err != nil {
				return err
			}
			if to.state != schema.EndpointEnabled {
				return fmt.Errorf("%s is %s: nothing can be delivered there", to.name, to.state)
			}
			n := 1
			if event != "" {
				err = courier.Redeliver(c.Context(), d.CH, to.kind, to.id, event, string(directory.CLI), time.Now())
			} else {
				n, err = courier.RedeliverUntaken(c.Context(), d.CH, to.kind, to.id, begin, string(directory.CLI), time.Now())
			}
			if err != nil {
				return err
			}
			return a.one(c, redelivered{n}, "%d to be delivered to %s; `deliveries` shows what comes of it", n, to.name)
		}),
	}
	c.Flags().StringVar(&event, "event", "", "the event's id")
	c.Flags().StringVar(&from, "since", "", "everything queued since then that was given up or skipped: 2027-01-31, or 2027-01-31T12:00:00Z")
	return a.flag(c)
}
