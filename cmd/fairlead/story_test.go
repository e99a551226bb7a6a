package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"fairlead/schema"
)

// TestWhateverIsSoldEndsOnThePartnersPage tells the whole story of four customers: each clicks on a partner's link, and what
// they buy is reported by Dub's SDK, by Stripe, by Shopify and by a tracker. All of it ends as attributed sales, in the
// figures and on the page of the partner who logs in; also when everything comes in any order, three times over, and the
// deployment is killed twice meanwhile.
func TestWhateverIsSoldEndsOnThePartnersPage(t *testing.T) {
	m := newMachine(t)
	m.env = []string{"FAIRLEAD_CONVERSIONS_STRIPE_SECRETS=" + stripeSecret, "FAIRLEAD_CONVERSIONS_SHOPIFY_SECRETS=" + shopifySecret}
	m.start()

	orderly := newStory(t, m, "ada", 1)
	if err := deliver(orderly.deliveries, &atomic.Int64{}); err != nil {
		t.Fatal(err)
	}
	orderly.mustEnd()

	disorderly := newStory(t, m, "bea", 2)
	order := slices.Repeat(disorderly.deliveries, 3)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var taken atomic.Int64
	delivered := make(chan error, 1)
	go func() { delivered <- deliver(order, &taken) }()
	for n := range 2 {
		eventually(t, 2*time.Minute, "some of it is delivered", func() bool { return taken.Load() > int64(n+1)*int64(len(order))/3 })
		m.killWithChildren()
		m.start()
	}
	if err := <-delivered; err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	disorderly.mustEnd()
	orderly.mustEnd()
	m.stop()
}

const shopifySecret = "shpss_of_the_tests_0123456789"

// story is what comes of the clicks on a partner's link.
type story struct {
	t          *testing.T
	m          *machine
	partner    partnerAnswer
	deliveries []delivery
}

// delivery is a report on its way.
type delivery struct {
	name string
	send func() error // nil once it was taken
}

const storyPassword = "correct horse battery"

func newStory(t *testing.T, m *machine, name string, number int) *story {
	t.Helper()
	s := &story{t: t, m: m}
	s.partner = answerWith[partnerAnswer](t, storyPassword+"\n", m.args("partner", "add", "--name", name, "--email", name+"@example.com", "--password-stdin", "--json")...)
	shop := answer[keyAnswer](t, m.args("key", "add", "--name", "shop of "+name, "--json")...).Key
	tracker := answer[keyAnswer](t, m.args("key", "add", "--name", "tracker of "+name, "--scope", "postback", "--json")...).Key
	base := "http://" + m.flag("--listen")
	awaitKey(t, base, shop)
	awaitKey(t, base, tracker)

	sdk := func(what string, click schema.ClickID) func() error {
		return func() error {
			out, err := exec.Command("node", "testdata/dub-one.mjs", base, shop, what, click.String(), "sdk-"+name, "in-"+name).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %.300s", err, out)
			}
			return nil
		}
	}
	signedUp := clickOf(t, s.partner.Link.URL)
	s.add("a sign-up by Dub's SDK", sdk("lead", signedUp))
	s.add("a sale by Dub's SDK", sdk("sale", signedUp))

	// Senders' clocks tell whole seconds: what follows a click is told to be two later.
	click := clickOf(t, s.partner.Link.URL)
	then := click.At/1000 + 2
	own := strings.NewReplacer("AZqMHDWAAAAABwAAAAAAAQAAAAAAAAAB", click.String(), "1764000100", fmt.Sprint(then), "1764100000", fmt.Sprint(then+60),
		`"eur"`, `"usd"`, "pi_3A", "pi_"+name, "ch_3A", "ch_"+name, "cs_live_a1", "cs_"+name, "cus_9s6XKzkNRiz8i3", "cus_"+name,
		"Grace+shop@", name+"@grace.", "evt_", "evt_"+name+"_")
	for _, event := range []string{"session_payment", "charge_refunded"} {
		body := own.Replace(message(t, "stripe/"+event))
		s.add("Stripe's "+event, func() error {
			signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: stripeSecret})
			return taken(http.MethodPost, base+"/webhooks/stripe", body, "Stripe-Signature", signed.Header, "Content-Type", "application/json")
		})
	}

	click = clickOf(t, s.partner.Link.URL)
	moment := func(after int64) string { return time.Unix(click.At/1000+after, 0).UTC().Format(time.RFC3339) }
	own = strings.NewReplacer("AZqMHDWAAAAABwAAAAAAAQAAAAAAAAAB", click.String(), "2025-11-24T11:00:00-05:00", moment(2), "2025-11-26T11:00:00-05:00", moment(60),
		"820982911946154508", fmt.Sprint(820982911946154500+number), "115310627314723954", fmt.Sprint(115310627314723950+number), "890088186047892319", fmt.Sprint(890088186047892310+number),
		"Jon@", name+"@jon.", "jon@", name+"@jon.", "john@", name+"@john.")
	for _, m := range [][2]string{{"order", "orders/paid"}, {"refund", "refunds/create"}} {
		file, topic := m[0], m[1]
		body := own.Replace(message(t, "shopify/"+file))
		s.add("Shopify's "+file, func() error {
			return taken(http.MethodPost, base+"/webhooks/shopify", body, "X-Shopify-Hmac-Sha256", shopifySignature(body), "X-Shopify-Topic", topic,
				"X-Shopify-Shop-Domain", "toys.example", "X-Shopify-Webhook-Id", "hook-"+file+name, "X-Shopify-Event-Id", "event-"+file+name, "Content-Type", "application/json")
		})
	}

	click = clickOf(t, s.partner.Link.URL)
	s.add("a tracker's postback", func() error {
		return taken(http.MethodGet, base+"/postback?"+url.Values{
			"subid": {click.String()}, "status": {"sale"}, "payout": {"40.00"}, "currency": {"USD"}, "tid": {"T" + name}, "from": {"keitaro"}, "key": {tracker},
		}.Encode(), "")
	})
	return s
}

func (s *story) add(name string, send func() error) {
	s.deliveries = append(s.deliveries, delivery{name, send})
}

// message is one of the messages that the redirector's doors are tested with.
func message(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "redirector", "door", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// taken sends a report, and is an error unless that was taken.
func taken(method, to, body string, headers ...string) error {
	req, err := http.NewRequest(method, to, strings.NewReader(body))
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", resp.Status, text)
	}
	return err
}

// shopifySignature is what Shopify says of a body.
func shopifySignature(body string) string {
	h := hmac.New(sha256.New, []byte(shopifySecret))
	h.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// deliver sends reports one after the other, each again and again until it is taken, as their senders do. Taken counts them.
func deliver(all []delivery, taken *atomic.Int64) error {
	for _, d := range all {
		for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			err := d.send()
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s was not taken: %w", d.name, err)
			}
		}
		taken.Add(1)
	}
	return nil
}

// mustEnd waits until the story is told to its end, in the figures, on the partner's page, and in what verify finds. Of
// 49.00 + 48.10 + 185.00 + 40.00 sold, 7.61 (10.00 of the 63.19 that were charged with tax and shipping) and 92.50 went back.
func (s *story) mustEnd() {
	s.t.Helper()
	d := s.m.connect()
	const want = "4 referred, 1 lead, 4 sales of 32210, 2 refunds of 10011"
	figures := func() (said string) {
		err := d.CH.QueryRow(s.t.Context(), `SELECT format('{} referred, {} lead, {} sales of {}, {} refunds of {}', sum(referred), sum(leads), sum(sales), sum(gross), sum(refunds), sum(refunded))
			FROM fairlead.sale_days WHERE partner_id = ? AND link_id = ? AND currency = 'USD'`, uint32(s.partner.ID), uint32(s.partner.Link.ID)).Scan(&said)
		if err != nil {
			s.t.Fatal(err)
		}
		return said
	}
	said := ""
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%s's days say %s, want %s", s.partner.Name, said, want)
		}
	}()
	eventually(s.t, 90*time.Second, s.partner.Name+"'s figures are right", func() bool { said = figures(); return said == want })

	page := s.logIn()
	eventually(s.t, 90*time.Second, "the figures stand in "+s.partner.Name+"'s report", func() bool {
		table, err := csv.NewReader(strings.NewReader(page("/reporting.csv"))).ReadAll()
		if err != nil {
			s.t.Fatal(err)
		}
		total := map[string]string{}
		for i, column := range table[0] {
			total[column] = table[len(table)-1][i]
		}
		return total["Referred"] == "4" && total["Sold (USD)"] == "221.99"
	})
	if home := page("/home"); !strings.Contains(home, "221.99") {
		s.t.Errorf("%s's Home lacks what was sold:\n%s", s.partner.Name, home)
	}

	report := answer[struct {
		verifyAnswer
		Conversions  uint64 `json:"conversions"`
		Attributions uint64 `json:"attributions"`
		NotCompared  []any  `json:"not_compared"`
	}](s.t, s.m.args("verify", "--json")...)
	if !report.OK || report.Gaps+report.Doubles != 0 || report.Conversions < uint64(len(s.deliveries)) || report.Attributions != report.Conversions {
		s.t.Errorf("verify says %+v", report)
	}
}

// logIn logs the partner in over HTTP and returns what reads pages.
func (s *story) logIn() func(path string) string {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	base, client := "http://"+s.m.flag("--dashboard-listen"), &http.Client{Jar: jar}
	read := func(resp *http.Response, err error) string {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
		defer resp.Body.Close()
		var text bytes.Buffer
		if _, err := text.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			s.t.Fatal(errors.Join(err, fmt.Errorf("%s: %s", resp.Request.URL, resp.Status)))
		}
		return text.String()
	}
	if home := read(client.PostForm(base+"/login", url.Values{"email": {s.partner.Email}, "password": {storyPassword}})); !strings.Contains(home, "Log out") {
		s.t.Fatalf("%s is not let in:\n%s", s.partner.Email, home)
	}
	return func(path string) string { s.t.Helper(); return read(client.Get(base + path)) }
}
