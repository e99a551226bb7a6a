package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestAPartnerComesWithALinkAndALogin(t *testing.T) {
	w := seeded(t)
	p, l := w.partner("Ada Lovelace", "Ada@Example.com")
	if p.ID != 1 || p.Status != schema.PartnerInvited || p.Email != "Ada@Example.com" || l.Slug != "ada-lovelace" || !l.Personal() || l.ID != p.Link || l.Partner != p.ID {
		t.Errorf("got %+v and %+v", p, l)
	}
	got, err := w.Partner(t.Context(), p.ID)
	if err != nil || got != p {
		t.Errorf("got %+v, %v, want %+v", got, err, p)
	}
	bySlug, ok, err := w.LinkBySlug(t.Context(), "ADA-Lovelace")
	if err != nil || !ok || bySlug != l {
		t.Errorf("got %+v, %v, %v, want %+v", bySlug, ok, err, l)
	}
	login, ok, err := w.Login(t.Context(), " ada@example.COM ")
	if err != nil || !ok || login.Partner != p.ID || login.Role != schema.RolePartner || login.Password != "" {
		t.Errorf("got %+v, %v, %v", login, ok, err)
	}
	for _, who := range []string{"1", "ada@example.com", "ada-lovelace"} {
		if got, err := w.FindPartner(t.Context(), who); err != nil || got != p {
			t.Errorf("find %q: got %+v, %v", who, got, err)
		}
	}
	for _, who := range []string{"2", "bob@example.com", "bob", ""} {
		_, err := w.FindPartner(t.Context(), who)
		refused(t, err, NotFound, "")
	}
	w.whole()
}

func TestSlugsAreMadeOfNames(t *testing.T) {
	f := func(name, email, want string) {
		t.Helper()
		var got []string
		for slug := range slugsFor(name, email) {
			if got = append(got, slug); len(got) == 3 {
				break
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s <%s>: got %q, want %q", name, email, s, want)
		}
	}
	f("Ada", "a@x", "ada ada-2 ada-3")
	f("Ada Lovelace", "a@x", "ada-lovelace ada-lovelace-2 ada-lovelace-3")
	f("  --Ada.. (L.) ", "a@x", "ada-l ada-l-2 ada-l-3")
	f("Jürgen Groß", "a@x", "jurgen-gross jurgen-gross-2 jurgen-gross-3")
	f("Łukasz Ærø", "a@x", "lukasz-aero lukasz-aero-2 lukasz-aero-3")
	f("Conan O'Brien", "a@x", "conan-obrien conan-obrien-2 conan-obrien-3")
	f("ＡＤＡ ①", "a@x", "ada-1 ada-1-2 ada-1-3")
	f("李雷", "li.lei@x", "li-lei li-lei-2 li-lei-3")
	f("李雷", "李@x", "partner partner-2 partner-3")
	f("Track", "a@x", "track-2 track-3 track-4")
	f("..", "..@x", "partner partner-2 partner-3")
	long := strings.Repeat("x", maxSlugBase)
	f(long+"yz", "a@x", long+" "+long+"-2 "+long+"-3")
}

func TestATakenSlugGetsANumber(t *testing.T) {
	w := seeded(t)
	var got []string
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
		_, l := w.partner("Ada", email)
		got = append(got, l.Slug)
	}
	if want := "ada ada-2 ada-3"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	var many []NewLink
	for n := range 60 {
		if n > 3 {
			many = append(many, NewLink{Partner: 1, Slug: "ADA-" + field(uint64(n)), To: "https://shop.example/"})
		}
	}
	if _, err := w.AddLinks(t.Context(), CLI, many); err != nil {
		t.Fatal(err)
	}
	if _, l := w.partner("Ada", "d@example.com"); l.Slug != "ada-60" {
		t.Errorf("got %q, want ada-60", l.Slug)
	}
}

func TestPartnersThatCannotBe(t *testing.T) {
	w := seeded(t)
	w.partner("Ada", "ada@example.com")
	f := func(n NewPartner, code Code, field string) {
		t.Helper()
		_, _, err := w.AddPartner(t.Context(), CLI, n)
		refused(t, err, code, field)
	}
	f(NewPartner{Name: "", Email: "x@example.com"}, Invalid, "name")
	f(NewPartner{Name: "a\x00b", Email: "x@example.com"}, Invalid, "name")
	f(NewPartner{Name: strings.Repeat("ü", 201), Email: "x@example.com"}, Invalid, "name")
	f(NewPartner{Name: "X", Email: ""}, Invalid, "email")
	f(NewPartner{Name: "X", Email: "x"}, Invalid, "email")
	f(NewPartner{Name: "X", Email: "X <x@example.com>"}, Invalid, "email")
	f(NewPartner{Name: "X", Email: "x@example.com, y@example.com"}, Invalid, "email")
	f(NewPartner{Name: "X", Email: "x@example.com\r\nBcc: y@example.com"}, Invalid, "email")
	f(NewPartner{Name: "X", Email: strings.Repeat("x", 250) + "@example.com"}, Invalid, "email")
	f(NewPartner{Name: "X", Email: "x@example.com", Slug: "a b"}, Invalid, "slug")
	f(NewPartner{Name: "X", Email: "x@example.com", Slug: "track"}, Invalid, "slug")
	f(NewPartner{Name: "X", Email: "x@example.com", PasswordHash: "secret"}, Invalid, "password")
	f(NewPartner{Name: "X", Email: "ADA@example.com"}, Conflict, "email")
	f(NewPartner{Name: "X", Email: "x@example.com", Slug: "ADA"}, Conflict, "slug")
	all, err := w.Partners(t.Context(), "", Page{})
	if err != nil || len(all) != 1 {
		t.Errorf("got %+v, %v, want Ada alone", all, err)
	}
}

func TestPartnersAreListedAndFound(t *testing.T) {
	w := seeded(t)
	for _, name := range []string{"Ada Lovelace", "Grace Hopper", "Charles Babbage", "Ångström"} {
		w.partner(name, slugOf(name)+"@example.com")
	}
	if _, err := w.AddLink(t.Context(), CLI, NewLink{Partner: 2, Slug: "Spring-Sale", To: "https://shop.example/"}); err != nil {
		t.Fatal(err)
	}
	f := func(search string, page Page, want ...string) {
		t.Helper()
		found, err := w.Partners(t.Context(), search, page)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range found {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q %+v: -want +got\n%s", search, page, diff)
		}
	}
	f("", Page{}, "Ada Lovelace", "Grace Hopper", "Charles Babbage", "Ångström")
	f("", Page{Limit: 2}, "Ada Lovelace", "Grace Hopper")
	f("", Page{After: 2, Limit: 1}, "Charles Babbage")
	f("", Page{After: 4})
	f("LOVE", Page{}, "Ada Lovelace")
	f("ång", Page{}, "Ångström")
	f("hopper@", Page{}, "Grace Hopper")
	f("spring-S", Page{}, "Grace Hopper")
	f("3", Page{}, "Charles Babbage")
	f("a", Page{Limit: 2}, "Ada Lovelace", "Grace Hopper")
	f("a", Page{After: 2}, "Charles Babbage", "Ångström")
	f("slug", Page{})
	f(`' OR 1=1 --`, Page{})
	f(`\`, Page{})
	f("%", Page{})
}

func TestSuspendingEndsSessions(t *testing.T) {
	w := seeded(t)
	p, _ := w.partner("Ada", "ada@example.com")
	before, _, _ := w.Login(t.Context(), p.Email)
	set := func(status schema.PartnerStatus) schema.Login {
		t.Helper()
		got, err := w.SetPartnerStatus(t.Context(), CLI, p.ID, status, "for a reason")
		if err != nil || got.Status != status {
			t.Fatalf("got %+v, %v", got, err)
		}
		l, _, err := w.Login(t.Context(), p.Email)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := set(schema.PartnerSuspended); l.Generation != before.Generation+1 {
		t.Errorf("generation %d after suspending, want %d", l.Generation, before.Generation+1)
	}
	if l := set(schema.PartnerSuspended); l.Generation != before.Generation+1 {
		t.Errorf("suspending twice raises the generation twice")
	}
	if l := set(schema.PartnerActive); l.Generation != before.Generation+1 {
		t.Errorf("resuming ends sessions")
	}
	_, err := w.SetPartnerStatus(t.Context(), CLI, p.ID, "asleep", "")
	refused(t, err, Invalid, "status")
	_, err = w.SetPartnerStatus(t.Context(), CLI, 99, schema.PartnerActive, "")
	refused(t, err, NotFound, "")
	var reason string
	if err := w.ch.QueryRow(t.Context(), "SELECT reason FROM fairlead.directory_log WHERE kind = 'login' AND actor = 'cli' ORDER BY version DESC LIMIT 1").Scan(&reason); err != nil || reason != "for a reason" {
		t.Errorf("got %q, %v", reason, err)
	}
	w.whole()
}

func TestTimesAreKeptToTheMillisecond(t *testing.T) {
	w := seeded(t)
	at := time.Date(2025, 12, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	p, l, err := w.AddPartner(t.Context(), CLI, NewPartner{Name: "Ada", Email: "a@example.com", CreatedAt: at})
	if err != nil || !p.CreatedAt.Equal(at) || !l.CreatedAt.Equal(at) || p.CreatedAt.Location() != time.UTC {
		t.Errorf("got %v, %v, %v", p.CreatedAt, l.CreatedAt, err)
	}
}
