package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/chromedp"

	"fairlead/cmd/demo"
	"fairlead/dashboard/browsertest"
)

// TestAPartnerSeesAClickAndASaleArrive is the newcomer's first minutes: the demo is started, a partner logs in, follows
// the link with a browser, lands in the shop, and sees the click on the page; buys something, and sees the sale; reports
// one with the key that the start printed, and sees that too.
func TestAPartnerSeesAClickAndASaleArrive(t *testing.T) {
	m := newMachine(t, "--demo")
	m.start()
	state, err := demo.Load(m.dir, time.Now(), "")
	if err != nil {
		t.Fatal(err)
	}
	a := m.addresses()
	eventually(t, 10*time.Second, "the start has said everything", func() bool { return strings.Contains(m.log.String(), "Ctrl-C") })
	for _, said := range []string{a.Redirector + "/" + demo.PartnerSlug(), demo.PartnerEmail(), demo.AdminEmail, state.Password, state.Key, "curl -sS " + a.Redirector + "/track/sale", "analyst add"} {
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
	b.Until(`!document.querySelector("#came").hidden`) // /fairlead.js has kept the click id
	b.Visit(a.Dashboard + "/home")
	b.Until(fmt.Sprintf(`document.querySelector("[data-live]").textContent.trim() !== %q`, before))
	eventually(t, 5*time.Second, "the click is in ClickHouse, as a person's", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.clicks WHERE slug = ? AND verdict = 'valid' AND clicked_at > ?", demo.PartnerSlug(), state.Until) == 1
	})

	// figure is one of the month's, in the units of its last digit.
	figure := func(label string) int {
		var tiles string
		eventually(t, 30*time.Second, "the figures are there", func() bool {
			b.Visit(a.Dashboard + "/home")
			tiles = browsertest.Ask(b, chromedp.Evaluate[string](`[...document.querySelectorAll(".tile")].map(tile =>
				tile.querySelector("h2").textContent.trim() + "=" + tile.querySelector(".number").firstChild.textContent).join("\n")`))
			return strings.Contains(tiles, label)
		})
		for line := range strings.Lines(tiles) {
			if name, value, _ := strings.Cut(line, "="); strings.HasPrefix(name, label) {
				n, err := strconv.Atoi(strings.Map(func(r rune) rune {
					if unicode.IsDigit(r) {
						return r
					}
					return -1
				}, value))
				if err != nil {
					t.Fatalf("%s is %q", label, value)
				}
				return n
			}
		}
		t.Fatalf("there is no %s among %q", label, tiles)
		return 0
	}
	eventually(t, 60*time.Second, "the demo's past has been attributed", func() bool { return figure("Sold this month") > 0 })
	referred, sold := figure("Referred this month"), figure("Sold this month")
	b.Visit(state.Home() + "products/teapot")
	b.Do(chromedp.Click(chromedp.CSS(".product button")), chromedp.WaitVisible(chromedp.CSS(".told")))
	if text := b.Text(".told summary"); text != "The shop reported this. 200 OK" {
		t.Errorf("after Buy the shop says %q", text)
	}
	const teapot = 4900
	eventually(t, 60*time.Second, "the purchase is on the partner's page", func() bool { return figure("Sold this month") == sold+teapot })
	if got := figure("Referred this month"); got != referred+1 {
		t.Errorf("after the purchase %d are referred, before it were %d", got, referred)
	}

	b.Visit(state.Home())
	b.Until("!!window.fairlead?.id")
	kept := browsertest.Ask(b, chromedp.Evaluate[string]("fairlead.id"))
	b.Visit(state.Home() + "?via=mina") // across origins, to the real /track/click
	b.Until(fmt.Sprintf("fairlead.id && fairlead.id !== %q", kept))
	eventually(t, 5*time.Second, "a click that the shop's page told is in ClickHouse", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.clicks WHERE click_id = ? AND slug = 'mina' AND verdict = 'valid'",
			browsertest.Ask(b, chromedp.Evaluate[string]("fairlead.id"))) == 1
	})

	// The page itself reports a sign-up, under a key that everybody may read.
	key := answer[struct{ Key string }](t, m.args("key", "add", "--name", "page", "--scope", "browser", "--json")...).Key
	eventually(t, 10*time.Second, "the redirector knows the page's key", func() bool {
		return browsertest.Ask(b, chromedp.Evaluate[string](fmt.Sprintf(`
			document.querySelector("script[src$='/fairlead.js']").dataset.key = %q;
			fairlead.lead({customerExternalId: "from-the-page"}).then(told => told.link.key, e => e.message)`, key), chromedp.EvalAwaitPromise)) == "mina"
	})
	eventually(t, 5*time.Second, "the sign-up is in ClickHouse", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.conversions WHERE customer_id = 'from-the-page' AND source = 'browser' AND click_state = 'genuine'") == 1
	})

	req, err := http.NewRequest("POST", a.Redirector+"/track/sale", strings.NewReader(
		`{"customerExternalId":"you","amount":4900,"currency":"usd","invoiceId":"first","coupon":"`+demo.PartnerCoupon()+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+state.Key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a sale under the printed key: got %s", resp.Status)
	}
	eventually(t, 60*time.Second, "the sale with the coupon is on the partner's page", func() bool { return figure("Sold this month") == sold+2*teapot })

	if v := answer[verifyAnswer](t, m.args("verify", "--json")...); !v.OK {
		t.Errorf("verify says %+v", v)
	}
	m.stop()

	if r := fairlead(t, "up", "--dir", m.dir); r.code != exitFailed || !strings.Contains(r.stderr, "--demo") {
		t.Errorf("up without --demo on a demo's folder: exit %d, %q", r.code, r.stderr)
	}
}
