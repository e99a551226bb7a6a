package enrich

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// crawlers is the compiled list. Most of its patterns are plain text, and the others hold some: each
// pattern is found through a piece of text that must stand in the User-Agent, and the pieces through
// their first three bytes. So a look-up costs one probe a byte, however long the list is.
type crawlers struct {
	patterns []crawler
	always   []int            // patterns without such a piece
	byStart  map[uint32][]int // first three bytes of the piece → patterns
	starts   [1 << 13]uint64  // a bit set per hash of such a start, which answers most probes
}

type crawler struct {
	name string         // for people
	text string         // must occur; the whole pattern when re is nil
	re   *regexp.Regexp // nil: text says it all
}

const pieceLen = 3

func newCrawlers(list []byte) (*crawlers, error) {
	var entries []struct {
		Pattern string `json:"pattern"`
	}
	if err := json.Unmarshal(list, &entries); err != nil {
		return nil, fmt.Errorf("%w: run `make build` to install it anew", err)
	}
	if len(entries) == 0 {
		return nil, errors.New("it is empty: run `make build` to install it anew")
	}
	cs := &crawlers{byStart: make(map[uint32][]int)}
	for _, e := range entries {
		if browsersToo[e.Pattern] {
			continue
		}
		tree, err := syntax.Parse(e.Pattern, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", e.Pattern, err)
		}
		c := crawler{name: crawlerName(e.Pattern)}
		tree = tree.Simplify()
		text, whole := required(tree)
		if !whole {
			if c.re, err = regexp.Compile(e.Pattern); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", e.Pattern, err)
			}
		}
		i := len(cs.patterns)
		if len(text) < pieceLen {
			if c.re == nil {
				c.re = regexp.MustCompile(regexp.QuoteMeta(text))
			}
			cs.always = append(cs.always, i)
		} else {
			c.text = text
			k := start(text, 0)
			cs.byStart[k] = append(cs.byStart[k], i)
			cs.starts[slot(k)>>6] |= 1 << (slot(k) & 63)
		}
		cs.patterns = append(cs.patterns, c)
	}
	return cs, nil
}

// browsersToo are patterns of the list that also match what people hold in their hands: they are left out.
var browsersToo = map[string]bool{
	`MetaIAB Facebook`: true, // the browser inside Facebook's app
	`Sogou`:            true, // SogouMobileBrowser; the spiders say "spider" in their address and are found by it
	`Viber`:            true, // the browser inside Viber's app names it too
}

// find returns the name of the first pattern of the list that matches.
func (cs *crawlers) find(ua string) (name string, ok bool) {
	best := len(cs.patterns)
	for i := 0; i+pieceLen <= len(ua); i++ {
		k := start(ua, i)
		if cs.starts[slot(k)>>6]&(1<<(slot(k)&63)) == 0 {
			continue
		}
		for _, p := range cs.byStart[k] {
			c := &cs.patterns[p]
			if p < best && strings.HasPrefix(ua[i:], c.text) && (c.re == nil || c.re.MatchString(ua)) {
				best = p
			}
		}
	}
	for _, p := range cs.always {
		if p < best && cs.patterns[p].re.MatchString(ua) {
			best = p
		}
	}
	if best == len(cs.patterns) {
		return "", false
	}
	return cs.patterns[best].name, true
}

func start(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16
}

func slot(k uint32) uint32 { return k * 2654435761 >> 13 }

// required returns the longest text that every match of the expression holds, and whether holding it
// is all there is to a match.
func required(re *syntax.Regexp) (text string, whole bool) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return "", false
		}
		return string(re.Rune), true
	case syntax.OpCapture:
		return required(re.Sub[0])
	case syntax.OpConcat:
		var run, best string
		whole = true
		for _, sub := range re.Sub {
			if t, w := required(sub); w && sub.Op == syntax.OpLiteral {
				run += t
			} else {
				whole, run = false, ""
				if len(t) > len(best) {
					best = t
				}
			}
			if len(run) > len(best) {
				best = run
			}
		}
		return best, whole
	}
	return "", false
}

// crawlerName takes the regular expression's marks out of a pattern.
func crawlerName(pattern string) string {
	return strings.Trim(strings.NewReplacer(`\/`, `/`, `\.`, `.`, `\(`, `(`, `\)`, `)`, `([^-]|$)`, ``, `(^| )`, ``, `^`, ``, `$`, ``).Replace(pattern), "/ ")
}
