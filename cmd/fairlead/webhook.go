package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/courier"
	"fairlead/schema"
	"fairlead/schema/directory"
)

func webhookCommand(open opener) *cobra.Command {
	c := &cobra.Command{
		Use:   "webhook",
		Short: "Endpoints of the merchant's that are told what counts",
		Long: "Endpoints of the merchant's that are told what counts: leads, sales and refunds that a partner is credited for, changes\n" +
			"of that, and what counts no more. What is sent is signed; it is sent again for three days until it is taken.",
	}
	c.AddCommand(webhookAdd(open), webhookList(open), webhookShow(open), webhookRotate(open), webhookDisable(open), webhookEnable(open), webhookRemove(open),
		webhookTest(open), deliveriesCommand(open, hookByID), redeliverCommand(open, hookByID))
	return c
}

// endpointJSON is what webhooks and postbacks have in common as --json prints it.
type endpointJSON struct {
	URL            string              `json:"url"`
	Events         []schema.NoticeType `json:"events"` // that it is told
	Test           bool                `json:"test"`   // of tests too
	State          string              `json:"state"`  // "enabled", "disabled" or "removed"
	CreatedAt      time.Time           `json:"created_at"`
	DisabledAt     time.Time           `json:"disabled_at,omitzero"`
	DisabledReason string              `json:"disabled_reason,omitempty"`
	RemovedAt      time.Time           `json:"removed_at,omitzero"`
}

func endpointOf(e schema.Endpoint) endpointJSON {
	events := e.Events
	if len(events) == 0 {
		events = schema.NoticeTypes()
	}
	return endpointJSON{
		URL: e.URL, Events: events, Test: e.Test, State: e.State(), CreatedAt: e.CreatedAt,
		DisabledAt: e.DisabledAt, DisabledReason: e.DisabledReason, RemovedAt: e.RemovedAt,
	}
}

// told says in a word or two which events an endpoint is told.
func (e endpointJSON) told() string {
	if len(e.Events) == len(schema.NoticeTypes()) {
		return "all events"
	}
	var names []string
	for _, t := range e.Events {
		names = append(names, string(t))
	}
	return strings.Join(names, ",")
}

// webhookJSON is a webhook as --json prints it. Only what draws a secret shows it.
type webhookJSON struct {
	ID     uint32 `json:"id"`
	Name   string `json:"name,omitempty"`
	Secret string `json:"secret,omitempty"`
	endpointJSON
	Secrets []secretJSON     `json:"secrets"`        // that sign now, the newest first
	Last    *courier.Attempt `json:"last,omitempty"` // in `webhook show`: the latest entry of its log
}

// secretJSON is a secret without itself.
type secretJSON struct {
	Hint       string    `json:"hint"` // its last four characters
	CreatedAt  time.Time `json:"created_at"`
	SignsUntil time.Time `json:"signs_until,omitzero"` // absent: no end is set
}

func webhookOf(w schema.Webhook, now time.Time) webhookJSON {
	out := webhookJSON{ID: w.ID, Name: w.Name, endpointJSON: endpointOf(w.Endpoint), Secrets: []secretJSON{}}
	for _, s := range w.Secrets {
		if s.RetiredAt.IsZero() || now.Before(s.RetiredAt) {
			text := string(s.Secret)
			out.Secrets = append(out.Secrets, secretJSON{text[len(text)-4:], s.CreatedAt, s.RetiredAt})
		}
	}
	return out
}

// eventsFlags adds the flags for what an endpoint is told.
func eventsFlags(c *cobra.Command, events *[]string, n *directory.NewEndpoint) {
	c.Flags().StringSliceVar(events, "events", nil, "what it is told, comma separated (default: everything)")
	c.Flags().BoolVar(&n.Test, "test", false, "tell it of tests too")
}

func noticeTypes(events []string) []schema.NoticeType {
	var out []schema.NoticeType
	for _, e := range events {
		out = append(out, schema.NoticeType(e))
	}
	return out
}

func webhookAdd(open opener) *cobra.Command {
	var n directory.NewEndpoint
	var name string
	var events []string
	var a printer
	c := &cobra.Command{
		Use:   "add URL",
		Short: "Add a webhook; the secret that signs what it gets is shown now and never again",
		Long: "Add a webhook. The secret that signs what it gets is shown now and never again; Fairlead keeps it, because it signs with it.\n\n" +
			"The address is https on a public host. Events: " + noticeList() + ".\n" +
			"Each is a POST with a JSON body and a header " + schema.SignatureHeader + ": t=UNIX,v1=HEX, the HMAC-SHA256 of the time, a point and the body as in\n" +
			"Stripe's scheme, so that Stripe's libraries verify it. Any status of 200 to 299 takes it. The same event may come more than\n" +
			"once, with the same id, and in any order. What was reported before the webhook was added is not told.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			n.URL, n.Events = args[0], noticeTypes(events)
			w, err := d.Directory.AddWebhook(c.Context(), directory.CLI, name, n)
			if err != nil {
				return err
			}
			out := webhookOf(w, time.Now())
			out.Secret = string(w.Secrets[0].Secret)
			return a.one(c, out, "%s\n\nWebhook %d is told %s; keep the secret now, it is not shown again. `fairlead webhook test %d` sends a sample.", out.Secret, w.ID, out.told(), w.ID)
		}),
	}
	c.Flags().StringVar(&name, "name", "", "what it is for")
	eventsFlags(c, &events, &n)
	return a.flag(c)
}

func noticeList() string {
	var names []string
	for _, t := range schema.NoticeTypes() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func webhookList(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "list",
		Short: "List every webhook there ever was",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			all, err := d.Directory.Webhooks(c.Context())
			if err != nil {
				return err
			}
			l := a.list(c, "ID", "NAME", "STATE", "TOLD", "URL")
			for _, w := range all {
				out := webhookOf(w, time.Now())
				if err := l.add(out, out.ID, out.Name, out.State, out.told(), out.URL); err != nil {
					return err
				}
			}
			return l.close()
		}),
	}
	return a.flag(c)
}

// webhookID reads the number of a webhook.
func webhookID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 0 {
		return 0, usageError{fmt.Errorf("%q is not the number of a webhook; `fairlead webhook list` shows them", text)}
	}
	return uint32(id), nil
}

// onWebhook is the body of a command that works on one webhook, and says a sentence with its number.
func onWebhook(open opener, a *printer, sentence string, body func(c *cobra.Command, d *deployment, id uint32) (schema.Webhook, error)) func(*cobra.Command, []string) error {
	return on(open, func(c *cobra.Command, d *deployment, args []string) error {
		id, err := webhookID(args[0])
		if err != nil {
			return err
		}
		w, err := body(c, d, id)
		if err != nil {
			return err
		}
		return a.one(c, webhookOf(w, time.Now()), sentence, w.ID)
	})
}

func webhookShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show a webhook; never its secret",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := webhookID(args[0])
			if err != nil {
				return err
			}
			w, err := d.Directory.Webhook(c.Context(), id)
			if err != nil {
				return err
			}
			out := webhookOf(w, time.Now())
			text := fmt.Sprintf("webhook  %d  %s\nurl      %s\nstate    %s since %s\ntold     %s", out.ID, out.Name, out.URL, out.State, moment(since(w.Endpoint)), out.told())
			if out.DisabledReason != "" {
				text += "\nbecause  " + out.DisabledReason
			}
			for _, s := range out.Secrets {
				text += "\nsecret   …" + s.Hint + " since " + moment(s.CreatedAt)
				if !s.SignsUntil.IsZero() {
					text += ", until " + moment(s.SignsUntil)
				}
			}
			if out.Last, err = lastAttempt(c.Context(), d, schema.KindWebhook, id); err != nil {
				return err
			}
			return a.one(c, out, "%s%s", text, saidLast(out.Last))
		}),
	}
	return a.flag(c)
}

// lastAttempt is the latest entry of an endpoint's log; nil: there is none.
func lastAttempt(ctx context.Context, d *deployment, kind schema.Kind, id uint32) (*courier.Attempt, error) {
	list, err := courier.Log(ctx, d.CH, courier.Filter{Kind: kind, ID: id, Limit: 1})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// saidLast tells people of the latest entry of a log, in a line of its own.
func saidLast(last *courier.Attempt) string {
	if last == nil {
		return "\nlast     nothing was sent yet"
	}
	text := fmt.Sprintf("\nlast     %s %s, %s", last.Type, last.State, moment(last.AttemptedAt))
	if last.Error != "" {
		text += ": " + last.Error
	}
	return text
}

// since is from when on an endpoint is in its state.
func since(e schema.Endpoint) time.Time {
	switch e.State() {
	case schema.EndpointRemoved:
		return e.RemovedAt
	case schema.EndpointDisabled:
		return e.DisabledAt
	}
	return e.CreatedAt
}

func webhookRotate(open opener) *cobra.Command {
	var atOnce bool
	var a printer
	c := &cobra.Command{
		Use:   "rotate ID",
		Short: "Draw a new secret; the one before signs beside it for a day",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := webhookID(args[0])
			if err != nil {
				return err
			}
			w, err := d.Directory.RotateWebhook(c.Context(), directory.CLI, id, atOnce)
			if err != nil {
				return err
			}
			out := webhookOf(w, time.Now())
			out.Secret = string(w.Secrets[0].Secret)
			return a.one(c, out, "%s\n\nThe new secret of webhook %d; keep it now, it is not shown again. %d secrets sign what it gets.", out.Secret, w.ID, len(out.Secrets))
		}),
	}
	c.Flags().BoolVar(&atOnce, "at-once", false, "the one before signs no more: for a secret that somebody else may know")
	return a.flag(c)
}

func webhookDisable(open opener) *cobra.Command {
	var a printer
	var reason string
	c := &cobra.Command{
		Use:   "disable ID",
		Short: "Send nothing to a webhook until it is enabled again",
		Args:  cobra.ExactArgs(1),
		RunE: onWebhook(open, &a, "webhook %d is disabled: nothing is sent there, and what would be stands in its log as skipped", func(c *cobra.Command, d *deployment, id uint32) (schema.Webhook, error) {
			return d.Directory.DisableWebhook(c.Context(), directory.CLI, id, reason)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return needs(a.flag(c), "reason")
}

func webhookEnable(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "enable ID",
		Short: "Send to a webhook again from now on; `redeliver` sends what it missed",
		Args:  cobra.ExactArgs(1),
		RunE: onWebhook(open, &a, "webhook %d is enabled; `fairlead webhook redeliver %[1]d --since DAY` sends what it missed", func(c *cobra.Command, d *deployment, id uint32) (schema.Webhook, error) {
			return d.Directory.EnableWebhook(c.Context(), directory.CLI, id)
		}),
	}
	return a.flag(c)
}

func webhookRemove(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "remove ID",
		Short: "Take a webhook away; its log stays",
		Args:  cobra.ExactArgs(1),
		RunE: onWebhook(open, &a, "webhook %d is removed", func(c *cobra.Command, d *deployment, id uint32) (schema.Webhook, error) {
			return d.Directory.RemoveWebhook(c.Context(), directory.CLI, id)
		}),
	}
	return a.flag(c)
}

func webhookTest(open opener) *cobra.Command {
	var event string
	var a printer
	c := &cobra.Command{
		Use:   "test ID",
		Short: "Send a sample now, from this machine, and show the answer; 1 if it is not taken",
		Args:  cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			id, err := webhookID(args[0])
			if err != nil {
				return err
			}
			w, err := d.Directory.Webhook(c.Context(), id)
			if err != nil {
				return err
			}
			if w.State() == schema.EndpointRemoved {
				return fmt.Errorf("webhook %d is removed", id)
			}
			tried, err := courier.TryWebhook(c.Context(), sender(d), w, schema.NoticeType(event), time.Now())
			return printTried(c, &a, tried, err)
		}),
	}
	c.Flags().StringVar(&event, "event", string(schema.NoticeOf(schema.Sale, schema.NoticeCreated)), "what the sample says")
	return a.flag(c)
}

// printTried says what came of a sample.
func printTried(c *cobra.Command, a *printer, t courier.Tried, err error) error {
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s was taken: answered %d after %d ms", t.Type, t.Event, t.Status, t.TookMS)
	if !t.Delivered {
		text = fmt.Sprintf("%s %s was not taken: %s, after %d ms", t.Type, t.Event, t.Error, t.TookMS)
	}
	if t.Answer != "" {
		text += "\n" + t.Answer
	}
	if err := a.one(c, t, "%s", text); err != nil || t.Delivered {
		return err
	}
	return &exitError{exitFailed}
}
