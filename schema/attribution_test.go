package schema_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fairlead/schema"
)

func TestEveryReasonHasASentence(t *testing.T) {
	seen := map[string]schema.AttributionReason{}
	for _, r := range schema.AttributionReasons() {
		s := r.Sentence()
		if !strings.HasSuffix(s, ".") {
			t.Errorf("%s: the sentence %q is none", r, s)
		}
		if other, twice := seen[s]; twice {
			t.Errorf("%s and %s have one sentence", r, other)
		}
		seen[s] = r
	}
	source, err := os.ReadFile("attribution.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`AttributionReason = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if schema.AttributionReason(m[1]).Sentence() == "" {
			t.Errorf("the reason %s has no sentence", m[1])
		}
		if !slices.Contains(schema.AttributionReasons(), schema.AttributionReason(m[1])) {
			t.Errorf("the reason %s is not listed", m[1])
		}
	}
}
