package clickhouse

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

//go:embed migrations/*.sql
var files embed.FS

// migration is one numbered file: a template of one statement.
type migration struct {
	number   uint32
	name     string // the file's
	checksum string // SHA-256 of the file, before it is rendered
	text     string
}

// migrationsTable is the number of the migration that makes the table of migrations: from there on
// each is recorded as soon as it is done.
const migrationsTable = 3

// migrations returns all migrations in order.
func migrations() ([]migration, error) {
	entries, err := files.ReadDir("migrations")
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	var all []migration
	for i, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || len(number) != 4 || int(n) != i+1 {
			return nil, fmt.Errorf("migration %s: its number should be %04d", e.Name(), i+1)
		}
		text, err := files.ReadFile("migrations/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{
			number:   uint32(n),
			name:     e.Name(),
			checksum: hex.EncodeToString(sum[:]),
			text:     string(text),
		})
	}
	return all, nil
}

// place is what a migration's text depends on: one server or a cluster.
type place struct {
	Cluster string
	Definer string // quoted
}

// render returns the statement for a place; empty when there is nothing to do there.
func (m migration) render(p place) (string, error) {
	t, err := template.New(m.name).Option("missingkey=error").Funcs(template.FuncMap{
		"shard":       p.shard,
		"everywhere":  p.everywhere,
		"distributed": p.distributed,
		"dedupWindow": p.dedupWindow,
	}).Parse(m.text)
	if err != nil {
		return "", fmt.Errorf("migration %s: %w", m.name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return "", fmt.Errorf("migration %s: %w", m.name, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// OnCluster makes a statement run on every server of the cluster.
func (p place) OnCluster() string {
	if p.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + Quote(p.Cluster)
}

// Local ends the name of a table of facts where each shard has its own.
func (p place) Local() string {
	if p.Cluster == "" {
		return ""
	}
	return "_local"
}

// shard is the engine of a table of which each shard has its part.
func (p place) shard(engine string, args ...string) string {
	return p.engine("'/clickhouse/tables/{shard}/{database}/{table}'", "'{replica}'", engine, args)
}

// everywhere is the engine of a table that stands whole on every server of the cluster.
func (p place) everywhere(engine string, args ...string) string {
	return p.engine("'/clickhouse/tables/all/{database}/{table}'", "'{shard}-{replica}'", engine, args)
}

func (p place) engine(path, replica, engine string, args []string) string {
	if p.Cluster == "" {
		return engine + "(" + strings.Join(args, ", ") + ")"
	}
	return "Replicated" + engine + "(" + strings.Join(append([]string{path, replica}, args...), ", ") + ")"
}

// distributed is the engine that asks the local table of every shard. All rows of a node go to one
// shard, so that what a repeated insert meets there is what the first one left.
func (p place) distributed(local string) string {
	return fmt.Sprintf("Distributed(%s, fairlead, %s, cityHash64(node))", Quote(p.Cluster), local)
}

// dedupWindow is the setting that makes a table remember the tokens of its last inserts.
func (p place) dedupWindow(inserts int) string {
	if p.Cluster == "" {
		return fmt.Sprintf("non_replicated_deduplication_window = %d", inserts)
	}
	return fmt.Sprintf("replicated_deduplication_window = %d, replicated_deduplication_window_seconds = 604800", inserts)
}

// Quote writes s as a string of ClickHouse's SQL, and of its text form within an array.
func Quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// quoteName writes s as an identifier of ClickHouse's SQL.
func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
