package chaostest

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReportsStandBesideEachOther(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report")
	t.Setenv(reportVariable, name)
	Report(t, "%d kills, %d lost", 3, 0)
	t.Run("failed", func(t *testing.T) { Report(failing{t}, "%d kills, %d lost", 4, 1) })
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const want = "chaostest TestReportsStandBesideEachOther: 3 kills, 0 lost\n" +
		"chaostest TestReportsStandBesideEachOther/failed: FAILED: 4 kills, 1 lost\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestASeedIsRepeated(t *testing.T) {
	t.Setenv(seedVariable, "17")
	first, seed := Rand(t)
	again, _ := Rand(t)
	if seed != 17 || first.Uint64() != again.Uint64() {
		t.Errorf("seed %d, want 17, and the same numbers twice", seed)
	}
}

func TestTimes(t *testing.T) {
	f := func(full string, want int) {
		t.Helper()
		t.Setenv(fullVariable, full)
		if got := Times(2, 200); got != want {
			t.Errorf("with %s=%q: %d times, want %d", fullVariable, full, got, want)
		}
	}
	f("", 2)
	f("1", 200)
}

func TestFilesOfAFailureAreKept(t *testing.T) {
	f := func(failed bool) {
		t.Helper()
		at := &ending{TB: t, failed: failed}
		dir := Dir(at)
		at.end()
		_, err := os.Stat(dir)
		if kept := err == nil; kept != failed {
			t.Errorf("failed %v: kept %v", failed, kept)
		}
		os.RemoveAll(dir)
	}
	f(false)
	f(true)
}

// failing is a test that has failed.
type failing struct{ testing.TB }

func (failing) Failed() bool { return true }

// ending is a test whose end is called for.
type ending struct {
	testing.TB
	failed bool
	end    func()
}

func (e *ending) Failed() bool     { return e.failed }
func (e *ending) Cleanup(f func()) { e.end = f }
