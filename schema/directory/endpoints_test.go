package directory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
)

func TestAWebhookFromItsBeginningToItsEnd(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	hook, err := w.AddWebhook(ctx, CLI, " shop ", NewEndpoint{URL: " https://Hooks.example/in ", Events: []schema.NoticeType{"sale.created", "lead.created", "sale.created"}, Test: true})
	if err != nil {
		t.Fatal(err)
	}
	if hook.ID != 1 || hook.Name != "shop" || hook.URL != "https://hooks.example/in" || len(hook.Events) != 2 || !hook.Test || hook.State() != schema.EndpointEnabled || hook.CreatedAt.IsZero() {
		t.Errorf("got %+v", hook)
	}
	first := hook.Secrets[0].Secret
	if !strings.HasPrefix(string(first), "whsec_") || len(hook.Secrets) != 1 {
		t.Errorf("got %d secrets", len(hook.Secrets))
	}

	signing := func(hook schema.Webhook) []schema.SigningSecret { return hook.Signing(time.Now()) }
	if hook, err = w.RotateWebhook(ctx, CLI, 1, false); err != nil || len(signing(hook)) != 2 || signing(hook)[1] != first || signing(hook)[0] == first {
		t.Errorf("rotated: got %+v, %v", hook, err)
	}
	if left := time.Until(hook.Secrets[1].RetiredAt); left < 23*time.Hour || left > SecretOverlap {
		t.Errorf("the secret before signs for %v", left)
	}
	if hook, err = w.RotateWebhook(ctx, CLI, 1, false); err != nil || len(signing(hook)) != 3 {
		t.Errorf("rotated twice: got %+v, %v", hook, err)
	}
	if hook, err = w.RotateWebhook(ctx, CLI, 1, true); err != nil || len(hook.Secrets) != 1 || len(signing(hook)) != 1 {
		t.Errorf("rotated at once: got %+v, %v", hook, err)
	}

	if hook, err = w.DisableWebhook(ctx, System, 1, "it failed for three days"); err != nil || hook.State() != schema.EndpointDisabled || hook.DisabledReason != "it failed for three days" {
		t.Errorf("disabled: got %+v, %v", hook, err)
	}
	since := hook.DisabledAt
	if hook, err = w.DisableWebhook(ctx, System, 1, "again"); err != nil || !hook.DisabledAt.Equal(since) {
		t.Errorf("disabled twice: got %+v, %v", hook, err)
	}
	if hook, err = w.EnableWebhook(ctx, CLI, 1); err != nil || hook.State() != schema.EndpointEnabled || hook.DisabledReason != "" {
		t.Errorf("enabled: got %+v, %v", hook, err)
	}
	if hook, err = w.RemoveWebhook(ctx, CLI, 1); err != nil || hook.State() != schema.EndpointRemoved || len(hook.Secrets) != 0 {
		t.Errorf("removed: got %+v, %v", hook, err)
	}
	if _, err := w.EnableWebhook(ctx, CLI, 1); CodeOf(err) != NotFound {
		t.Errorf("what is removed is enabled: %v", err)
	}
	if _, err := w.DisableWebhook(ctx, CLI, 7, ""); CodeOf(err) != NotFound {
		t.Errorf("there is no webhook 7: %v", err)
	}
	all, err := w.Webhooks(ctx)
	if err != nil || len(all) != 1 || all[0].State() != schema.EndpointRemoved {
		t.Errorf("the list: got %+v, %v", all, err)
	}
}

func TestThereAreOnlySoManyWebhooks(t *testing.T) {
	w := seeded(t)
	for range MostWebhooks {
		if _, err := w.AddWebhook(t.Context(), CLI, "", NewEndpoint{URL: "https://hooks.example/"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.AddWebhook(t.Context(), CLI, "", NewEndpoint{URL: "https://hooks.example/"}); CodeOf(err) != Invalid {
		t.Errorf("one more: %v", err)
	}
	if _, err := w.RemoveWebhook(t.Context(), CLI, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddWebhook(t.Context(), CLI, "", NewEndpoint{URL: "https://hooks.example/"}); err != nil {
		t.Errorf("in the place of one that was removed: %v", err)
	}
}

func TestAPostbackFromItsBeginningToItsEnd(t *testing.T) {
	w := seeded(t)
	ctx := t.Context()
	p, _ := w.partner("Ada", "ada@example.com")
	if _, err := w.Postback(ctx, p.ID); CodeOf(err) != NotFound {
		t.Errorf("before there is one: %v", err)
	}
	first, err := w.SetPostback(ctx, CLI, p.ID, NewEndpoint{URL: "https://t.example/?c={click_id}"})
	if err != nil || first.Partner != p.ID || first.URL != "https://t.example/?c={click_id}" {
		t.Fatalf("got %+v, %v", first, err)
	}
	if b, err := w.DisablePostback(ctx, System, p.ID, "it failed"); err != nil || b.State() != schema.EndpointDisabled {
		t.Errorf("disabled: got %+v, %v", b, err)
	}
	if b, err := w.EnablePostback(ctx, CLI, p.ID); err != nil || b.State() != schema.EndpointEnabled {
		t.Errorf("enabled: got %+v, %v", b, err)
	}
	if _, err := w.DisablePostback(ctx, System, p.ID, "it failed"); err != nil {
		t.Fatal(err)
	}
	second, err := w.SetPostback(ctx, CLI, p.ID, NewEndpoint{URL: "https://t.example/{txid}", Events: []schema.NoticeType{"sale.created"}})
	if err != nil || !second.CreatedAt.Equal(first.CreatedAt) || second.State() != schema.EndpointEnabled || second.URL != "https://t.example/{txid}" {
		t.Errorf("set anew: got %+v, %v", second, err)
	}
	if b, err := w.RemovePostback(ctx, CLI, p.ID); err != nil || b.State() != schema.EndpointRemoved {
		t.Errorf("removed: got %+v, %v", b, err)
	}
	if _, err := w.Postback(ctx, p.ID); CodeOf(err) != NotFound {
		t.Errorf("what is removed is shown: %v", err)
	}
	if all, err := w.Postbacks(ctx, []schema.PartnerID{p.ID, 99}); err != nil || len(all) != 1 || all[0].State() != schema.EndpointRemoved {
		t.Errorf("those of partners: got %+v, %v", all, err)
	}
	again, err := w.SetPostback(ctx, CLI, p.ID, NewEndpoint{URL: "https://t.example/"})
	if err != nil || !again.CreatedAt.After(first.CreatedAt) {
		t.Errorf("after it was removed a postback begins anew: got %+v, %v", again, err)
	}
}

func TestEndpointsThatCannotBe(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	f := func(field string, n NewEndpoint) {
		t.Helper()
		_, err := w.AddWebhook(t.Context(), CLI, "", n)
		_, err2 := w.SetPostback(t.Context(), CLI, p.ID, n)
		for _, err := range []error{err, err2} {
			var e *Error
			if !errors.As(err, &e) || e.Code != Invalid || e.Field != field {
				t.Errorf("%+v: got %v, want Invalid for %s", n, err, field)
			}
		}
	}
	f("url", NewEndpoint{})
	f("url", NewEndpoint{URL: "http://hooks.example/"})
	f("url", NewEndpoint{URL: "https://127.0.0.1/"})
	f("url", NewEndpoint{URL: "https://hooks.example/" + strings.Repeat("x", maxEndpoint)})
	f("events", NewEndpoint{URL: "https://hooks.example/", Events: []schema.NoticeType{"sale.sold"}})
	if _, err := w.SetPostback(t.Context(), CLI, p.ID, NewEndpoint{URL: "https://t.example/?{customer}"}); CodeOf(err) != Invalid {
		t.Errorf("an unknown macro: %v", err)
	}
	if _, err := w.SetPostback(t.Context(), CLI, 99, NewEndpoint{URL: "https://t.example/"}); CodeOf(err) != NotFound {
		t.Errorf("a partner that there is not: %v", err)
	}
	if _, err := w.AddWebhook(t.Context(), CLI, "a\nb", NewEndpoint{URL: "https://hooks.example/"}); CodeOf(err) != Invalid {
		t.Errorf("a name of two lines: %v", err)
	}
}
