// Package browsertest gives tests a real Chromium and the accessibility rules of axe-core.
//
// The browser has a profile of its own in a temporary folder, talks to the test's server only, and ends
// with the test.
package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long one step may take on a busy machine.
const patience = 30 * time.Second

// person is the User-Agent of a browser with somebody in front of it; a headless one says so of itself,
// and its clicks are a bot's.
const person = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"

// Browser is a tab of a Chromium. It is not safe for concurrent use.
type Browser struct {
	t   testing.TB
	tab context.Context
}

// Open starts Chromium. A test that needs it fails where none is installed.
func Open(t testing.TB) *Browser {
	t.Helper()
	path, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // Chromium refuses its sandbox to root, as whom containers run
		chromedp.DisableGPU,
		chromedp.UserAgent(person),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(tab, patience)
		defer cancel()
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("close Chromium: %v", err)
		}
	})
	return &Browser{t: t, tab: tab}
}

func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("chromium is not installed: run `make deps`")
}

// Do takes steps on the page; a step that fails ends the test.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Ask takes one step on the page that answers something.
func Ask[T any](b *Browser, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, step)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

// Visit opens an address.
func (b *Browser) Visit(address string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(address))
}

// Text returns what people read in the first element that the selector finds.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return Ask(b, chromedp.Text(chromedp.CSS(selector)))
}

// Until waits until a JavaScript expression is true on the page.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	Ask(b, chromedp.Poll[bool](expression))
}

// Look is how a page is looked at.
type Look struct {
	Width, Height int64
	Dark          bool
}

// Looks are the ways in which every page has to be fine.
func Looks() []Look {
	return []Look{{1280, 900, false}, {1280, 900, true}, {360, 740, false}, {360, 740, true}}
}

// String is short and fits into a file's name.
func (l Look) String() string {
	theme := "light"
	if l.Dark {
		theme = "dark"
	}
	return fmt.Sprintf("%d-%s", l.Width, theme)
}

// Look makes the window as wide and the device as dark as l says.
func (b *Browser) Look(l Look) {
	b.t.Helper()
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Do(chromedp.EmulateViewport(l.Width, l.Height))
}

// Screenshot stores the page as a PNG file, in a window as high as the page is.
func (b *Browser) Screenshot(l Look, file string) {
	b.t.Helper()
	height := Ask(b, chromedp.Evaluate[int64]("document.documentElement.scrollHeight"))
	b.Do(chromedp.EmulateViewport(l.Width, max(height, l.Height)))
	png := Ask(b, chromedp.CaptureScreenshot())
	b.Do(chromedp.EmulateViewport(l.Width, l.Height))
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Overflow returns by how many pixels the page is wider than its window.
func (b *Browser) Overflow() int {
	b.t.Helper()
	return Ask(b, chromedp.Evaluate[int]("document.documentElement.scrollWidth - window.innerWidth"))
}

// Violation is a rule of axe-core that a page breaks.
type Violation struct {
	Rule  string   `json:"rule"`
	Help  string   `json:"help"`
	Where []string `json:"where"`
}

// Axe returns what axe-core finds on the page.
func (b *Browser) Axe() []Violation {
	b.t.Helper()
	Ask(b, chromedp.Evaluate[chromedp.Void](axe(b.t)))
	answer := Ask(b, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(found =>
		JSON.stringify(found.violations.map(v => ({
			rule: v.id, help: v.help, where: v.nodes.map(n => n.html + ": " + n.failureSummary)
		}))))`, chromedp.EvalAwaitPromise))
	var found []Violation
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		b.t.Fatalf("read what axe-core found: %v", err)
	}
	return found
}

// axe returns the source of axe-core, which npm installs beside go.mod.
func axe(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		source, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
		if err == nil {
			return string(source)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("axe-core is not installed: run `npm ci`")
		}
		dir = parent
	}
}
