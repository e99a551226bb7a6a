package dashboard

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/schema"
)

// text is what people read on a page, with one space between words.
func (a answer) text() string {
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return err.Error()
	}
	return textOf(doc)
}

func textOf(n *html.Node) string {
	if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "title" && n.Parent.Data == "head") {
		return ""
	}
	var words []string
	if n.Type == html.TextNode {
		words = strings.Fields(n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if s := textOf(c); s != "" {
			words = append(words, s)
		}
	}
	return strings.Join(words, " ")
}

// reads reports what people do not read on a page.
func (a answer) reads(t *testing.T, what string, texts ...string) {
	t.Helper()
	got := a.text()
	for _, want := range texts {
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q is missing in\n%s", what, want, got)
		}
	}
}

// table returns the cells of the last table of a page: its head, body and foot.
func (a answer) table() [][]string {
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return nil
	}
	var table [][]string
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "table":
			table = nil
		case n.Type == html.ElementNode && n.Data == "tr":
			table = append(table, nil)
		case n.Type == html.ElementNode && (n.Data == "th" || n.Data == "td"):
			table[len(table)-1] = append(table[len(table)-1], textOf(n))
		}
	}
	return table
}

// sum counts what Ada's pages have to show, from what stands in the rollups.
func (w *world) sum(from, to schema.Day) (c figures.Counts) {
	for day := from; day <= to; day = period.Day(day, 1) {
		c = c.Plus(w.adaDays[day])
	}
	return c
}

// percent is a change as a tile says it, computed apart from the product's code.
func percent[N uint64 | int64](now, before N) string {
	p := (float64(now) - float64(before)) / float64(before) * 100
	word := "up by"
	if p < 0 {
		word, p = "down by", -p
	}
	if p < 10 {
		return fmt.Sprintf("%s %.1f%%", word, float64(int(p*10))/10)
	}
	return fmt.Sprintf("%s %.0f%%", word, p)
}
