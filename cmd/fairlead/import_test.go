package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fairlead/redirector/history"
)

// TestAProgramMovesIn imports a former program into a running deployment, and finds its history on the partners' accounts.
func TestAProgramMovesIn(t *testing.T) {
	m := newMachine(t)
	m.start()
	d := m.connect()
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rejects := filepath.Join(dir, "rejects.csv")
	args := func(what, path string) []string {
		return m.args("import", what, path, "--json", "--rejects", rejects)
	}
	partners := file("partners.csv", "email,name,slug,links,opening_balance\nada@example.com,Ada,ada,via-ada,12.50\nbob@example.com,Bob,bob,,\n")
	links := file("links.csv", "slug,partner,to\nspring,ada,https://shop.example/spring\nelse,ada,https://evil.example/\n")
	p := answer[history.PartnersReport](t, args("partners", partners)...)
	if p.Added != 2 || p.Balances != 1 {
		t.Errorf("partners: %+v", p)
	}
	if r := fairlead(t, args("links", links)...); r.code != exitFailed || !strings.Contains(r.stdout, `"added":1`) || r.stderr != "" {
		t.Errorf("links: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if text, err := os.ReadFile(rejects); err != nil || !strings.Contains(string(text), "3,Destination is outside the program's allowed domains") {
		t.Errorf("rejects: %s, %v", text, err)
	}
	if r := fairlead(t, m.args("import", "partners", partners, "--rejects", filepath.Join(dir, ".", "partners.csv"))...); r.code != exitUsage || !strings.Contains(r.stderr, "is the file that is imported") {
		t.Errorf("rejects over the file itself: exit %d, %s", r.code, r.stderr)
	}
	if r := fairlead(t, m.args("partner", "show", "ada")...); !strings.Contains(r.stdout, "owed     12.50 USD from before") {
		t.Errorf("partner show: %s", r.stdout)
	}

	// 12,000 sales of 600 customers, whose first sale alone names the partner; then a refund.
	const sales, customers = 12_000, 600
	var b strings.Builder
	b.WriteString("kind,date,partner,customer,amount,invoice,refund\n")
	for i := range sales {
		partner := ""
		if i < customers {
			partner = []string{"via-ada", "bob@example.com"}[i%2]
		}
		fmt.Fprintf(&b, "sale,%s,%s,c%d,10.00,in_%d,\n", time.Date(2025, 1, 1, 12, i, 0, 0, time.UTC).Format(time.RFC3339), partner, i%customers, i)
	}
	b.WriteString("refund,2025-12-01,,,4.00,in_0,re_1\n")
	history1 := file("sales.csv", b.String())

	// The import is killed at moments further and further on, until it comes through.
	kills := 0
	for pause := 50 * time.Millisecond; ; pause += pause / 2 {
		c := program(t, args("conversions", history1)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(pause, func() { _ = c.Process.Signal(syscall.SIGKILL) })
		err := c.Wait()
		kill.Stop()
		if err == nil {
			break
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	r := answer[history.ConversionsReport](t, args("conversions", history1)...)
	if r.Added != 0 || r.Already != sales+1 || r.Rejected != 0 {
		t.Errorf("conversions: %+v", r)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM fairlead.conversions":                                 sales + 1,
		"SELECT uniqExact(seq) FROM fairlead.conversions":                          sales + 1,
		"SELECT max(seq) FROM fairlead.conversions":                                sales + 1,
		"SELECT uniqExact(received_at) FROM fairlead.conversions":                  1,
		"SELECT uniqExact(node) FROM fairlead.conversions WHERE source = 'import'": 1,
	} {
		if got := count(t, d, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	eventually(t, time.Minute, "every report is decided", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.attributions FINAL") == sales+1 &&
			count(t, d, "SELECT toUInt64(sum(sales + refunds)) FROM fairlead.sale_days") == sales+1
	})
	for query, want := range map[string]uint64{
		"SELECT countIf(state = 'counted') FROM fairlead.attributions FINAL":                                  sales + 1,
		"SELECT countIf(reason = 'credit' AND binds) FROM fairlead.attributions FINAL":                        customers,
		"SELECT countIf(reason = 'bound') FROM fairlead.attributions FINAL":                                   sales - customers,
		"SELECT countIf(kind = 'sale' AND partner_id = 1) FROM fairlead.attributions FINAL":                   sales / 2,
		"SELECT toUInt64(sum(gross)) FROM fairlead.sale_days WHERE partner_id = 2":                            sales / 2 * 1000,
		"SELECT toUInt64(sum(refunded)) FROM fairlead.sale_days WHERE partner_id = 1":                         400,
		"SELECT toUInt64(sum(referred)) FROM fairlead.sale_days WHERE partner_id = 1":                         customers / 2,
		"SELECT countIf(partner_id NOT IN (1, 2)) FROM fairlead.attributions FINAL":                           0,
		"SELECT countIf(occurred_at < '2025-01-01') FROM fairlead.attributions FINAL":                         0,
		"SELECT toUInt64(sum(sales)) FROM fairlead.sale_days WHERE day BETWEEN '2025-01-01' AND '2025-12-31'": sales,
	} {
		if got := count(t, d, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if v := answer[verifyAnswer](t, m.args("verify", "--json")...); !v.OK {
		t.Errorf("verify: %+v", v)
	}

	// A partner whom the file of conversions names before the directory does.
	late := file("late.csv", "date,partner,customer\n2025-06-01,ada,late1\n2025-06-02,carl@example.com,late2\n2025-06-03,bob,late3\n")
	if r := fairlead(t, args("conversions", late)...); r.code != exitFailed || !strings.Contains(r.stdout, `"added":2`) {
		t.Errorf("before the partner came: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if text, err := os.ReadFile(rejects); err != nil || !strings.Contains(string(text), "\n3,\"partner: nobody has the e-mail address or slug carl@example.com") {
		t.Errorf("rejects: %s, %v", text, err)
	}
	answer[partnerAnswer](t, m.args("partner", "add", "--name", "Carl", "--email", "carl@example.com", "--json")...)
	for _, added := range []uint64{1, 0} {
		if r := answer[history.ConversionsReport](t, args("conversions", late)...); r.Added != added || r.Taken != 3 || r.Rejected != 0 {
			t.Errorf("after the partner came: %+v, want %d added", r, added)
		}
	}
	eventually(t, time.Minute, "every report is decided", func() bool {
		return count(t, d, "SELECT count() FROM fairlead.attributions FINAL WHERE reason = 'credit' AND kind = 'lead' AND binds") == 3
	})
	if v := answer[verifyAnswer](t, m.args("verify", "--json")...); !v.OK {
		t.Errorf("verify: %+v", v)
	}
	m.stop()
}
