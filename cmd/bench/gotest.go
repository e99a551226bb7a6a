package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// benchmark is one line of `go test -bench`.
type benchmark struct {
	Package string             `json:"package"`
	Name    string             `json:"name"` // without "Benchmark" and the number of processors
	Figures map[string]float64 `json:"figures"`
}

// runBenchmarks runs every benchmark of the module, one package after the other. What they print goes to
// out as it comes.
func runBenchmarks(ctx context.Context, out, progress io.Writer) ([]benchmark, error) {
	var said bytes.Buffer
	c := exec.CommandContext(ctx, "go", "test", "-p", "1", "-timeout", "30m", "-run", "^$", "-bench", ".", "-benchmem", "./...")
	c.Stdout, c.Stderr = io.MultiWriter(withoutEmpty{out}, &said), progress
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("go test: %w", err)
	}
	return parseBenchmarks(&said)
}

// withoutEmpty drops what go test says of packages that have no benchmark.
type withoutEmpty struct{ io.Writer }

func (w withoutEmpty) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if bytes.HasPrefix(line, []byte("?   ")) || bytes.HasPrefix(line, []byte("PASS")) {
			continue
		}
		if _, err := w.Writer.Write(line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func parseBenchmarks(r io.Reader) (out []benchmark, err error) {
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = name
			continue
		}
		f := strings.Fields(line)
		if len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		b := benchmark{Package: pkg, Name: benchmarkName(f[0]), Figures: map[string]float64{}}
		for i := 2; i < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("the figure %q in %q: %w", f[i], line, err)
			}
			b.Figures[f[i+1]] = v
		}
		out = append(out, b)
	}
	return out, lines.Err()
}

func benchmarkName(s string) string {
	s = strings.TrimPrefix(s, "Benchmark")
	if i := strings.LastIndexByte(s, '-'); i > 0 {
		if _, err := strconv.Atoi(s[i+1:]); err == nil {
			return s[:i]
		}
	}
	return s
}

// figure finds a benchmark's figure.
func figure(list []benchmark, pkg, name, unit string) (float64, error) {
	for _, b := range list {
		if b.Package == pkg && b.Name == name {
			if v, ok := b.Figures[unit]; ok {
				return v, nil
			}
			return 0, fmt.Errorf("no %s is reported by Benchmark%s in %s", unit, name, pkg)
		}
	}
	return 0, fmt.Errorf("there was no run of Benchmark%s in %s", name, pkg)
}
