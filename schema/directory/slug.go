package directory

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"fairlead/schema"
)

// maxSlugBase is how much of a name goes into a slug.
const maxSlugBase = 60

// letters are those that Unicode does not take apart into a Latin letter and a mark.
var letters = strings.NewReplacer(
	"ß", "ss", "ẞ", "ss", "æ", "ae", "Æ", "ae", "œ", "oe", "Œ", "oe", "ø", "o", "Ø", "o",
	"đ", "d", "Đ", "d", "ð", "d", "Ð", "d", "ħ", "h", "Ħ", "h", "ı", "i", "ł", "l", "Ł", "l",
	"ŋ", "n", "Ŋ", "n", "þ", "th", "Þ", "th", "ŧ", "t", "Ŧ", "t",
)

// slugOf makes a slug of a name: "Ada Lovelace" is ada-lovelace, "Jürgen Groß" is jurgen-gross. A name
// without a Latin letter or a digit has none: "".
func slugOf(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(letters.Replace(name)) {
		switch r = unicode.ToLower(r); {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
			// ü without its dots, O'Brien without its apostrophe
		default:
			gap = true
		}
		if b.Len() >= maxSlugBase {
			break
		}
	}
	return b.String()
}

// slugsFor yields, without end, the slugs to try for a partner, best first.
func slugsFor(name, email string) func(yield func(string) bool) {
	base := slugOf(name)
	if base == "" {
		local, _, _ := strings.Cut(email, "@")
		base = slugOf(local)
	}
	if base == "" {
		base = "partner"
	}
	return func(yield func(string) bool) {
		if schema.CheckSlug(base) == nil && !yield(base) {
			return
		}
		for n := 2; yield(base + "-" + strconv.Itoa(n)); n++ {
		}
	}
}
