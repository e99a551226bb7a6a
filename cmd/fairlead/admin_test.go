package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"fairlead/cmd/stores/storestest"
	"fairlead/schema"
	"fairlead/schema/clickhouse"
	"fairlead/schema/directory"
)

// office is a deployment on the real stores, worked on by the administration's commands in this process.
type office struct {
	t        *testing.T
	dir      *directory.Directory
	d        *deployment
	loopback bool // webhooks and postbacks may be on this machine
}

// officeKey is what the office's payout details are sealed with.
var officeKey = schema.NewPayoutKey()

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t}
	o.d = o.open()
	t.Cleanup(func() { o.d.Close() })
	if err := clickhouse.Apply(t.Context(), o.d.CH, clickhouse.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"directory_log", "shipments", "nodes"} {
		if err := o.d.CH.Exec(t.Context(), "TRUNCATE TABLE fairlead."+table); err != nil {
			t.Fatal(err)
		}
	}
	storestest.Redis(t).Fresh(t)
	o.dir = o.d.Directory
	if _, err := o.dir.SeedProgram(t.Context(), directory.DefaultProgram()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.dir.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

// open connects anew, as every command does.
func (o *office) open() *deployment {
	o.t.Helper()
	ch, err := storestest.ClickHouse(o.t).Open()
	if err != nil {
		o.t.Fatal(err)
	}
	d := &deployment{CH: ch, Redis: storestest.Redis(o.t).Open(), Keys: schema.DefaultKeys,
		RedirectorURL: "http://127.0.0.1:8080", DashboardURL: "http://127.0.0.1:8090"}
	d.Config.Deliveries.AllowLoopback = o.loopback
	d.Directory = directory.New(d.CH, d.Redis, directory.Options{Keys: d.Keys, Logger: slog.New(slog.DiscardHandler), LoopbackEndpoints: o.loopback, PayoutKey: officeKey})
	return d
}

// try runs a command line with something on its standard input.
func (o *office) try(stdin string, args ...string) (string, error) {
	o.t.Helper()
	open := func(context.Context) (*deployment, error) { return o.open(), nil }
	root := &cobra.Command{Use: "fairlead", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(partnerCommand(open), linkCommand(open), adminCommand(open), programCommand(open), nodeCommand(open), clickCommand(open), keyCommand(open),
		couponCommand(open), ratesCommand(open), claimCommand(open), ruleCommand(open), rewardCommand(open), traceCommand(open), webhookCommand(open))
	var stdout bytes.Buffer
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&stdout)
	root.SetErr(io.Discard)
	err := root.ExecuteContext(o.t.Context())
	return stdout.String(), err
}

// says runs a command that has to succeed.
func (o *office) says(args ...string) string {
	o.t.Helper()
	out, err := o.try("", args...)
	if err != nil {
		o.t.Fatalf("fairlead %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// json runs a command with --json and checks the one document that it prints, with secrets of URLs cut off.
func (o *office) json(want string, args ...string) {
	o.t.Helper()
	var got, wanted any
	out := o.says(append(args, "--json")...)
	d := json.NewDecoder(strings.NewReader(out))
	if err := d.Decode(&got); err != nil || d.More() || !strings.HasSuffix(out, "\n") {
		o.t.Fatalf("fairlead %s: %v, in %q", strings.Join(args, " "), err, out)
	}
	cutCodes(got)
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		o.t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		o.t.Errorf("fairlead %s: -want +got\n%s", strings.Join(args, " "), diff)
	}
}

func cutCodes(v any) {
	m, _ := v.(map[string]any)
	for _, key := range []string{"invite_url", "setup_url"} {
		if s, ok := m[key].(string); ok {
			m[key], _, _ = strings.Cut(s, "=")
		}
	}
}

// fails runs a command that has to fail, with nothing on standard output and one sentence.
func (o *office) fails(want string, args ...string) {
	o.t.Helper()
	out, err := o.try("", args...)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || out != "" {
		o.t.Errorf("fairlead %s: got %q, %v, want an error with %q", strings.Join(args, " "), out, err, want)
	}
}

func TestPartnersFromTheShell(t *testing.T) {
	o := newOffice(t)
	const ada = `{"id":1,"name":"Ada","email":"ada@example.com","status":"invited",
		"link":{"id":1,"slug":"ada","url":"http://127.0.0.1:8080/ada","to":"https://shop.example/"}%s}`
	o.json(fmt.Sprintf(ada, `,"invite_url":"http://127.0.0.1:8090/invite?code"`), "partner", "add", "--name", "Ada", "--email", "ada@example.com")
	o.json("["+fmt.Sprintf(ada, "")+"]", "partner", "list")
	o.json("[]", "partner", "list", "--search", "nobody")
	o.json(fmt.Sprintf(ada, `,"links":[{"id":1,"partner_id":1,"slug":"ada","url":"http://127.0.0.1:8080/ada","to":"https://shop.example/"}]`),
		"partner", "show", "ADA@example.com")
	o.json(strings.Replace(fmt.Sprintf(ada, ""), "invited", "suspended", 1), "partner", "suspend", "ada", "--reason", "coupon site")
	o.json(strings.Replace(fmt.Sprintf(ada, ""), "invited", "active", 1), "partner", "resume", "1")

	out := o.says("partner", "add", "--name", "Bob & <Bob>", "--email", "bob@example.com", "--slug", "Bob/1", "--json")
	if !strings.Contains(out, `"Bob & <Bob>"`) || strings.Contains(out, `\u0026`) {
		t.Errorf("got %s, want & and < as they are", out)
	}
	var bob partnerJSON
	if err := json.Unmarshal([]byte(out), &bob); err != nil {
		t.Fatal(err)
	}
	redeem(t, o, bob.InviteURL, directory.Redeem{Password: "12345678"}, "bob@example.com")
	o.json(`{"id":2,"name":"Bob & <Bob>","email":"bob@example.com","status":"active","invite_url":"http://127.0.0.1:8090/invite?code"}`, "partner", "invite", "Bob/1")

	want := `ID  NAME         E-MAIL           STATUS  LINK
1   Ada          ada@example.com  active  http://127.0.0.1:8080/ada
2   Bob & <Bob>  bob@example.com  active  http://127.0.0.1:8080/Bob/1
`
	if diff := cmp.Diff(want, o.says("partner", "list")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if out := o.says("partner", "show", "2"); !strings.Contains(out, "Bob & <Bob> <bob@example.com>, active") || !strings.Contains(out, "2   2        Bob/1  active") {
		t.Errorf("got %s", out)
	}

	out, err := o.try("correct horse\nsecond line", "partner", "add", "--name", "Carl", "--email", "carl@example.com", "--password-stdin", "--json")
	if err != nil || strings.Contains(out, "invite_url") || !strings.Contains(out, `"status":"active"`) {
		t.Errorf("got %s, %v", out, err)
	}
	if _, ok, err := o.dir.Authenticate(t.Context(), "carl@example.com", "correct horse"); err != nil || !ok {
		t.Errorf("the password from standard input: %v, %v", ok, err)
	}

	o.fails("already a log-in with the e-mail address", "partner", "add", "--name", "X", "--email", "ADA@example.com")
	o.fails(`The slug "bob/1" is taken.`, "partner", "add", "--name", "X", "--email", "x@example.com", "--slug", "bob/1", "--json")
	o.fails("is not an e-mail address", "partner", "add", "--name", "X", "--email", "x")
	o.fails("standard input holds no password", "partner", "add", "--name", "X", "--email", "x@example.com", "--password-stdin")
	o.fails(`"name" not set`, "partner", "add", "--email", "x@example.com")
	o.fails(`"reason" not set`, "partner", "suspend", "1")
	o.fails(`There is no partner with the id, e-mail address or slug "nobody".`, "partner", "show", "nobody", "--json")
	if _, err := o.try("short\n", "partner", "add", "--name", "X", "--email", "x@example.com", "--password-stdin"); err == nil || !strings.Contains(err.Error(), "at least 8 characters") {
		t.Errorf("got %v", err)
	}
}

// redeem uses a one-time link as the dashboard does.
func redeem(t *testing.T, o *office, link string, r directory.Redeem, wantEmail string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.dir.RedeemInvite(t.Context(), u.Query().Get("code"), r)
	if err != nil || l.Email != wantEmail {
		t.Errorf("%s: got %+v, %v, want %s", link, l, err, wantEmail)
	}
}

func TestLinksFromTheShell(t *testing.T) {
	o := newOffice(t)
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	const spring = `{"id":2,"partner_id":1,"slug":"spring","url":"http://127.0.0.1:8080/spring","to":"https://shop.example/spring?a=1&b=2"%s}`
	o.json(fmt.Sprintf(spring, ""), "link", "add", "--partner", "1", "--slug", "spring", "--to", "https://shop.example/spring?a=1&b=2")
	o.json(fmt.Sprintf(spring, `,"disabled":true`), "link", "disable", "SPRING", "--reason", "off season")
	o.json(`[{"id":1,"partner_id":1,"slug":"ada","url":"http://127.0.0.1:8080/ada","to":"https://shop.example/"},`+fmt.Sprintf(spring, `,"disabled":true`)+"]",
		"link", "list", "--partner", "ada@example.com")
	o.json(fmt.Sprintf(spring, ""), "link", "enable", "2")
	o.json(`{"id":3,"partner_id":1,"slug":"sale","url":"http://127.0.0.1:8080/sale","to":"https://shop.example/","expires_at":"2020-02-01T00:00:00Z"}`,
		"link", "add", "--partner", "ada", "--slug", "sale", "--to", "https://shop.example", "--expires", "2020-01-31")
	want := `ID  PARTNER  SLUG    STATE    URL                           TO
1   1        ada     active   http://127.0.0.1:8080/ada     https://shop.example/
2   1        spring  active   http://127.0.0.1:8080/spring  https://shop.example/spring?a=1&b=2
3   1        sale    expired  http://127.0.0.1:8080/sale    https://shop.example/
`
	if diff := cmp.Diff(want, o.says("link", "list")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	o.fails("outside the program's allowed domains: evil.example: links may lead to shop.example", "link", "add", "--partner", "1", "--slug", "x", "--to", "https://evil.example/")
	o.fails("is not https", "link", "add", "--partner", "1", "--slug", "x", "--to", "http://shop.example/", "--json")
	o.fails("There is no partner", "link", "add", "--partner", "9", "--slug", "x", "--to", "https://shop.example/")
	o.fails(`The slug "Spring" is taken.`, "link", "add", "--partner", "1", "--slug", "Spring", "--to", "https://shop.example/")
	o.fails("kept for the product", "link", "add", "--partner", "1", "--slug", "track", "--to", "https://shop.example/")
	o.fails("is not a day", "link", "add", "--partner", "1", "--slug", "x", "--to", "https://shop.example/", "--expires", "tomorrow")
	o.fails(`no link with the id or slug "99"`, "link", "disable", "99")
}

func TestLongListsComeByPages(t *testing.T) {
	o := newOffice(t)
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	const n = 2*pageSize + 3
	many := make([]directory.NewLink, n-1)
	for i := range many {
		many[i] = directory.NewLink{Partner: 1, Slug: fmt.Sprintf("s%d", i), To: "https://shop.example/"}
	}
	if _, err := o.dir.AddLinks(t.Context(), directory.CLI, many); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"link", "list", "--json"}, {"link", "list", "--partner", "1", "--json"}} {
		var links []linkJSON
		if err := json.Unmarshal([]byte(o.says(args...)), &links); err != nil {
			t.Fatal(err)
		}
		for i, l := range links {
			if int(l.ID) != i+1 {
				t.Fatalf("%v: link %d stands at %d", args, l.ID, i)
			}
		}
		if len(links) != n {
			t.Errorf("%v: %d links, want %d", args, len(links), n)
		}
	}
	if lines := strings.Count(o.says("link", "list"), "\n"); lines != n+1 {
		t.Errorf("%d lines, want %d and the headings", lines, n)
	}
}

func TestAdminsFromTheShell(t *testing.T) {
	o := newOffice(t)
	o.json("[]", "admin", "list")
	o.json(`{"id":1,"email":"root@example.com","status":"invited","setup_url":"http://127.0.0.1:8090/setup?code"}`, "admin", "add", "--email", "root@example.com")
	if _, err := o.dir.SetupCode(t.Context(), directory.System); err != nil { // nobody yet: not listed
		t.Fatal(err)
	}
	o.json(`[{"id":1,"email":"root@example.com","status":"invited"}]`, "admin", "list")
	out := o.says("admin", "reset", "--email", "Root@example.com")
	redeem(t, o, out[strings.Index(out, "http"):len(out)-1], directory.Redeem{Password: "12345678"}, "root@example.com")
	if diff := cmp.Diff("ID  E-MAIL            STATUS\n1   root@example.com  active\n", o.says("admin", "list")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if out, err := o.try("correct horse\n", "admin", "add", "--email", "eva@example.com", "--password-stdin", "--json"); err != nil || strings.Contains(out, "correct") || strings.Contains(out, "setup_url") {
		t.Errorf("got %s, %v", out, err)
	}
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	o.fails("no admin with the e-mail address", "admin", "reset", "--email", "ada@example.com")
	o.fails("no admin with the e-mail address", "admin", "reset", "--email", "nobody@example.com")
	o.fails("already a log-in", "admin", "add", "--email", "ada@example.com")
}

func TestTheProgramFromTheShell(t *testing.T) {
	o := newOffice(t)
	const program = `{"name":"%s","homepage":"https://shop.example/","allowed_domains":["shop.example"%s],"currency":"EUR","zone":"%s",
		"window_days":90,"touch":"last","hold_days":30,"payout_day":13,"payout_minimum":1050,"param":"fl_click","sale_base":"subtotal","slug_case":"%s","respect_gpc":true}`
	o.json(fmt.Sprintf(program, "Ada = fun", `,"apps.example/x"`, "Europe/Berlin", "insensitive"), "program", "set", "name=Ada = fun", "currency=eur", "payout_minimum=10.50",
		"zone=Europe/Berlin", "allowed_domains=shop.example,apps.example/x")
	o.json(fmt.Sprintf(program, "Ada = fun", `,"apps.example/x"`, "Europe/Berlin", "insensitive"), "program", "show")
	o.json(fmt.Sprintf(program, "Ada = fun", `,"apps.example/x"`, "Europe/Berlin", "sensitive"), "program", "set", "slug_case=sensitive")
	if out := o.says("program", "show"); !strings.Contains(out, "payout_minimum   10.50 EUR\n") || !strings.Contains(out, "allowed_domains  shop.example,apps.example/x\n") {
		t.Errorf("got %s", out)
	}
	o.fails(`no setting "colour"`, "program", "set", "colour=red")
	o.fails("payout_day 31 is not between 1 and 28", "program", "set", "name=Other", "payout_day=31")
	o.fails(`"touch" is not of the form key=value`, "program", "set", "touch")
	o.fails(`slug_case "SENSITIVE" is neither insensitive nor sensitive`, "program", "set", "slug_case=SENSITIVE")
	o.fails(`sale_base "gross" is neither subtotal nor total`, "program", "set", "sale_base=gross")
	o.fails("requires at least 1 arg", "program", "set")
	if out := o.says("program", "show"); !strings.Contains(out, "Ada = fun") {
		t.Errorf("settings that were refused together were changed: %s", out)
	}
}

func TestNodesFromTheShell(t *testing.T) {
	o := newOffice(t)
	o.json("[]", "node", "list")
	err := o.d.CH.Exec(t.Context(), `INSERT INTO fairlead.shipments (node, month, first_seq, last_seq, rows, checksum, quarters, complete_to, state, shipped_at)
		VALUES ('n1', 202611, 1, 7, 7, 0, [], '2026-11-23 10:00:00', 'live', '2026-11-23 10:00:01')`)
	if err != nil {
		t.Fatal(err)
	}
	const node = `[{"node":"n1","state":"%s","last_seq":7,"shipped_at":"2026-11-23T10:00:01Z","complete_to":"2026-11-23T10:00:00Z"}]`
	o.json(fmt.Sprintf(node, "live"), "node", "list")
	if out := o.says("node", "retire", "n1", "--reason", "burnt"); !strings.HasPrefix(out, "n1 is retired") {
		t.Errorf("got %s", out)
	}
	o.json(fmt.Sprintf(node, "retired"), "node", "list")
	o.fails(`No node "n2"`, "node", "retire", "n2", "--reason", "burnt")
}
