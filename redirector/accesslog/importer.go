package accesslog

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/redirector/enrich"
	"fairlead/redirector/ship"
	"fairlead/redirector/spool"
	"fairlead/schema"
	"fairlead/schema/directory"
)

//go:embed verdicts.sql
var verdictsSQL string

// Importer brings access logs into the stores, through the same pipeline as clicks of the edge.
type Importer struct {
	ClickHouse driver.Conn
	Redis      redis.UniversalClient
	Keys       schema.Keys
	Directory  *directory.Directory
	Enrich     *enrich.Data
	Cluster    string // of ClickHouse; empty: one server
	// Partner gets a link for every path that could be a slug and is none yet; 0: such paths stay unknown links.
	Partner schema.PartnerID
	// AllowLoopback is the directory's.
	AllowLoopback bool
	Rejects       string        // file for lines that do not parse; made when there is one
	LiveWait      time.Duration // for live counters that are being rebuilt, one minute
	BatchRows     int           // of an insert, 500,000
	Now           func() time.Time
	Logger        *slog.Logger
	// Progress, if not nil, is told how far a step is; total 0: unknown.
	Progress func(step string, done, total int64)
}

// Report is what an import did.
type Report struct {
	Node         string            `json:"node"` // hash of the decompressed file
	Lines        uint64            `json:"lines"`
	Clicks       uint64            `json:"clicks"` // GET lines, each a row
	OtherMethods uint64            `json:"other_methods"`
	Broken       uint64            `json:"broken"`
	Rejects      string            `json:"rejects,omitempty"` // file with the broken lines
	Added        uint64            `json:"added"`             // rows that were not there before
	Already      uint64            `json:"already"`           // rows that an earlier import of the file brought
	LinksCreated int               `json:"links_created"`
	Verdicts     map[string]uint64 `json:"verdicts"`
	From         time.Time         `json:"from,omitzero"`
	To           time.Time         `json:"to,omitzero"`
	Live         bool              `json:"live"` // some clicks are recent enough for the live counters, which have them or are being made anew
	Seconds      float64           `json:"seconds"`
	RowsPerSec   float64           `json:"rows_per_second"`
}

// The steps that Progress is told of.
const (
	StepRead  = "read"
	StepScan  = "lines"
	StepShip  = "clicks"
	StepCount = "live counters"
)

// Import reads a log and ships it. Run again on the same file it adds what is missing, and nothing twice.
func (im *Importer) Import(ctx context.Context, path string, stdin io.Reader) (Report, error) {
	began := time.Now()
	if im.Now == nil {
		im.Now = time.Now
	}
	if im.Progress == nil {
		im.Progress = func(string, int64, int64) {}
	}
	if im.LiveWait == 0 {
		im.LiveWait = time.Minute
	}
	file, err := Open(ctx, path, stdin, func(done, total int64) { im.Progress(StepRead, done, total) })
	if err != nil {
		return Report{}, err
	}
	defer file.Close()
	program, err := im.Directory.Program(ctx)
	if err != nil {
		return Report{}, err
	}
	asked, err := im.scan(ctx, file, program)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Node: string(file.Node()), Lines: file.Lines, Clicks: file.Clicks, OtherMethods: file.OtherMethods, Broken: file.Broken,
		From: file.First, To: file.Last, Verdicts: map[string]uint64{},
	}
	if file.Broken > 0 {
		r.Rejects = im.Rejects
	}
	if file.Clicks == 0 {
		return r, nil
	}
	links, created, err := im.links(ctx, program, asked)
	if err != nil {
		return r, err
	}
	r.LinksCreated = created
	source := file.Source(Options{Links: links, Homepage: program.Homepage, Zone: program.Location()}, func(sink string, seq uint64) {
		if sink == ship.SinkClickHouse {
			im.Progress(StepShip, int64(seq), int64(file.Clicks))
		}
	})
	shipped := time.Now()
	facts := ship.NewClickHouse(im.ClickHouse, ship.ClickHouseOptions{
		Source: source, Enrich: im.Enrich, Cluster: im.Cluster, Closed: true, MaxRows: im.BatchRows, GiveUp: 6, Now: im.Now, Logger: im.Logger,
	})
	err = facts.Drain(ctx)
	r.Added = facts.Sent()
	r.Already = facts.Position() - min(facts.Position(), r.Added)
	if err != nil {
		return r, fmt.Errorf("%w; run the import again, it goes on where it was", err)
	}
	if err := im.verdicts(ctx, &r); err != nil {
		return r, err
	}
	if im.Now().Sub(file.Last) < (schema.LiveDays+2)*24*time.Hour {
		if err := im.count(ctx, source, r); err != nil {
			return r, err
		}
		r.Live = true
	}
	r.Seconds = time.Since(began).Seconds()
	r.RowsPerSec = float64(r.Clicks) / time.Since(shipped).Seconds()
	return r, nil
}

// count brings the live counters up to date. Rows that an earlier import brought were made with the links of
// that time: what of them is not counted yet is not for this import to say, and the counters are made anew from ClickHouse.
func (im *Importer) count(ctx context.Context, source *spool.Source, r Report) error {
	ctx, cancel := context.WithTimeout(ctx, im.LiveWait)
	defer cancel()
	if r.Already > 0 {
		return im.recount(ctx, r)
	}
	live := ship.NewRedis(im.Redis, ship.RedisOptions{
		Source: source, Enrich: im.Enrich, Keys: im.Keys, GiveUp: 6, Now: im.Now, Logger: im.Logger,
	})
	if err := live.Drain(ctx); err != nil {
		return fmt.Errorf("all clicks stand in ClickHouse, but the live counters could not be brought up to date (does the aggregator run?); import the file again later, nothing is added twice: %w", err)
	}
	im.Progress(StepCount, int64(r.Clicks), int64(r.Clicks))
	return nil
}

// recount has the aggregator make the live counters anew, unless all of the file is in them.
func (im *Importer) recount(ctx context.Context, r Report) error {
	pipe := im.Redis.Pipeline()
	var at [schema.LiveShards]*redis.StringCmd
	for i := range at {
		at[i] = pipe.HGet(ctx, im.Keys.Live(i), schema.LivePosition(r.Node))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("look whether the live counters have the file: %w", err)
	}
	for _, cmd := range at {
		if n, err := cmd.Uint64(); err != nil || n < r.Clicks {
			if err := im.Redis.Del(ctx, im.Keys.LiveComplete()).Err(); err != nil {
				return fmt.Errorf("have the live counters made anew: %w", err)
			}
			return nil
		}
	}
	return nil
}

// scan reads the log as it was when it was first imported, and returns what its GET lines ask for.
func (im *Importer) scan(ctx context.Context, file *File, program schema.Program) (paths, error) {
	noted, known, err := im.Directory.Import(ctx, string(file.Node()))
	if err != nil {
		return nil, err
	}
	at := im.Now()
	if known {
		at = noted.Takes[0].At
	}
	for {
		asked := make(paths)
		rejects := &rejectsFile{path: im.Rejects}
		err := file.Scan(ctx, at, func(n uint64, text []byte, e *Entry, click bool, broken error) error {
			switch {
			case broken != nil:
				return rejects.add(n, text, broken)
			case click:
				asked.see(e.Target, program.SlugCase == schema.SlugsSensitive)
			}
			return nil
		}, func(done, total int64) { im.Progress(StepScan, done, total) })
		if err := errors.Join(err, rejects.close()); err != nil {
			return nil, err
		}
		if known || file.Clicks == 0 {
			return asked, nil
		}
		noted, err = im.Directory.NoteImport(ctx, directory.CLI, schema.Import{
			Node: string(file.Node()), What: schema.ImportClicks, Takes: []schema.ImportTake{{At: at, Rows: file.Clicks}},
		})
		if err != nil {
			return nil, err
		}
		if known = true; noted.Takes[0].At.Equal(at) {
			return asked, nil
		}
		at = noted.Takes[0].At // somebody else was faster
	}
}

// paths are the paths that could be slugs, by folded slug, in the case in which they were first asked for.
type paths map[string]path

type path struct {
	raw  string // as the log has it
	slug string // that a link for it gets
}

func (p paths) see(target []byte, caseCounts bool) {
	slug := Slug(target)
	folded := schema.FoldSlug(slug)
	if _, ok := p[folded]; ok || schema.CheckSlug(slug) != nil {
		return
	}
	raw, _ := splitTarget(target)
	if !caseCounts {
		slug = folded
	}
	p[strings.Clone(folded)] = path{string(raw), strings.Clone(slug)}
}

// perAsk is how many slugs are looked up, or links made, at once.
const perAsk = 10_000

// links finds the links of the paths, and makes those that are missing where a partner is to have them.
func (im *Importer) links(ctx context.Context, program schema.Program, asked paths) (Links, int, error) {
	found := make(map[string]Link, len(asked))
	states := make(map[schema.PartnerID]schema.PartnerStatus)
	take := func(list []schema.Link) error {
		for _, l := range list {
			v, err := im.verdict(ctx, l, states)
			if err != nil {
				return err
			}
			found[schema.FoldSlug(l.Slug)] = Link{ID: l.ID, Spelled: l.Slug, Partner: l.Partner, Destination: []byte(l.To), Verdict: v, Expires: l.ExpiresAt}
		}
		return nil
	}
	slugs := make([]string, 0, perAsk)
	ask := func() error {
		bySlug, err := im.Directory.LinksBySlug(ctx, slugs)
		if err != nil {
			return err
		}
		list := make([]schema.Link, 0, len(bySlug))
		for _, l := range bySlug {
			list = append(list, l)
		}
		slugs = slugs[:0]
		return take(list)
	}
	for slug := range asked {
		if slugs = append(slugs, slug); len(slugs) == perAsk {
			if err := ask(); err != nil {
				return nil, 0, err
			}
		}
	}
	if err := ask(); err != nil {
		return nil, 0, err
	}
	created, err := im.create(ctx, program, asked, found, take)
	if err != nil {
		return nil, created, err
	}
	caseCounts := program.SlugCase == schema.SlugsSensitive
	return func(folded, asked []byte) (Link, bool) {
		l, ok := found[string(folded)]
		if !ok || caseCounts && l.Spelled != string(asked) {
			return Link{}, false
		}
		return l, true
	}, created, nil
}

// verdict is what a valid hit on the link counts as.
func (im *Importer) verdict(ctx context.Context, l schema.Link, states map[schema.PartnerID]schema.PartnerStatus) (schema.Verdict, error) {
	status, ok := states[l.Partner]
	if !ok {
		p, err := im.Directory.Partner(ctx, l.Partner)
		if err != nil {
			return 0, err
		}
		status = p.Status
		states[l.Partner] = status
	}
	switch {
	case !status.Earns():
		return schema.VerdictSuspended, nil
	case l.Disabled:
		return schema.VerdictDisabled, nil
	}
	return schema.VerdictValid, nil
}

// create makes a link for each path that has none. It leads to the same path below the program's homepage, where that is an
// allowed destination, and to the homepage otherwise.
func (im *Importer) create(ctx context.Context, program schema.Program, asked paths, found map[string]Link, take func([]schema.Link) error) (int, error) {
	if im.Partner == 0 {
		return 0, nil
	}
	home, err := url.Parse(program.Homepage)
	if err != nil {
		return 0, fmt.Errorf("the program's homepage %q: %w", program.Homepage, err)
	}
	allowed, err := schema.NewDestinations(program.AllowedDomains, im.AllowLoopback)
	if err != nil {
		return 0, err
	}
	created := 0
	var todo []directory.NewLink
	add := func() error {
		list, err := im.Directory.AddLinks(ctx, directory.CLI, todo)
		if err != nil {
			return fmt.Errorf("create links: %w", err)
		}
		created += len(list)
		todo = todo[:0]
		return take(list)
	}
	for folded, path := range asked {
		if _, ok := found[folded]; ok {
			continue
		}
		to, err := allowed.Check(home.Scheme + "://" + home.Host + path.raw)
		if err != nil {
			to = program.Homepage
		}
		if todo = append(todo, directory.NewLink{Partner: im.Partner, Slug: path.slug, To: to}); len(todo) == perAsk {
			if err := add(); err != nil {
				return created, err
			}
		}
	}
	if len(todo) > 0 {
		if err := add(); err != nil {
			return created, err
		}
	}
	return created, nil
}

// verdicts counts what became of the lines, as it stands in ClickHouse now.
func (im *Importer) verdicts(ctx context.Context, r *Report) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"log_comment": "fairlead import: verdicts"}))
	rows, err := im.ClickHouse.Query(ctx, verdictsSQL,
		clickhouse.Named("node", r.Node), clickhouse.Named("from", r.From.UnixMilli()), clickhouse.Named("to", r.To.UnixMilli()))
	if err != nil {
		return fmt.Errorf("count the verdicts of the import: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var verdict string
		var n uint64
		if err := rows.Scan(&verdict, &n); err != nil {
			return fmt.Errorf("count the verdicts of the import: %w", err)
		}
		r.Verdicts[verdict] = n
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("count the verdicts of the import: %w", err)
	}
	return nil
}

// rejectsFile takes lines that do not parse: number, reason and text, parted by tabs.
type rejectsFile struct {
	path string
	f    *os.File
	w    *bufio.Writer
}

func (r *rejectsFile) add(n uint64, text []byte, why error) error {
	if r.path == "" {
		return nil
	}
	if r.f == nil {
		f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("write the lines that do not parse: %w; --rejects names another file", err)
		}
		r.f, r.w = f, bufio.NewWriter(f)
	}
	if _, err := fmt.Fprintf(r.w, "%d\t%s\t%s\n", n, why, text); err != nil {
		return fmt.Errorf("write the lines that do not parse: %w", err)
	}
	return nil
}

func (r *rejectsFile) close() error {
	if r.f == nil {
		return nil
	}
	if err := errors.Join(r.w.Flush(), r.f.Close()); err != nil {
		return fmt.Errorf("write the lines that do not parse: %w", err)
	}
	return nil
}
