package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWhatWrkReportsIsRead(t *testing.T) {
	const fine = "Running 5s test\nanswered {\"requests\":1200,\"micros\":2000000,\"p50\":400.5,\"p99\":900.0,\"connect\":0,\"read\":0,\"write\":0,\"timeout\":0,\"status\":0}\n"
	a, err := parseWrk([]byte(fine))
	if err != nil || a.perSecond() != 600 || a.P50 != 400.5 || a.P99 != 900 {
		t.Errorf("got %+v, %v", a, err)
	}
	f := func(output, want string) {
		t.Helper()
		if _, err := parseWrk([]byte(output)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", output, err, want)
		}
	}
	f(strings.Replace(fine, `"status":0`, `"status":7`, 1), "7 of 1200 requests failed")
	f(strings.Replace(fine, `"read":0`, `"read":1`, 1), "1 reading")
	f(strings.Replace(fine, `"requests":1200`, `"requests":0`, 1), "nothing was answered")
	f("unable to connect to 127.0.0.1:1 Connection refused", "no report")
	f("answered {", "wrk's report")
}

func TestAProcessIsRead(t *testing.T) {
	p, err := parseStat("4711 (a (strange) name) S 42 1 1 0 -1 4194560 9 8 7 6 100 20 3 1 20 0 9 0 55 1 2")
	if err != nil || p != (procStat{pid: 4711, parent: 42, name: "a (strange) name", cpu: 1240 * time.Millisecond}) {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range []string{"", "4711 name S 42", "x (n) S 42 1 1 0 -1 4 9 8 7 6 100 20 3 1 20", "1 (n) S 42", "1 (n) S 42 1 1 0 -1 4 9 8 7 6 a 20 3 1 20"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q is taken for a process", bad)
		}
	}
}

func TestATreeOfProcessesIsTheOneBelowItsRoot(t *testing.T) {
	all := map[int]procStat{1: {pid: 1}, 2: {pid: 2, parent: 1}, 3: {pid: 3, parent: 2}, 4: {pid: 4, parent: 1}}
	for pid, want := range map[int]bool{1: false, 2: false, 3: true, 4: false, 9: false} {
		if below(all, pid, 2) != want {
			t.Errorf("process %d below 2: want %t", pid, want)
		}
	}
	own, err := treeCPU(os.Getpid())
	if _, ok := own[""]; err != nil || !ok {
		t.Errorf("this process: %v, %v", own, err)
	}
	if _, err := treeCPU(1 << 30); err == nil {
		t.Error("a process that there is not has a time")
	}
}

func TestMedianAndRatios(t *testing.T) {
	f := func(want float64, values ...float64) {
		t.Helper()
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
	f(3, 3)
	f(2, 3, 1, 2)
	f(2.5, 4, 1, 3, 2)
	if got := median(ratios([]float64{10, 30, 20}, []float64{5, 10, 20})); got != 2 {
		t.Errorf("the ratio is %v, want that of the round in the middle, 2", got)
	}
	if got := spreadOf([]float64{2, 9, 1}); got != (spread{Median: 2, Min: 1, Max: 9}) {
		t.Errorf("spread %+v", got)
	}
}

func TestTheRedirectorsCountIsRead(t *testing.T) {
	n, err := countRecorded([]byte("x 1\nfairlead_requests_total{outcome=\"valid\"} 42\nfairlead_requests_total{outcome=\"bot\"} 1\n"))
	if n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, bad := range []string{"", "fairlead_requests_total{outcome=\"valid\"} many\n"} {
		if n, err := countRecorded([]byte(bad)); err == nil {
			t.Errorf("%q is read as %d", bad, n)
		}
	}
}

func TestBenchmarksAreRead(t *testing.T) {
	list, err := parseBenchmarks(strings.NewReader("goos: linux\npkg: fairlead/redirector\nBenchmarkHandler/plain-2  \t 1456071\t 820.4 ns/op\t 0 B/op\t 0 allocs/op\nPASS\n" +
		"pkg: fairlead/redirector/links\nBenchmarkMillion/links=1000000 \t 10\t 117.5 MB-heap\t 0.11 s/load\n"))
	if err != nil || len(list) != 2 {
		t.Fatalf("got %v, %v", list, err)
	}
	f := func(pkg, name, unit string, want float64) {
		t.Helper()
		if got, err := figure(list, pkg, name, unit); got != want || err != nil {
			t.Errorf("%s of %s: %v, %v, want %v", unit, name, got, err, want)
		}
	}
	f("fairlead/redirector", "Handler/plain", "ns/op", 820.4)
	f("fairlead/redirector/links", "Million/links=1000000", "s/load", 0.11)
	if _, err := memoryGoals(list); err == nil || !strings.Contains(err.Error(), "Drain/both") {
		t.Errorf("a benchmark that did not run: %v", err)
	}
}

func TestAGoalSaysWhetherItIsMet(t *testing.T) {
	var out bytes.Buffer
	printGoals(&out, []goal{atMost("a", 1, 1, "µs"), atMost("b", 1.01, 1, "µs"), atLeast("c", 0.9, 0.92, "×"), atLeast("d", 250_000, 200_000, "")})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
	for i, missed := range []bool{false, true, true, false} {
		if strings.Contains(lines[i], "NOT MET") != missed {
			t.Errorf("%q, want missed %t", lines[i], missed)
		}
	}
}

func TestTheBareServerUnderLoad(t *testing.T) {
	if _, err := exec.LookPath("wrk"); err != nil {
		t.Skip("wrk is not installed: `make bench` does it")
	}
	s, err := startBare(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.answering(t.Context(), "/"+slug(1)); err != nil {
		t.Fatal(err)
	}
	l := load{script: filepath.Join(t.TempDir(), "wrk.lua"), threads: 1, connections: 4, links: 10}
	if err := writeScript(l.script); err != nil {
		t.Fatal(err)
	}
	m, err := target{name: bare, server: s}.measure(t.Context(), l, time.Second)
	if err != nil || m.PerSecond <= 0 || m.CPU <= 0 {
		t.Errorf("measured %+v, %v", m, err)
	}
}
