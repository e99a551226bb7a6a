package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// allOptions are the flags of all.
type allOptions struct {
	edge   edgeOptions
	report string // file; empty: none
}

// summary is everything that was measured, as JSON.
type summary struct {
	Goals      []goal      `json:"goals"`
	Edge       *edgeReport `json:"edge"`
	Benchmarks []benchmark `json:"benchmarks"`
}

// runAll measures everything. That a goal is missed is said, and no error.
func runAll(ctx context.Context, o allOptions, out, progress io.Writer) error {
	details := out
	if o.edge.asJSON {
		details = progress
	}
	var s summary
	var err error
	if s.Benchmarks, err = runBenchmarks(ctx, details, progress); err != nil {
		return err
	}
	inMemory, err := memoryGoals(s.Benchmarks)
	if err != nil {
		return err
	}
	if s.Edge, err = runEdge(ctx, o.edge, progress); err != nil {
		return err
	}
	s.Goals = append(inMemory, s.Edge.Goals...)
	if o.report != "" {
		if err := writeReport(o.report, s); err != nil {
			return err
		}
	}
	if o.edge.asJSON {
		return writeJSON(out, s)
	}
	s.Edge.printTable(out)
	printGoals(out, s.Goals)
	return nil
}

func writeReport(name string, s summary) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(writeJSON(f, s), f.Close())
}
