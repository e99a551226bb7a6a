package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func (w *world) partners(text string, added, kept, links, balances, rejected uint64) PartnersReport {
	w.t.Helper()
	r, err := w.importer().Partners(w.t.Context(), "-", strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Added != added || r.Kept != kept || r.Links != links || r.Balances != balances || r.Rejected != rejected {
		w.t.Errorf("got %+v; want %d added, %d kept, %d links, %d balances, %d rejected\n%s", r, added, kept, links, balances, rejected, w.rejects(r.Read))
	}
	return r
}

// slugs are a partner's, by e-mail address, the personal one first.
func (w *world) slugs(email string) string {
	w.t.Helper()
	p, err := w.dir.FindPartner(w.t.Context(), email)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := w.dir.LinksOf(w.t.Context(), p.ID, directory.Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	personal, others := "", []string{}
	for _, l := range list {
		if l.ID == p.Link {
			personal = l.Slug + l.To
		} else {
			others = append(others, l.Slug+" "+l.To)
		}
	}
	slices.Sort(others)
	return strings.Join(append([]string{personal}, others...), ", ")
}

func TestPartnersKeepTheirSlugsAndBringTheirBalances(t *testing.T) {
	w := newWorld(t)
	const text = `email,name,slug,links,status,created_at,opening_balance,currency,as_of
carl@example.com,,carl,"https://shop.example/?via=cc, c-2",active,2024-05-06,"1,250.75",EUR,2026-02-01
Dora@example.com,Dora,,,pending,,0,,
ADA@example.com,Other Name,old-ada,ada,suspended,,10,,
carl@example.com,Carl C.,,carl-3,,,,,
evil@example.com,Eve,bob,eve,,,,,
root@example.com,Root,,,,,,,
nobody,X,,,,,,,
fay@example.com,Fay,a b,,,,,,
gus@example.com,Gus,,,asleep,,,,
hal@example.com,Hal,,,,,-5,,
carl@example.com,,,,,,7,EUR,
ian@example.com,Ian,C-2,ian,,,,,
`
	if _, err := w.dir.AddAdmin(t.Context(), directory.CLI, "root@example.com", ""); err != nil {
		t.Fatal(err)
	}
	r := w.partners(text, 4, 1, 1, 2, 8)
	if got, want := w.rejects(r.Read), `8 "nobody" is not an e-mail address like ada@example.com.
9 slug "a b": byte 2 is ' '; a slug is made of letters, digits and - . _ ~ /
10 status: "asleep" is none of active, applied, suspended, declined
11 opening_balance: is negative: what partners owe is not taken over
12 opening_balance: line 2 says 1250.75 EUR
6 slug: "bob" is another partner's; all else of evil@example.com is imported
7 email: an admin logs in with this address
13 slug: "C-2" is another partner's; all else of ian@example.com is imported`; got != want {
		t.Errorf("rejects:\n%s\nwant\n%s", got, want)
	}
	for email, want := range map[string]string{
		"carl@example.com": "carl, c-2 https://shop.example/, carl-3 https://shop.example/, cc https://shop.example/",
		"dora@example.com": "dora",
		"ada@example.com":  "ada, old-ada https://shop.example/",
		"evil@example.com": "eve",
		"ian@example.com":  "ian",
	} {
		if got := w.slugs(email); got != want {
			t.Errorf("%s has %s, want %s", email, got, want)
		}
	}
	carl, err := w.dir.FindPartner(t.Context(), "carl@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if carl.Name != "Carl C." || carl.Status != schema.PartnerInvited || !carl.CreatedAt.Equal(time.Date(2024, 5, 6, 4, 0, 0, 0, time.UTC)) ||
		carl.OpeningBalance != (schema.OpeningBalance{Amount: 125075, Currency: "EUR", AsOf: time.Date(2026, 2, 1, 5, 0, 0, 0, time.UTC)}) {
		t.Errorf("got %+v", carl)
	}
	ada, err := w.dir.Partner(t.Context(), w.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if ada.Name != "Ada" || ada.Status != w.ada.Status || ada.OpeningBalance != (schema.OpeningBalance{Amount: 1000, Currency: "USD", AsOf: today}) {
		t.Errorf("who was there is kept, and owed: %+v", ada)
	}
	if dora, err := w.dir.FindPartner(t.Context(), "dora@example.com"); err != nil || dora.Status != schema.PartnerApplied || dora.OpeningBalance != (schema.OpeningBalance{}) {
		t.Errorf("got %+v, %v", dora, err)
	}
	version, err := w.dir.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.now = today.Add(time.Hour)
	w.partners(text, 0, 5, 0, 0, 8)
	if after, err := w.dir.Version(t.Context()); err != nil || after != version {
		t.Errorf("again: the directory went from version %d to %d, %v", version, after, err)
	}
	w.partners("email,opening_balance\nada@example.com,11\n", 0, 1, 0, 0, 1)
}

func TestPartnersOfPeers(t *testing.T) {
	w := newWorld(t)
	if r := w.partners("ID,Name,Email,Country,Status,Enrolled at\npn_1,Carl,carl@example.com,US,approved,2025-01-02T03:04:05.000Z\npn_2,Dora,dora@example.com,US,banned,2025-01-02T03:04:05.000Z\n", 2, 0, 0, 0, 0); r.Format != "dub" {
		t.Errorf("got %+v", r)
	}
	if r := w.partners("stripe_customer_id,first_name,last_name,email,paypal_email,token\ncus_1,Eve,E,eve@example.com,,eve-7\ncus_2,Eve,E,eve@example.com,,eve-7\ncus_3,Fay,,fay@example.com,,\n", 2, 0, 0, 0, 0); r.Format != "rewardful" {
		t.Errorf("got %+v", r)
	}
	if r := w.partners("partner_key,email,first_name,last_name,group\ngk9,gus@example.com,Gus,G,default\n", 1, 0, 0, 0, 0); r.Format != "partnerstack" {
		t.Errorf("got %+v", r)
	}
	for email, want := range map[string]string{"eve@example.com": "eve-7", "gus@example.com": "gk9", "fay@example.com": "fay"} {
		if got := w.slugs(email); got != want {
			t.Errorf("%s has %s, want %s", email, got, want)
		}
	}
	if p, err := w.dir.FindPartner(t.Context(), "dora@example.com"); err != nil || p.Status != schema.PartnerSuspended {
		t.Errorf("got %+v, %v", p, err)
	}
}

func FuzzPartnersAndLinks(f *testing.F) {
	f.Add([]byte("email,name,slug,links,status,created_at,opening_balance,currency,as_of\nada@example.com,Ada,ada,\"https://shop.example/?via=a, b\",active,2024-05-06,\"1,250.75\",EUR,2026-02-01\n"))
	f.Add([]byte("slug;partner;to;expires_at\n/a/b;ada@example.com;https://shop.example/x;2030-01-01\n"))
	f.Add([]byte("Short link,Destination URL,Partner email\nhttps://x.example/?ref=%zz,,a@b\n"))
	program := directory.DefaultProgram()
	im := &Importer{Now: func() time.Time { return today }}
	f.Fuzz(func(t *testing.T, text []byte) {
		if rows, err := openTable(strings.NewReader(string(text)), partnerColumns); err == nil {
			for rows.next() {
				if rows.refused != nil {
					continue
				}
				if n, err := im.person(rows, program); err == nil {
					again := n.NewPartner
					again.Name = cmp.Or(again.Name, again.Email)
					for _, s := range n.slugs {
						again.Slugs = append(again.Slugs, s.slug)
					}
					if err := again.Check(); err != nil {
						t.Errorf("%+v: %v", again, err)
					}
				}
			}
		}
		if rows, err := openTable(strings.NewReader(string(text)), linkColumns); err == nil {
			for rows.next() {
				if rows.refused != nil {
					continue
				}
				if l, err := readLink(rows, program); err == nil && (schema.CheckSlug(l.Slug) != nil || l.who == "" || l.To == "") {
					t.Errorf("%+v", l)
				}
			}
		}
	})
}

func TestManyPartnersAtOnce(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("email,name,slug\n")
	for i := range 700 {
		fmt.Fprintf(&b, "p%d@example.com,P %d,p-%d\n", i, i, i)
	}
	b.WriteString("no address,X,x\n")
	w.partners(b.String(), 700, 0, 0, 0, 1)
	w.partners(b.String(), 0, 700, 0, 0, 1)
}

func TestLinks(t *testing.T) {
	w := newWorld(t)
	imported := func(text string, added, kept, rejected uint64) LinksReport {
		t.Helper()
		r, err := w.importer().Links(t.Context(), "-", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if r.Added != added || r.Kept != kept || r.Rejected != rejected {
			t.Errorf("got %+v; want %d added, %d kept, %d rejected\n%s", r, added, kept, rejected, w.rejects(r.Read))
		}
		return r
	}
	const text = `slug,partner,to,expires_at,created_at
spring,ada@example.com,https://shop.example/spring,2030-01-01,2025-01-01
summer,ADA,https://SHOP.example/summer,,
home,bob,,,
ada,ada,,,
spring,ada,https://shop.example/spring,,
spring,ada,https://shop.example/other,,
Summer,bob,https://shop.example/summer,,
bob,ada,,,
evil,ada,https://evil.example/,,
ghost,carl@example.com,,,
a b,ada,,,
late,ada,,soon,
,ada,,,
lost,,,,
`
	r := imported(text, 3, 2, 9)
	if got, want := w.rejects(r.Read), `12 slug "a b": byte 2 is ' '; a slug is made of letters, digits and - . _ ~ /
13 date: "soon" is none that can be read in one way only: write 2026-11-25, 2026-11-25 14:30 or 2026-11-25T14:30:00Z
14 slug: is missing
15 partner: is missing
7 slug: "spring" leads to https://shop.example/spring already
8 slug: "Summer" is another partner's
9 slug: "bob" is another partner's
11 partner: nobody has the e-mail address or slug carl@example.com
10 Destination is outside the program's allowed domains: evil.example: links may lead to shop.example.`; got != want {
		t.Errorf("rejects:\n%s\nwant\n%s", got, want)
	}
	l, ok, err := w.dir.LinkBySlug(t.Context(), "spring")
	if err != nil || !ok || l.Partner != w.ada.ID || !l.ExpiresAt.Equal(time.Date(2030, 1, 1, 5, 0, 0, 0, time.UTC)) || !l.CreatedAt.Equal(time.Date(2025, 1, 1, 5, 0, 0, 0, time.UTC)) {
		t.Errorf("got %+v, %v, %v", l, ok, err)
	}
	if l, ok, err := w.dir.LinkBySlug(t.Context(), "summer"); err != nil || !ok || l.To != "https://shop.example/summer" {
		t.Errorf("got %+v, %v, %v", l, ok, err)
	}
	imported(text, 0, 5, 9)
	if r := imported("Short link,Destination URL,Partner email\nhttps://refer.example/deals,https://shop.example/deals,bob@example.com\n", 1, 0, 0); r.Format != "dub" {
		t.Errorf("got %+v", r)
	}
	if r := imported("key,dest,url,partner_email\nps9,https://shop.example/p,https://shop.partnerlinks.example/ps9,bob@example.com\n", 1, 0, 0); r.Format != "partnerstack" {
		t.Errorf("got %+v", r)
	}
	if l, ok, err := w.dir.LinkBySlug(t.Context(), "ps9"); err != nil || !ok || l.To != "https://shop.example/p" {
		t.Errorf("got %+v, %v, %v", l, ok, err)
	}
}
