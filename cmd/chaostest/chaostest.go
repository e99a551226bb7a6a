// Package chaostest is what the fault tests have in common: how long they run, where their randomness comes
// from, what they leave behind when they fail, and the report that all of them write together.
//
//	make chaos     full length, with the report printed at its end
//	make test      the short forms, no report
//
// A test that fails prints its seed; CHAOS_SEED repeats it.
package chaostest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The names in the environment. They do not begin as the program's settings do: the program runs in the
// tests' environment, and refuses settings that it does not know.
const (
	fullVariable   = "FAIRLEAD_CHAOS" // "1": full length
	seedVariable   = "CHAOS_SEED"     // a number: instead of a random one
	reportVariable = "CHAOS_REPORT"   // the file that lines are added to; empty: none
)

// Full reports whether the fault tests run at full length.
func Full() bool { return os.Getenv(fullVariable) == "1" }

// Times is how often, or how long, something is done: short in `make test`, full in `make chaos`.
func Times[T any](short, full T) T {
	if Full() {
		return full
	}
	return short
}

// Rand returns the randomness of a test and its seed, which is printed should the test fail.
func Rand(t testing.TB) (*rand.Rand, uint64) {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		seed = parse(t, text)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with %s=%d", seedVariable, seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// Seeds returns the seeds of so many tries, from a random one on; only that of CHAOS_SEED, where it is set. The test says which
// of them failed.
func Seeds(t testing.TB, n int) []uint64 {
	t.Helper()
	if text := os.Getenv(seedVariable); text != "" {
		return []uint64{parse(t, text)}
	}
	first, seeds := uint64(rand.Uint32()), make([]uint64, n)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	return seeds
}

func parse(t testing.TB, text string) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", seedVariable, err)
	}
	return seed
}

// Dir returns a new folder, which is kept should the test fail.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", strings.Map(pathSafe, t.Name())+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the files are kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func pathSafe(r rune) rune {
	switch {
	case '0' <= r && r <= '9', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
		return r
	}
	return '_'
}

// Report adds what a test did and what came of it to the report, and to the test's own log. It is for the
// end of a test: one that has failed is reported as failed.
func Report(t testing.TB, format string, args ...any) {
	t.Helper()
	facts := fmt.Sprintf(format, args...)
	t.Log(facts)
	name := os.Getenv(reportVariable)
	if name == "" {
		return
	}
	if t.Failed() {
		facts = "FAILED: " + facts
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatalf("open the report: %v", err)
	}
	defer f.Close()
	binary := strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
	// One write a line: several test binaries write to the report at once.
	if _, err := fmt.Fprintf(f, "%s %s: %s\n", binary, t.Name(), facts); err != nil {
		t.Fatalf("write the report: %v", err)
	}
}
