package clickhouse

import (
	"fmt"
	"strings"
	"testing"

	"fairlead/schema"
)

func TestTheWordsOfConversionsAreThoseOfTheProgram(t *testing.T) {
	conn := migrated(t)
	f := func(column string, words []string) {
		t.Helper()
		got := mustAsk[string](t, conn, "SELECT type FROM system.columns WHERE database = 'fairlead' AND table = 'conversions' AND name = '"+column+"'")
		for i, word := range words {
			words[i] = fmt.Sprintf("'%s' = %d", word, i+1)
		}
		if want := "Enum8(" + strings.Join(words, ", ") + ")"; got != want {
			t.Errorf("%s: got %s, want %s", column, got, want)
		}
	}
	f("kind", texts(schema.ConversionKinds()))
	f("source", texts(schema.ConversionSources()))
	f("click_state", texts(schema.ClickStates()))
}

func texts[T ~string](words []T) []string {
	var out []string
	for _, w := range words {
		out = append(out, string(w))
	}
	return out
}
