package demo

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fairlead/redirector/enrich"
	"fairlead/redirector/links"
	"fairlead/redirector/ship"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// State is what a demo remembers of itself, in a file of the deployment's folder.
type State struct {
	Seed     uint64    `json:"seed"`
	Until    time.Time `json:"until"`    // the invented past ends here
	Shop     string    `json:"shop"`     // host:port
	Password string    `json:"password"` // of the demo's log-ins
	KeyID    uint32    `json:"key_id"`   // of Key
	Key      string    `json:"key"`      // API key of the shop; empty: there is none yet
	Filled   bool      `json:"filled"`   // the past is in the stores
}

// AdminEmail is the demo admin's log-in; partners log in with slug@demo.example.
const AdminEmail = "admin@demo.example"

// PartnerEmail is the log-in of the partner that the start prints.
func PartnerEmail() string { return email(partners[0]) }

// PartnerSlug is that partner's personal link.
func PartnerSlug() string { return partners[0].slug }

// PartnerCoupon credits that partner.
func PartnerCoupon() string { return codes[partners[0].slug] }

func email(w who) string { return w.slug + "@demo.example" }

// file holds the State.
const file = "demo.json"

// Exists reports whether a folder holds a demo.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// Load reads the demo's state; one that was never begun gets a new one, stored before anything is
// filled so that a start that is cut short goes on with the same past.
func Load(dir string, now time.Time, shop string) (State, error) {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err == nil {
		var s State
		if err := json.Unmarshal(data, &s); err != nil {
			return State{}, fmt.Errorf("%s is damaged (%w): delete the folder %s to begin a new demo", file, err, dir)
		}
		return s, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("read the demo's state: %w", err)
	}
	s := State{Until: now.UTC().Truncate(time.Second), Shop: shop, Password: password()}
	var b [8]byte
	rand.Read(b[:])
	s.Seed = binary.LittleEndian.Uint64(b[:])
	return s, s.Save(dir)
}

// Home is the shop's home page.
func (s State) Home() string { return "http://" + s.Shop + "/" }

// Save stores the state, readable by its owner only.
func (s State) Save(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, file)
	if err := errors.Join(os.WriteFile(name+".new", append(data, '\n'), 0o600), os.Rename(name+".new", name)); err != nil {
		return fmt.Errorf("store the demo's state: %w", err)
	}
	return nil
}

func password() string {
	var b [10]byte
	rand.Read(b[:])
	return "demo-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// Program is the demo's program; shop is its homepage.
func Program(seed schema.Program, shop string) schema.Program {
	seed.Name = "Kiln & Quay Partners"
	seed.Homepage = State{Shop: shop}.Home()
	seed.AllowedDomains = []string{shop}
	seed.Currency, seed.Zone = "USD", "America/Toronto"
	seed.Demo = true
	return seed
}

// EnsureKey draws the shop's API key if there is none, and stores it with the state.
func (s *State) EnsureKey(ctx context.Context, dir string, d *directory.Directory) error {
	if s.Key != "" {
		return nil
	}
	key, text, err := d.AddKey(ctx, directory.System, directory.NewAPIKey{Name: "demo shop"})
	if err != nil {
		return fmt.Errorf("draw the demo shop's API key: %w", err)
	}
	s.KeyID, s.Key = key.ID, text
	return s.Save(dir)
}

// Filler writes the demo's people and past through the product's own paths: the directory, the desk that takes reports,
// and the shippers that carry every click and conversion.
type Filler struct {
	CH        driver.Conn
	Directory *directory.Directory
	Enrich    *enrich.Data
	CountryDB string
	Log       *slog.Logger
	// Progress is told how many of the demo's clicks are stored.
	Progress func(done, total uint64)
}

// Filled is how much the demo has.
type Filled struct{ Clicks, Conversions uint64 }

// Fill enrols who is missing and ships what is missing. It may be called again after any interruption.
func (f *Filler) Fill(ctx context.Context, s State) (Filled, error) {
	none := Filled{}
	hash, err := directory.HashPassword(ctx, s.Password)
	if err != nil {
		return none, err
	}
	if err := f.admin(ctx, hash); err != nil {
		return none, err
	}
	program, err := f.Directory.Program(ctx)
	if err != nil {
		return none, err
	}
	if err := f.rule(ctx, program, s.Until); err != nil {
		return none, err
	}
	t := &Traffic{Seed: s.Seed, Until: s.Until, Zone: program.Location()}
	if t.Networks, err = Networks(f.CountryDB); err != nil {
		return none, err
	}
	if t.Partners, err = f.enrol(ctx, hash, program.Homepage, s.Until); err != nil {
		return none, err
	}
	view, key, err := f.view(ctx, program, t.Partners)
	if err != nil {
		return none, err
	}
	trade := newTrade(t)
	clicks, err := clicksOf(t, key, trade.see)
	if err != nil {
		return none, err
	}
	trade.strangers()
	records, err := trade.records(ctx, view, s.KeyID)
	if err != nil {
		return none, err
	}
	reports := reportsOf(s.Seed, records)
	if err := f.shipClicks(ctx, clicks); err != nil {
		return none, err
	}
	return Filled{Clicks: clicks.total, Conversions: reports.total}, f.shipReports(ctx, reports)
}

// rule says what the demo's partners earn: a fifth of every sale, from before its past begins.
func (f *Filler) rule(ctx context.Context, program schema.Program, until time.Time) error {
	rules, err := f.Directory.Rules(ctx)
	if err != nil || len(rules) > 0 {
		return err
	}
	_, err = f.Directory.AddRule(ctx, directory.System, schema.Rule{
		Name: "20 % of every sale", Event: schema.Sale, Percent: 2000, From: schema.DayOf(until.AddDate(-2, 0, 0), program.Location()),
	}, true, "the demo's rule")
	return err
}

// view is the directory as redirectors see it, and the key that signs the past: the first one, which is the same
// whenever a fill is taken up again.
func (f *Filler) view(ctx context.Context, program schema.Program, partners []Enrolled) (*links.View, schema.ClickKey, error) {
	keys, err := f.Directory.AllClickKeys(ctx)
	if err != nil {
		return nil, schema.ClickKey{}, err
	}
	customers, err := f.Directory.CustomerKey(ctx)
	if err != nil {
		return nil, schema.ClickKey{}, err
	}
	list := func(yield func(schema.Link) bool) {
		for _, p := range partners {
			for _, l := range p.Links {
				if !yield(schema.Link{ID: l.ID, Partner: p.Partner, Slug: l.Slug, To: l.To}) {
					return
				}
			}
		}
	}
	view, err := links.Make(links.Contents{Program: program, Keys: keys, Secret: schema.Secret{Customers: customers}, Links: list}, true)
	if err != nil {
		return nil, schema.ClickKey{}, fmt.Errorf("see the demo's links as a redirector does: %w", err)
	}
	return view, keys[len(keys)-1].Key, nil
}

// admin adds the demo's admin if there is none.
func (f *Filler) admin(ctx context.Context, hash string) error {
	if _, found, err := f.Directory.Login(ctx, AdminEmail); found || err != nil {
		return err
	}
	_, err := f.Directory.AddAdmin(ctx, directory.System, AdminEmail, hash)
	return err
}

// enrol adds the partners and links that are missing, and returns them all in the order of people.go.
func (f *Filler) enrol(ctx context.Context, hash, homepage string, until time.Time) ([]Enrolled, error) {
	out := make([]Enrolled, 0, len(partners))
	for _, w := range partners {
		e, err := f.enrolOne(ctx, w, hash, homepage, until)
		if err != nil {
			return nil, fmt.Errorf("enrol %s: %w", w.name, err)
		}
		out = append(out, e)
	}
	return out, nil
}

func (f *Filler) enrolOne(ctx context.Context, w who, hash, homepage string, until time.Time) (Enrolled, error) {
	e := Enrolled{who: w}
	joined := until.AddDate(0, -w.months, 0)
	login, found, err := f.Directory.Login(ctx, email(w))
	if err != nil {
		return e, err
	}
	e.Partner = login.Partner
	if !found {
		p, _, err := f.Directory.AddPartner(ctx, directory.System, directory.NewPartner{
			Name: w.name, Email: email(w), Slug: w.slug, PasswordHash: hash, CreatedAt: joined,
		})
		if err != nil {
			return e, err
		}
		e.Partner = p.ID
	}
	var missing []directory.NewLink
	for _, x := range w.links {
		_, found, err := f.Directory.LinkBySlug(ctx, x.slug)
		if err != nil {
			return e, err
		}
		if !found {
			missing = append(missing, directory.NewLink{Partner: e.Partner, Slug: x.slug, To: homepage + x.page, CreatedAt: joined})
		}
	}
	if len(missing) > 0 {
		if _, err := f.Directory.AddLinks(ctx, directory.System, missing); err != nil {
			return e, err
		}
	}
	if code := codes[w.slug]; code != "" {
		_, err := f.Directory.AddCoupons(ctx, directory.System, e.Partner, []string{code}, joined)
		if err != nil && directory.CodeOf(err) != directory.Conflict { // there already
			return e, err
		}
	}
	return e, f.link(ctx, &e, homepage)
}

// link looks up the partner's links, the personal one first.
func (f *Filler) link(ctx context.Context, e *Enrolled, homepage string) error {
	shares := map[string]float64{}
	for _, x := range e.links {
		shares[x.slug] = x.share
	}
	list, err := f.Directory.LinksOf(ctx, e.Partner, directory.Page{})
	if err != nil {
		return err
	}
	for _, l := range list {
		to := l.To
		if l.Personal() {
			to = homepage
		}
		e.Links = append(e.Links, EnrolledLink{ID: l.ID, Slug: l.Slug, To: to, share: shares[l.Slug]})
	}
	if len(e.Links) != len(e.links)+1 {
		return fmt.Errorf("partner %s has %d links, the demo gave it %d", e.name, len(e.Links), len(e.links)+1)
	}
	return nil
}

// shipClicks carries the clicks into ClickHouse as a redirector ships its journal. The live counters are made
// from there when the aggregator first runs.
func (f *Filler) shipClicks(ctx context.Context, src *source) error {
	facts := ship.NewClickHouse(f.CH, ship.ClickHouseOptions{Source: src, Enrich: f.Enrich, Closed: true, MaxRows: 50_000, Logger: f.Log})
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.Progress(src.Cursor(ship.SinkClickHouse), src.total)
			case <-done:
				return
			}
		}
	}()
	err := facts.Drain(ctx)
	close(done)
	<-watched
	if err != nil {
		return fmt.Errorf("store the demo's clicks: %w", err)
	}
	f.Progress(src.total, src.total)
	return nil
}

// shipReports does the same with what the shop reported.
func (f *Filler) shipReports(ctx context.Context, src *source) error {
	facts := ship.NewConversions(f.CH, ship.ClickHouseOptions{Source: src, Closed: true, Logger: f.Log})
	if err := facts.Drain(ctx); err != nil {
		return fmt.Errorf("store the demo's conversions: %w", err)
	}
	return nil
}
