package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// script makes the requests and prints what came of them.
//
//go:embed wrk.lua
var script []byte

// load is what wrk is told.
type load struct {
	script      string // file
	threads     int
	connections int
	links       int
}

// answered is what wrk saw.
type answered struct {
	Requests float64 `json:"requests"`
	Micros   float64 `json:"micros"` // of the run
	P50      float64 `json:"p50"`    // microseconds
	P99      float64 `json:"p99"`
	Connect  int     `json:"connect"` // errors, as the next
	Read     int     `json:"read"`
	Write    int     `json:"write"`
	Timeout  int     `json:"timeout"`
	Status   int     `json:"status"` // answers of 400 and above
}

func (a answered) perSecond() float64 { return a.Requests / a.Micros * 1e6 }

// err says what was not answered with a redirect.
func (a answered) err() error {
	if n := a.Connect + a.Read + a.Write + a.Timeout + a.Status; n > 0 {
		return fmt.Errorf("%d of %.0f requests failed: %d connecting, %d reading, %d writing, %d timed out, %d answered with an error",
			n, a.Requests, a.Connect, a.Read, a.Write, a.Timeout, a.Status)
	}
	if a.Requests == 0 || a.Micros == 0 {
		return errors.New("nothing was answered")
	}
	return nil
}

// mark begins the line of the script's report.
const mark = "answered "

func parseWrk(output []byte) (a answered, err error) {
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		if report, ok := strings.CutPrefix(lines.Text(), mark); ok {
			if err := json.Unmarshal([]byte(report), &a); err != nil {
				return a, fmt.Errorf("wrk's report %q: %w", report, err)
			}
			return a, a.err()
		}
	}
	return a, fmt.Errorf("wrk printed no report: %s", bytes.TrimSpace(output))
}

// run loads a server for a while.
func (l load) run(ctx context.Context, url string, d time.Duration) (answered, error) {
	c := exec.CommandContext(ctx, "wrk", "--threads", fmt.Sprint(l.threads), "--connections", fmt.Sprint(l.connections),
		"--duration", fmt.Sprintf("%ds", max(1, int(d.Seconds()))), "--timeout", "10s", "--script", l.script, url, "--", fmt.Sprint(l.links))
	out, err := c.CombinedOutput()
	if err != nil {
		return answered{}, fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	return parseWrk(out)
}

func writeScript(name string) error {
	if err := os.WriteFile(name, script, 0o600); err != nil {
		return fmt.Errorf("write wrk's script: %w", err)
	}
	return nil
}
