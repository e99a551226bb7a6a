package templates

import (
	"bytes"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"fairlead/dashboard/browsertest"
	"fairlead/dashboard/static"
)

// TestEveryTemplateIsRendered fails for a template that no view below executes.
func TestEveryTemplateIsRendered(t *testing.T) {
	defined := regexp.MustCompile(`\{\{define "([^"]+)"( -)?\}\}`)
	marked := fstest.MapFS{}
	names := map[string]bool{}
	entries, err := fs.Glob(files, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range entries {
		source, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range defined.FindAllStringSubmatch(string(source), -1) {
			names[m[1]] = true
		}
		marked[name] = &fstest.MapFile{Data: defined.ReplaceAll(source, []byte(`$0{{executed "$1"}}`))}
	}
	executed := map[string]bool{}
	set, err := parse(marked, template.FuncMap{
		"asset":    assets(t).URL,
		"executed": func(name string) string { executed[name] = true; return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, view := range made() {
		var buf bytes.Buffer
		if err := set.Render(&buf, view); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range names {
		if !executed[name] {
			t.Errorf("no test renders template %q", name)
		}
	}
}

func assets(t *testing.T) *static.Assets {
	t.Helper()
	a, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func render(t *testing.T, view View) string {
	t.Helper()
	set, err := Parse(assets(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := set.Render(&buf, view); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// TestPagesAreWellFormed reads every page back: elements are closed in the order in which they were opened,
// ids are unique, and nothing is there that the content security policy forbids.
func TestPagesAreWellFormed(t *testing.T) {
	void := map[string]bool{"meta": true, "link": true, "input": true, "br": true}
	for name, view := range made() {
		t.Run(name, func(t *testing.T) {
			var open []string
			ids := map[string]bool{}
			z := html.NewTokenizer(strings.NewReader(render(t, view)))
			for {
				kind := z.Next()
				if kind == html.ErrorToken {
					break
				}
				token := z.Token()
				for _, a := range token.Attr {
					switch {
					case a.Key == "id" && ids[a.Val]:
						t.Errorf("id %q stands twice", a.Val)
					case a.Key == "id":
						ids[a.Val] = true
					case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
						t.Errorf("<%s %s=%q>: the policy forbids it", token.Data, a.Key, a.Val)
					case strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") && a.Key == "href":
						t.Errorf("<%s href=%q>", token.Data, a.Val)
					}
				}
				switch {
				case kind == html.StartTagToken && token.Data == "style":
					t.Error("a <style>: the policy forbids it")
				case kind == html.StartTagToken && !void[token.Data]:
					open = append(open, token.Data)
				case kind == html.EndTagToken:
					if len(open) == 0 || open[len(open)-1] != token.Data {
						t.Fatalf("</%s> closes %v", token.Data, open)
					}
					open = open[:len(open)-1]
				}
			}
			if len(open) > 0 {
				t.Errorf("not closed: %v", open)
			}
		})
	}
}

func TestHostileTextIsShownAsText(t *testing.T) {
	page := render(t, made()["home-hostile"])
	if strings.Contains(page, "<script>alert") {
		t.Error("a name became a script")
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts, want the page's own", n)
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the name is not shown")
	}
}

// TestEveryPageInABrowser opens every page as people see it: no accessibility rule is broken, nothing
// is wider than the window, and the script runs without an error. With FAIRLEAD_SCREENSHOTS=FOLDER it leaves a
// picture of each.
func TestEveryPageInABrowser(t *testing.T) {
	set, err := Parse(assets(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	views, served := made(), assets(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, static.Prefix); ok && served.Serve(w, r, name) {
			return
		}
		view, ok := views[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		var buf bytes.Buffer
		if err := set.Render(&buf, view); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'")
		_, _ = w.Write(buf.Bytes())
	}))
	defer server.Close()
	folder := os.Getenv("FAIRLEAD_SCREENSHOTS")
	looks := []browsertest.Look{{Width: 1280, Height: 900}, {Width: 360, Height: 740, Dark: true}}
	if folder != "" {
		looks = browsertest.Looks()
	}
	b := browsertest.Open(t)
	for _, look := range looks {
		b.Look(look)
		for _, name := range slices.Sorted(maps.Keys(views)) {
			b.Visit(server.URL + "/" + name)
			if n := b.Overflow(); n > 0 {
				t.Errorf("%s, %v: %d pixels wider than the window", name, look, n)
			}
			for _, v := range b.Axe() {
				t.Errorf("%s, %v: %s: %s\n%s", name, look, v.Rule, v.Help, strings.Join(v.Where, "\n"))
			}
			if folder != "" {
				if name == "home-late" { // one with the menu open
					b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("details.account").open = true`))
				}
				b.Screenshot(look, filepath.Join(folder, name+"-"+look.String()+".png"))
			}
		}
	}
}
