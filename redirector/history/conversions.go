package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fairlead/redirector/ship"
	"fairlead/redirector/spool"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// ConversionsReport is what an import of conversions did.
type ConversionsReport struct {
	Read
	Node    string            `json:"node"`  // hash of the decompressed file
	Taken   uint64            `json:"taken"` // rows that are conversions now
	Added   uint64            `json:"added"` // of these, the ones that were not there before
	Already uint64            `json:"already"`
	Kinds   map[string]uint64 `json:"kinds"`
	From    time.Time         `json:"from,omitzero"`
	To      time.Time         `json:"to,omitzero"`
	Seconds float64           `json:"seconds"`
}

// Conversions imports leads, sales and refunds. Run again on the same file it adds what is missing, and nothing twice.
func (im *Importer) Conversions(ctx context.Context, path string, stdin io.Reader) (ConversionsReport, error) {
	began := time.Now()
	im.fillIn()
	file, err := spool.Open(ctx, path, stdin, im.told(StepRead))
	if err != nil {
		return ConversionsReport{}, err
	}
	defer file.Close()
	b, r, err := im.agree(ctx, file)
	if err != nil {
		return r, err
	}
	for k := range b.takes {
		if err := im.ship(ctx, b, k, &r); err != nil {
			return r, err
		}
	}
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// agree finds out which rows are taken, remembers that, and returns the book of them.
func (im *Importer) agree(ctx context.Context, file *spool.File) (*book, ConversionsReport, error) {
	fail := func(err error) (*book, ConversionsReport, error) { return nil, ConversionsReport{}, err }
	if err := im.Directory.EnsureSecret(ctx); err != nil {
		return fail(err)
	}
	key, err := im.Directory.CustomerKey(ctx)
	if err != nil {
		return fail(err)
	}
	noted, _, err := im.Directory.Import(ctx, string(file.Node()))
	if err != nil {
		return fail(err)
	}
	for {
		if noted.What != "" && noted.What != schema.ImportConversions {
			return fail(fmt.Errorf("the file was imported as %s", noted.What))
		}
		b := &book{file: file, key: key}
		r, err := im.read(ctx, b, noted.Takes)
		if err != nil {
			return fail(err)
		}
		last := len(noted.Takes)
		if b.counts[last] == 0 {
			b.takes = b.takes[:last]
			return b, r, nil
		}
		want := schema.Import{Node: string(file.Node()), What: schema.ImportConversions}
		b.takes[last].Rows = b.counts[last]
		for _, t := range b.takes {
			want.Takes = append(want.Takes, t.ImportTake)
		}
		if noted, err = im.Directory.NoteImport(ctx, directory.CLI, want); err != nil {
			return fail(err)
		}
		if same(noted, want) {
			return b, r, nil
		}
		// Somebody else was faster: their takes stand.
	}
}

// read reads all rows as the takes before did, and as one would that takes the rest now.
func (im *Importer) read(ctx context.Context, b *book, before []schema.ImportTake) (r ConversionsReport, err error) {
	now := schema.ImportTake{At: im.Now()}
	if now.Version, err = im.Directory.Version(ctx); err != nil {
		return r, err
	}
	if err := b.look(ctx, im.Directory, append(slices.Clone(before), now)); err != nil {
		return r, err
	}
	if r, err = im.count(ctx, b); err != nil {
		return r, err
	}
	for k, t := range before {
		if b.counts[k] != t.Rows {
			return r, fmt.Errorf("of this file %d rows were taken on %s, and this program would take %d: import it with the program that began it",
				t.Rows, t.At.Format(time.DateTime), b.counts[k])
		}
	}
	return r, nil
}

func same(a, b schema.Import) bool {
	if len(a.Takes) != len(b.Takes) {
		return false
	}
	for i, t := range a.Takes {
		if o := b.Takes[i]; !t.At.Equal(o.At) || t.Version != o.Version || t.Rows != o.Rows {
			return false
		}
	}
	return true
}

// count reads all rows, writes down those that are refused, and counts the others by take.
func (im *Importer) count(ctx context.Context, b *book) (ConversionsReport, error) {
	r := ConversionsReport{Node: string(b.file.Node()), Kinds: map[string]uint64{}}
	all, err := openRows(b.file.Counted(ctx, im.told(StepRows)), b.setting)
	if err != nil {
		return r, err
	}
	out := &rejects{path: im.Rejects, header: all.header}
	for all.next() {
		switch {
		case all.passed != "":
			all.Passed[all.passed]++
			continue
		case all.wrong != nil:
		default:
			var k int
			if k, all.wrong = b.takeOf(&all.row); all.wrong == nil {
				b.counts[k]++
				r.saw(&all.row.Conversion)
				continue
			}
		}
		if err := out.add(all.line, all.record, all.wrong); err != nil {
			return r, errors.Join(err, out.close())
		}
	}
	r.Read = all.Read
	out.tell(&r.Read)
	return r, errors.Join(all.err, out.close())
}

func (r *ConversionsReport) saw(c *schema.Conversion) {
	r.Taken++
	r.Kinds[string(c.Kind)]++
	at := time.UnixMilli(c.OccurredAt).UTC()
	if r.From.IsZero() || at.Before(r.From) {
		r.From = at
	}
	if at.After(r.To) {
		r.To = at
	}
}

// ship brings the rows of one take to ClickHouse.
func (im *Importer) ship(ctx context.Context, b *book, k int, r *ConversionsReport) error {
	source := b.source(k, func(_ string, seq uint64) { im.Progress(StepShip, int64(seq), int64(r.Taken)) })
	facts := ship.NewConversions(im.ClickHouse, ship.ClickHouseOptions{
		Source: source, Cluster: im.Cluster, Closed: true, MaxRows: im.BatchRows, GiveUp: 6, Now: im.Now, Logger: im.Logger,
		Faults: im.faults,
	})
	err := facts.Drain(ctx)
	r.Added += facts.Sent()
	if landed := facts.Position() - (source.First - 1); landed > facts.Sent() {
		r.Already += landed - facts.Sent()
	}
	if err != nil {
		return fmt.Errorf("%w; run the import again, it goes on where it was", err)
	}
	return nil
}

// take is a time at which rows were taken, with what was known then.
type take struct {
	schema.ImportTake
	owners map[string]directory.Owner // by name
	keys   []schema.StoredClickKey
}

// book is a file with what decides on its rows.
type book struct {
	file *spool.File
	setting
	key    schema.CustomerKey
	takes  []take
	counts []uint64 // rows, by take
}

// look looks up what takes need of the directory: the settings are those of the first, the names those of each.
func (b *book) look(ctx context.Context, d *directory.Directory, takes []schema.ImportTake) error {
	program, err := d.At(takes[0].Version).Program(ctx)
	if err != nil {
		return err
	}
	b.setting = setting{currency: program.Currency, zone: program.Location(), key: b.key}
	names, err := b.names(ctx)
	if err != nil {
		return err
	}
	b.counts = make([]uint64, len(takes))
	b.takes = make([]take, len(takes))
	for k, t := range takes {
		then := d.At(t.Version)
		b.takes[k].ImportTake = t
		if b.takes[k].owners, err = then.Owners(ctx, names); err != nil {
			return err
		}
		if b.takes[k].keys, err = then.ClickKeys(ctx); err != nil {
			return err
		}
	}
	return nil
}

// names are those of the partners in the file.
func (b *book) names(ctx context.Context) ([]string, error) {
	all, err := openRows(b.file.Counted(ctx, nil), b.setting)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []string
	for all.next() {
		if all.wrong != nil || all.passed != "" {
			continue
		}
		for _, name := range all.row.partners {
			if !seen[name] {
				name = strings.Clone(name) // of the whole record otherwise
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out, all.err
}

// ahead is how far the clock that dated a row may be ahead of ours.
const ahead = 5 * time.Minute

// takeOf returns the take that a row belongs to, or why none takes it.
func (b *book) takeOf(r *row) (int, error) {
	var no error
	for k := range b.takes {
		t := &b.takes[k]
		if r.OccurredAt > t.At.Add(ahead).UnixMilli() {
			no = errors.New("date: is in the future")
			continue
		}
		if _, no = t.credit(r); no == nil {
			return k, nil
		}
	}
	return 0, no
}

// credit is the partner whom a row names, 0 where it names nobody, or why it cannot be told.
func (t *take) credit(r *row) (schema.PartnerID, error) {
	var found schema.PartnerID
	for _, name := range r.partners {
		switch o := t.owners[name]; {
		case o.Partner == 0 || o.Partner == found:
		case found != 0:
			return 0, fmt.Errorf("partner: the row names two, %s", strings.Join(r.partners, " and "))
		default:
			found = o.Partner
		}
	}
	if found == 0 && len(r.partners) > 0 {
		return 0, fmt.Errorf("partner: nobody has the e-mail address or slug %s: add the partner, then import this file again", strings.Join(r.partners, " or "))
	}
	return found, nil
}
