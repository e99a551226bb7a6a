// Package clickhouse is the schema of Fairlead's two databases in ClickHouse: fairlead, which holds
// the facts and what is computed from them, and analytics, which holds the views for analysts.
//
// Apply brings a server or a cluster to the newest version and never takes anything away: migrations
// are numbered, go forward only, one statement each, and an applied one never changes. Every statement
// can be repeated, so that a crash, or two programs that start at once, leave nothing half done. A
// program refuses a schema that is newer than itself.
//
// On a cluster the facts lie in a local table per shard and are read and written under the same names
// through Distributed tables; everything else is small and stands whole on every server.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Options say where Apply works.
type Options struct {
	// Cluster is the name of the cluster whose servers all get the schema, with Replicated engines;
	// empty: the one server at the other end of the connection.
	Cluster string
	// Progress, when set, is told after each migration that had to be applied.
	Progress func(done, total int, name string)
}

// Errors of Apply that tell the operator to use another program.
var (
	ErrNewerSchema = errors.New("the schema is newer than this program")
	ErrChanged     = errors.New("an applied migration differs from this program's")
)

// Apply brings the schema up to date. The connection's user becomes the definer of the analysts'
// views. It may run in several processes at once.
func Apply(ctx context.Context, conn driver.Conn, opt Options) error {
	if opt.Cluster != "" && !clusterName.MatchString(opt.Cluster) {
		return fmt.Errorf("cluster name %q: letters, digits, - and _ are allowed", opt.Cluster)
	}
	ctx = Named(ctx, "migrate", nil)
	all, err := migrations()
	if err != nil {
		return err
	}
	applied, err := appliedMigrations(ctx, conn)
	if err != nil {
		return err
	}
	todo, err := pending(all, applied)
	if err != nil || len(todo) == 0 {
		return err
	}
	var user string
	if err := conn.QueryRow(ctx, "SELECT currentUser()").Scan(&user); err != nil {
		return fmt.Errorf("ask ClickHouse for the current user: %w", err)
	}
	p := place{Cluster: opt.Cluster, Definer: quoteName(user)}
	var unrecorded []migration
	for i, m := range todo {
		stmt, err := m.render(p)
		if err != nil {
			return err
		}
		if stmt != "" {
			if err := conn.Exec(ctx, stmt); err != nil {
				return fmt.Errorf("apply migration %s: %w", m.name, err)
			}
		}
		unrecorded = append(unrecorded, m)
		if m.number >= migrationsTable {
			if err := record(ctx, conn, unrecorded); err != nil {
				return err
			}
			unrecorded = unrecorded[:0]
		}
		if opt.Progress != nil {
			opt.Progress(i+1, len(todo), m.name)
		}
	}
	return nil
}

// Pending returns how many migrations Apply would apply; its errors are those of Apply.
func Pending(ctx context.Context, conn driver.Conn) (int, error) {
	all, err := migrations()
	if err != nil {
		return 0, err
	}
	applied, err := appliedMigrations(Named(ctx, "migrations", nil), conn)
	if err != nil {
		return 0, err
	}
	todo, err := pending(all, applied)
	return len(todo), err
}

// pending returns the migrations that are still to be applied, after checking those that were.
func pending(all []migration, applied map[uint32]string) ([]migration, error) {
	newest := all[len(all)-1].number
	for n := range applied {
		if n > newest {
			return nil, fmt.Errorf("%w: this deployment's schema is at %04d, this program knows %04d: run the newer program",
				ErrNewerSchema, maxKey(applied), newest)
		}
	}
	var todo []migration
	for _, m := range all {
		sum, ok := applied[m.number]
		if !ok {
			todo = append(todo, m)
			continue
		}
		if sum != m.checksum {
			return nil, fmt.Errorf("%w: %s was applied with checksum %.12s…, this program's has %.12s…: run the program that applied it, or one made from the same source",
				ErrChanged, m.name, sum, m.checksum)
		}
	}
	return todo, nil
}

func maxKey(m map[uint32]string) (highest uint32) {
	for n := range m {
		highest = max(highest, n)
	}
	return highest
}

// appliedMigrations returns the checksums by number; none when there is no schema yet.
func appliedMigrations(ctx context.Context, conn driver.Conn) (map[uint32]string, error) {
	rows, err := conn.Query(ctx, "SELECT number, argMax(checksum, applied_at) FROM fairlead.migrations GROUP BY number")
	if err != nil {
		var e *ch.Exception
		if errors.As(err, &e) && (e.Code == codeUnknownDatabase || e.Code == codeUnknownTable) {
			return nil, nil
		}
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	defer rows.Close()
	applied := map[uint32]string{}
	for rows.Next() {
		var n uint32
		var sum string
		if err := rows.Scan(&n, &sum); err != nil {
			return nil, fmt.Errorf("read the applied migrations: %w", err)
		}
		applied[n] = sum
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	return applied, nil
}

// Error codes of ClickHouse: src/Common/ErrorCodes.cpp.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
)

func record(ctx context.Context, conn driver.Conn, done []migration) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO fairlead.migrations (number, name, checksum)")
	if err != nil {
		return fmt.Errorf("record the applied migrations: %w", err)
	}
	defer batch.Close()
	for _, m := range done {
		if err := batch.Append(m.number, m.name, m.checksum); err != nil {
			return fmt.Errorf("record migration %s: %w", m.name, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("record the applied migrations: %w", err)
	}
	return nil
}

var clusterName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Named returns ctx for the queries of one purpose: whoever reads the query log finds it in log_comment.
// The values are those of the statement's {name:Type} parameters, in ClickHouse's text form.
func Named(ctx context.Context, purpose string, values map[string]string) context.Context {
	opts := []ch.QueryOption{ch.WithSettings(ch.Settings{"log_comment": "fairlead " + purpose})}
	if len(values) > 0 {
		opts = append(opts, ch.WithParameters(values))
	}
	return ch.Context(ctx, opts...)
}

// Instant writes t as a query parameter of type DateTime64(3, 'UTC').
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
