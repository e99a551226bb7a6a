package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// procStat is what /proc/PID/stat tells of a process.
type procStat struct {
	pid, parent int
	name        string
	cpu         time.Duration // user and system, those of children that ended and were waited for included
}

// parseStat reads a line of /proc/PID/stat, see proc_pid_stat(5). The name may hold spaces and parentheses.
func parseStat(line string) (p procStat, err error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return p, fmt.Errorf("no name in %q", line)
	}
	if p.pid, err = strconv.Atoi(strings.TrimSpace(line[:open])); err != nil {
		return p, fmt.Errorf("pid in %q: %w", line, err)
	}
	p.name = line[open+1 : end]
	fields := strings.Fields(line[end+1:]) // from the third on: state, ppid, …
	if len(fields) < 15 {
		return p, fmt.Errorf("%d fields in %q", len(fields)+2, line)
	}
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, fmt.Errorf("parent in %q: %w", line, err)
	}
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return p, fmt.Errorf("times in %q: %w", line, err)
		}
		p.cpu += time.Duration(n) * tick
	}
	return p, nil
}

// treeCPU returns the processor time that a process and all below it have had, by the name of the
// process; root's own stands under "".
func treeCPU(root int) (map[string]time.Duration, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := make(map[int]procStat, len(files))
	for _, name := range files {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrProcessDone) || len(data) == 0 {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		p, err := parseStat(string(data))
		if err != nil {
			return nil, err
		}
		all[p.pid] = p
	}
	if _, ok := all[root]; !ok {
		return nil, fmt.Errorf("process %d has ended", root)
	}
	out := map[string]time.Duration{}
	for pid, p := range all {
		switch {
		case pid == root:
			out[""] += p.cpu
		case below(all, pid, root):
			out[p.name] += p.cpu
		}
	}
	return out, nil
}

func below(all map[int]procStat, pid, root int) bool {
	for {
		p, ok := all[pid]
		if !ok || p.parent == 0 {
			return false
		}
		if p.parent == root {
			return true
		}
		pid = p.parent
	}
}

// spent is what was used between two readings.
func spent(before, after map[string]time.Duration) map[string]time.Duration {
	out := map[string]time.Duration{}
	for name, d := range after {
		out[name] = d - before[name]
	}
	return out
}

func total(by map[string]time.Duration) (sum time.Duration) {
	for _, d := range by {
		sum += d
	}
	return sum
}
