package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func trackCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "track", Short: "Reporting conversions"}
	c.AddCommand(trackTest(open))
	return c
}

// triedJSON is what `track test` reported, as --json prints it.
type triedJSON struct {
	Customer string `json:"customer"`
	Invoice  string `json:"invoice"`
	Click    string `json:"click_id,omitempty"`
	Partner  string `json:"partner_id,omitempty"` // whose link the click was on
	Key      uint32 `json:"key_id,omitempty"`     // of the key that was drawn for it, and revoked
}

func trackTest(open opener) *cobra.Command {
	var key, click string
	var a printer
	c := &cobra.Command{
		Use:   "test",
		Short: "Send a test sign-up and a test sale through the running redirector",
		Long: "Send a test sign-up and a test sale through the running redirector, as a merchant's server would.\n\n" +
			"They are traced and never counted or paid. Without --key a test key is drawn for it, and revoked afterwards.",
		Args: cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			out, err := tryReporting(c.Context(), d, key, click)
			if err != nil {
				return err
			}
			sentence := "nobody is credited: they came without a click (--click gives them one)"
			if out.Partner != "" {
				sentence = "the trace says what partner " + out.Partner + " would be credited with"
			}
			return a.one(c, out, "A test sign-up and a test sale over 49.00 USD are recorded, on disk: customer %s, invoice %s.\n"+
				"They are never counted or paid, and %s.\nIn a few seconds: fairlead trace %s", out.Customer, out.Invoice, sentence, out.Invoice)
		}),
	}
	c.Flags().StringVar(&key, "key", "", "a test key of your own (fairlead key add --test)")
	c.Flags().StringVar(&click, "click", "", "a click id that the customer came by")
	return a.flag(c)
}

// tryReporting reports a lead and a sale of somebody who is made up.
func tryReporting(ctx context.Context, d *deployment, key, click string) (out triedJSON, err error) {
	name := strings.ToLower(rand.Text()[:8])
	out = triedJSON{Customer: "test-customer-" + name, Invoice: "test-invoice-" + name, Click: click}
	switch {
	case key == "":
		k, text, err := d.Directory.AddKey(ctx, directory.CLI, directory.NewAPIKey{Name: "fairlead track test", Test: true, ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			return out, err
		}
		defer func() {
			_, revoked := d.Directory.RevokeKey(context.WithoutCancel(ctx), directory.CLI, k.ID, "the test is over")
			err = errors.Join(err, revoked)
		}()
		key, out.Key = text, k.ID
	case !strings.HasPrefix(key, schema.APIKeyTest):
		return out, usageError{fmt.Errorf("--key is not a test key: what a live one reports counts, and could not be taken back; `fairlead key add --test` draws one")}
	}
	r := reporter{url: d.RedirectorURL, key: key, fresh: out.Key != 0}
	lead := map[string]any{"customerExternalId": out.Customer, "eventName": "Sign up", "clickId": click}
	var told struct {
		Link *struct {
			Partner string `json:"partnerId"`
		} `json:"link"`
	}
	if err := r.send(ctx, "/track/lead", lead, &told); err != nil {
		return out, err
	}
	if told.Link != nil {
		out.Partner = told.Link.Partner
	}
	sale := map[string]any{"customerExternalId": out.Customer, "amount": 4900, "invoiceId": out.Invoice, "leadEventName": "Sign up"}
	return out, r.send(ctx, "/track/sale", sale, &struct{}{})
}

// reporter reports to a redirector with an API key.
type reporter struct {
	url, key string
	fresh    bool // the key is new: the redirector may not have heard of it yet
}

// keyArrives is how long a redirector may take to hear of a new key.
const keyArrives = 10 * time.Second

// send posts a report until the redirector knows the key, and reads its answer into v.
func (r *reporter) send(ctx context.Context, path string, report, v any) error {
	for end := time.Now().Add(keyArrives); ; {
		status, text, err := r.post(ctx, path, report)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			if err := json.Unmarshal(text, v); err != nil {
				return fmt.Errorf("%s%s answered what is no JSON: %w", r.url, path, err)
			}
			r.fresh = false
			return nil
		}
		if status != http.StatusUnauthorized || !r.fresh || time.Now().After(end) {
			return refusal(r.url+path, status, text)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// refusal is the error of an answer that is not success.
func refusal(url string, status int, text []byte) error {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &said) != nil || said.Error.Message == "" {
		return fmt.Errorf("%s answered %d: is it a redirector of this version that is behind this address?", url, status)
	}
	return fmt.Errorf("%s answered %d: %s", url, status, said.Error.Message)
}

func (r *reporter) post(ctx context.Context, path string, report any) (status int, text []byte, err error) {
	body, err := json.Marshal(report)
	if err != nil {
		return 0, nil, fmt.Errorf("write a report as JSON: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("report to %s: %w", r.url, err)
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("the redirector does not answer: %w; start it, or say where it is with redirector.public_url", err)
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer of %s%s: %w", r.url, path, err)
	}
	return resp.StatusCode, text, nil
}
