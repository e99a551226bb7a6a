package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator"
	"fairlead/aggregator/lock"
)

// runsJobs runs `fairlead jobs …` on the office's deployment.
func (o *office) runsJobs(args ...string) (stdout string, code int) {
	o.t.Helper()
	root := &cobra.Command{Use: "fairlead", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(jobsCommand(func(context.Context) (*deployment, error) { return o.open(), nil }))
	strict(root)
	var out bytes.Buffer
	root.SetArgs(append([]string{"jobs"}, args...))
	root.SetOut(&out)
	root.SetErr(io.Discard)
	err := root.ExecuteContext(o.t.Context())
	switch exit := (*exitError)(nil); {
	case errors.As(err, &exit):
		code = exit.code
	case err != nil && isUsage(err):
		code = exitUsage
	case err != nil:
		o.t.Fatalf("fairlead jobs %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), code
}

func TestJobsFromTheShell(t *testing.T) {
	o := newOffice(t)
	line := func(job string) string {
		t.Helper()
		out, _ := o.runsJobs()
		for l := range strings.Lines(out) {
			if strings.HasPrefix(l, job+" ") {
				return l
			}
		}
		t.Fatalf("there is no job %s in\n%s", job, out)
		return ""
	}
	f := func(code int, want string, args ...string) {
		t.Helper()
		if out, got := o.runsJobs(args...); got != code || !strings.Contains(out, want) {
			t.Errorf("fairlead jobs %s: %q and %d, want %q and %d", strings.Join(args, " "), out, got, want, code)
		}
	}
	if l := line("verify"); !strings.Contains(l, "30 3 * * *") || !strings.Contains(l, "never ran") {
		t.Errorf("before it ran: %s", l)
	}
	f(exitUsage, "", "run")
	f(exitUsage, "", "run", "pay")
	f(exitUsage, "", "heal")
	f(0, "entries of the directory sent", "run", "heal", "deliver")
	if l := line("heal"); !strings.Contains(l, time.Now().UTC().Format(time.DateOnly)) || !strings.HasSuffix(l, "ok\n") {
		t.Errorf("after it ran: %s", l)
	}

	held, err := lock.Acquire(t.Context(), o.d.Redis, o.d.Keys, "job:heal", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	f(exitBusy, "skipped: another process is at it", "run", "heal", "deliver")
	if l := line("heal"); !strings.Contains(l, "running on "+lock.Process()+" since") {
		t.Errorf("while it is held: %s", l)
	}
	held.Release()

	if err := o.d.Redis.Set(t.Context(), o.d.Keys.Live(3), "no hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	f(exitFailed, "failed: ", "run", "heal", "deliver")
	if l := line("heal"); !strings.Contains(l, "failing since "+time.Now().UTC().Format(time.DateOnly)) {
		t.Errorf("after it failed: %s", l)
	}
	out, code := o.runsJobs("--json")
	var listed []aggregator.Listed
	if err := json.Unmarshal([]byte(out), &listed); err != nil || code != 0 {
		t.Fatalf("%v, %d in %s", err, code, out)
	}
	for _, j := range listed {
		if j.Name == "heal" && (j.Last.Error == "" || j.Last.SucceededAt.IsZero() || j.Last.FailingSince.IsZero() || j.Last.By != lock.Process() || j.Next.IsZero()) {
			t.Errorf("got %+v", j)
		}
	}
}

func TestAnAggregatorThatStaysTakesNoJobs(t *testing.T) {
	var stderr bytes.Buffer
	if code := run([]string{"aggregator", "verify"}, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "fairlead aggregator --once verify") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}
