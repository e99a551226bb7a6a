package dashboard

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"fairlead/dashboard/browsertest"
)

// logIn fills the form in as a person does.
func logIn(b *browsertest.Browser, w *world, email string) {
	b.Visit(w.url + "/")
	b.Do(
		chromedp.SendKeys(chromedp.CSS("#email"), email),
		chromedp.SendKeys(chromedp.CSS("#password"), password),
		chromedp.Click(chromedp.CSS(".fields .button")),
		chromedp.WaitVisible(chromedp.CSS("nav[aria-label=Main]")),
	)
}

func expect(t *testing.T, b *browsertest.Browser, selector, want string) {
	t.Helper()
	if got := strings.Join(strings.Fields(b.Text(selector)), " "); got != want {
		t.Errorf("%s: %q, want %q", selector, got, want)
	}
}

// TestAPartnerLooksAtTheFigures is the whole story in Chromium: log in, read the tiles, see a click arrive,
// copy the link, look at the months, choose the night, log out.
func TestAPartnerLooksAtTheFigures(t *testing.T) {
	w := newWorld(t)
	b := browsertest.Open(t)
	logIn(b, w, "ada@example.com")
	expect(t, b, "h1", "Home")
	expect(t, b, ".tile:nth-child(1) .number", "17")
	expect(t, b, ".tile:nth-child(2) .number", count(w.sum(20261101, 20261123).Clicks))
	expect(t, b, ".tile:nth-child(3) .number", count(w.sum(20261101, 20261123).Referred))
	expect(t, b, ".tile:nth-child(4) .number", usd(netOf(w.sum(20261101, 20261123)))+" USD")
	b.Do(chromedp.Click(chromedp.CSS(`.choices a[href*="show=sold"]`)), chromedp.WaitVisible(chromedp.CSS(`.choices li:nth-child(4) a[aria-current]`)))
	expect(t, b, ".choices [aria-current] .number", usd(netOf(w.sum(20251201, 20261123)))+" USD")
	expect(t, b, ".share-url", "go.shop.example/ada-lovelace (opens in a new tab)")

	w.liveClicks(w.ada.ID, 1)
	b.Until(`document.querySelector("[data-live]").textContent === "18"`)

	b.Do(chromedp.Click(chromedp.CSS(".share .button")))
	b.Until(`document.querySelector(".share [data-label]").textContent === "Copied"`)
	expect(t, b, "[data-say]", "Link copied")

	b.Do(
		chromedp.Click(chromedp.CSS(`nav a[href="/reporting"]`)),
		chromedp.WaitVisible(chromedp.CSS(".presets")),
		chromedp.Click(chromedp.CSS(`.opener[href*="2026-10"]`)),
		chromedp.WaitVisible(chromedp.CSS("tr.day")),
	)
	if n := browsertest.Ask(b, chromedp.Evaluate[int](`document.querySelectorAll("tr.day").length`)); n != 31 {
		t.Errorf("October opens with %d days", n)
	}

	b.Do(
		chromedp.Click(chromedp.CSS("details.account summary")),
		chromedp.Click(chromedp.CSS(`.menu button[value="dark"]`)),
	)
	b.Until(`getComputedStyle(document.body).backgroundColor === "rgb(12, 18, 17)"`)
	b.Until(`fetch("/reporting").then(r => r.text()).then(page => page.includes('data-theme="dark"'))`)
	b.Do(chromedp.Click(chromedp.CSS(".menu-item")), chromedp.WaitVisible(chromedp.CSS(".note")))
	expect(t, b, ".note", "You are logged out.")
	b.Visit(w.url + "/home")
	expect(t, b, "h1", "Log in")
}

func TestPagesWorkWithoutAScript(t *testing.T) {
	w := newWorld(t)
	b := browsertest.Open(t)
	browsertest.Ask(b, func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	logIn(b, w, "ada@example.com")
	expect(t, b, ".tile:nth-child(1) .number", "17")
	b.Do(
		chromedp.Click(chromedp.CSS("details.account summary")),
		chromedp.Click(chromedp.CSS(`.menu button[value="dark"]`)),
		chromedp.WaitVisible(chromedp.CSS(`html[data-theme="dark"]`)),
		chromedp.Click(chromedp.CSS(`nav a[href="/reporting"]`)),
		chromedp.WaitVisible(chromedp.CSS(".opener")),
		chromedp.Click(chromedp.CSS(`.opener[href*="2026-10"]`)),
		chromedp.WaitVisible(chromedp.CSS("tr.day")),
		chromedp.Click(chromedp.CSS("details.account summary")),
		chromedp.Click(chromedp.CSS(".menu-item")),
		chromedp.WaitVisible(chromedp.CSS(".note")),
	)
	expect(t, b, ".note", "You are logged out.")
}

// TestEveryPageIsAccessible runs axe-core on the pages as they are served, light and dark.
func TestEveryPageIsAccessible(t *testing.T) {
	w := newWorld(t)
	b := browsertest.Open(t)
	check := func(who string, paths ...string) {
		for _, path := range paths {
			for _, look := range []browsertest.Look{{Width: 1280, Height: 900, Dark: true}, {Width: 360, Height: 740}} {
				b.Look(look)
				b.Visit(w.url + path)
				for _, v := range b.Axe() {
					t.Errorf("%s, %s, %v: %s: %s\n%s", who, path, look, v.Rule, v.Help, strings.Join(v.Where, "\n"))
				}
				if n := b.Overflow(); n > 0 {
					t.Errorf("%s, %s, %v: %d pixels wider than the window", who, path, look, n)
				}
			}
		}
	}
	check("nobody", "/login", "/nowhere", "/invite?code=1-x")
	logIn(b, w, "ada@example.com")
	check("a partner", "/home", "/reporting", "/reporting?period=12-months&month=2026-10", "/reporting?period=30-days", "/reporting?from=1&to=2", "/reporting?period=30-days&open=sold&show=sold", "/home?show=sold", "/links", "/lookup")
	b.Do(chromedp.Click(chromedp.CSS("details.account summary")))
	for _, v := range b.Axe() {
		t.Errorf("the open menu: %s: %s\n%s", v.Rule, v.Help, strings.Join(v.Where, "\n"))
	}
	b.Do(chromedp.Click(chromedp.CSS(".menu-item")), chromedp.WaitVisible(chromedp.CSS(".note")))
	logIn(b, w, "team@example.com")
	check("an admin", "/partners", "/partners?q=nobody", "/partners?sort=sold&order=down", "/conversions", "/lookup")
}
