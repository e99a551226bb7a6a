package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fairlead/cmd/demo"
	"fairlead/dashboard/browsertest"
)

// TestAPartnerSeesAClickArrive is the newcomer's first minute: the demo is started, a partner logs in,
// follows the link with a browser, lands in the shop, and sees the click on the page.
func TestAPartnerSeesAClickArrive(t *testing.T) {
	m := newMachine(t, "--demo")
	m.start()
	state, err := demo.Load(m.dir, time.Now(), "")
	if err != nil {
		t.Fatal(err)
	}
	a := m.addresses()
	eventually(t, 10*time.Second, "the start has said everything", func() bool { return strings.Contains(m.log.String(), "Ctrl-C") })
	for _, said := range []string{a.Redirector + "/" + demo.PartnerSlug(), demo.PartnerEmail(), demo.AdminEmail, state.Password, "analyst add"} {
		if !strings.Contains(m.log.String(), said) {
			t.Errorf("the start does not print %q", said)
		}
	}

	b := browsertest.Open(t)
	b.Visit(a.Dashboard + "/login")
	b.Do(
		chromedp.SendKeys(chromedp.CSS("#email"), demo.PartnerEmail()),
		chromedp.SendKeys(chromedp.CSS("#password"), state.Password),
		chromedp.Submit(chromedp.CSS("#password")),
	)
	b.Do(chromedp.WaitVisible(chromedp.CSS("[data-live]")))
	d := m.connect()
	eventually(t, 30*time.Second, "the live counters are there", func() bool {
		return d.Redis.Exists(t.Context(), d.Keys.LiveComplete()).Val() == 1
	})
	b.Visit(a.Dashboard + "/home")
	before := strings.TrimSpace(b.Text("[data-live]"))

	b.Visit(a.Redirector + "/" + demo.PartnerSlug())
	if text := b.Text("footer"); !strings.Contains(text, "You came by a partner's link") {
		t.Errorf("the shop's footer says %q", text)
	}
	b.Visit(a.Dashboard + "/home")
	b.Until(fmt.Sprintf(`document.querySelector("[data-live]").textContent.trim() !== %q`, before))
	eventually(t, 5*time.Second, "the click is in ClickHouse, as a person's", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.clicks WHERE slug = ? AND verdict = 'valid' AND clicked_at > ?", demo.PartnerSlug(), state.Until) == 1
	})
	if v := answer[verifyAnswer](t, m.args("verify", "--json")...); !v.OK {
		t.Errorf("verify says %+v", v)
	}
	m.stop()

	if r := fairlead(t, "up", "--dir", m.dir); r.code != exitFailed || !strings.Contains(r.stderr, "--demo") {
		t.Errorf("up without --demo on a demo's folder: exit %d, %q", r.code, r.stderr)
	}
}
