// Package staging prepares rows beside a table and swaps them in: readers see what stood before or what stands after,
// never between.
//
// Each run of a job has staging tables of its own, whose names begin with the job's prefix and end with the run's token.
// A run begins by dropping those of all runs before it, so that one that slept longer than its lock lives finds nothing
// to swap in; and it asks for its lock right before each swap.
//
// All statements of a run have to reach the same server, on which its staging tables stand: on a cluster give it a
// connection that opens its addresses in order.
package staging

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/aggregator/lock"
	"fairlead/schema/clickhouse"
)

// Shape is how a table's rows lie: its staging tables lie in the same way. Their engine is plain, whatever the table's
// is: their parts are swapped in, and the table replicates them.
type Shape struct {
	Engine string // MergeTree when empty
	Key    string // PARTITION BY … ORDER BY …
}

// Run makes the staging tables of one run.
type Run struct {
	ClickHouse driver.Conn
	Context    context.Context // of the lock
	Lock       *lock.Lock
	Prefix     string // begins the names of the job's staging tables, and of no other table
	Purpose    string // begins the log_comment of every statement
	Shapes     map[string]Shape
	// After is told of each step; an error ends the run there. Nil: nobody is told.
	After func(step string) error

	tables int // made so far
}

// Table is a staging table.
type Table struct {
	Name string
	Of   string // the table in which its rows are to stand
}

func (r *Run) named(purpose string, values map[string]string) context.Context {
	return clickhouse.Named(r.Context, r.Purpose+": "+purpose, values)
}

// Name names a new staging table for a table.
func (r *Run) Name(of string) Table {
	r.tables++
	return Table{Name: fmt.Sprintf("%s%s_%d_%d", r.Prefix, of, r.Lock.Token(), r.tables), Of: of}
}

// Create makes a staging table.
func (r *Run) Create(t Table) error {
	shape, ok := r.Shapes[t.Of]
	if !ok {
		panic("BUG: no shape of " + t.Of)
	}
	engine := shape.Engine
	if engine == "" {
		engine = "MergeTree"
	}
	err := r.ClickHouse.Exec(r.named("stage", nil), fmt.Sprintf(
		"CREATE TABLE fairlead.%s AS fairlead.%s ENGINE = %s %s SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
		t.Name, t.Of, engine, shape.Key))
	if err != nil {
		return fmt.Errorf("make the staging table %s: %w", t.Name, err)
	}
	return r.after("stage")
}

// Fill runs an INSERT … SELECT into a staging table, which the statement calls {stage:Identifier}.
func (r *Run) Fill(t Table, purpose, sql string, values map[string]string) error {
	values["stage"] = t.Name
	if err := r.ClickHouse.Exec(r.named(purpose, values), sql); err != nil {
		return fmt.Errorf("count into %s: %w", t.Name, err)
	}
	return r.after("fill")
}

// Swap puts the staging table's rows in the place of the partition's, if the run still holds the lock.
func (r *Run) Swap(t Table, partition string) error {
	var rows uint64
	if err := r.ClickHouse.QueryRow(r.named("swap", nil), "SELECT count() FROM fairlead."+t.Name).Scan(&rows); err != nil {
		return fmt.Errorf("count the rows of %s: %w", t.Name, err)
	}
	if rows == 0 { // which REPLACE PARTITION refuses
		return r.Clear(t.Of, partition)
	}
	return r.Replace(t, partition)
}

// Replace is Swap for whoever knows that the staging table has rows of the partition.
func (r *Run) Replace(t Table, partition string) error {
	if err := r.Lock.Check(); err != nil {
		return err
	}
	err := r.ClickHouse.Exec(r.named("swap", nil), fmt.Sprintf("ALTER TABLE fairlead.%s REPLACE PARTITION %s FROM fairlead.%s", t.Of, partition, t.Name))
	if err != nil {
		return fmt.Errorf("swap %s of %s: %w", partition, t.Of, err)
	}
	return r.after("swap")
}

// Clear takes the partition's rows away, if the run still holds the lock: nothing is to stand there.
func (r *Run) Clear(of, partition string) error {
	if err := r.Lock.Check(); err != nil {
		return err
	}
	err := r.ClickHouse.Exec(r.named("swap", nil), fmt.Sprintf("ALTER TABLE fairlead.%s DROP PARTITION %s", of, partition))
	if err != nil {
		return fmt.Errorf("clear %s of %s: %w", partition, of, err)
	}
	return r.after("swap")
}

// Drop drops a staging table.
func (r *Run) Drop(name string) error {
	if err := r.ClickHouse.Exec(r.named("clean", nil), "DROP TABLE IF EXISTS fairlead."+name+" SYNC"); err != nil {
		return fmt.Errorf("drop the staging table %s: %w", name, err)
	}
	return r.after("drop")
}

// DropAll drops the job's staging tables of every run before this one.
func (r *Run) DropAll() error {
	var left []struct {
		Name string `ch:"name"`
	}
	err := r.ClickHouse.Select(r.named("what other runs left", nil), &left,
		"SELECT name FROM system.tables WHERE database = 'fairlead' AND startsWith(name, "+clickhouse.Quote(r.Prefix)+")")
	if err != nil {
		return fmt.Errorf("look for staging tables: %w", err)
	}
	for _, t := range left {
		if err := r.Drop(t.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) after(step string) error {
	if r.After == nil {
		return nil
	}
	return r.After(step)
}
