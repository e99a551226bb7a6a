package door

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const connectSecret = "whsec_of_connected_accounts"

// connected is an event of a connected account, signed with a secret.
func connected(secret, kind, object string) Message {
	body := fmt.Sprintf(`{"id":"evt_1","object":"event","type":%q,"livemode":true,"account":"acct_1","data":{"object":%s}}`, kind, object)
	return stripeMessage([]byte(body), secret, now)
}

func account(payouts bool, transfers string) string {
	return fmt.Sprintf(`{"id":"acct_1","object":"account","payouts_enabled":%v,"capabilities":{"transfers":%q}}`, payouts, transfers)
}

func TestStripeSaysWhetherAPartnersAccountCanBePaid(t *testing.T) {
	h := newHouse(t)
	var told []string
	known, failing := true, error(nil)
	h.opt.Connect = []string{connectSecret}
	h.opt.Payee = func(_ context.Context, account string, ready bool) (bool, error) {
		told = append(told, fmt.Sprint(account, " ", ready))
		return known, failing
	}
	f := func(what string, m Message, status int, text, want string) {
		t.Helper()
		told = nil
		got, body := h.send("webhooks/stripe", m, HeaderStripe)
		if got != status || !strings.Contains(body, text) || strings.Join(told, ", ") != want {
			t.Errorf("%s: %d %s, told %v; want %d with %s, told %s", what, got, body, told, status, text, want)
		}
	}
	f("ready", connected(connectSecret, "account.updated", account(true, "active")), 200, `"received":true`, "acct_1 true")
	f("transfers are pending", connected(connectSecret, "account.updated", account(true, "pending")), 200, "", "acct_1 false")
	f("not paid out", connected(connectSecret, "account.updated", account(false, "active")), 200, "", "acct_1 false")
	known = false
	f("nobody's", connected(connectSecret, "account.updated", account(true, "active")), 200, `"ignored":"unknown_payee"`, "acct_1 true")
	failing = errors.New("the stores are away")
	f("the stores are away", connected(connectSecret, "account.updated", account(true, "active")), 503, "", "acct_1 true")
	failing = nil
	f("no account", connected(connectSecret, "account.updated", `{"object":"account"}`), 400, "data.object.id", "")
	f("another secret", connected("whsec_of_nobody_at_all", "account.updated", account(true, "active")), 401, "", "")
	f("the merchant's own account", connected(secret, "account.updated", account(true, "active")), 200, `"ignored":"unknown_event"`, "")
	f("a sale on a connected account is not the merchant's", connected(connectSecret, "invoice.paid", `{"id":"in_1","amount_paid":4900,"currency":"usd"}`), 200, `"ignored":"unknown_event"`, "")
	if len(h.journal.records) != 0 {
		t.Errorf("recorded %+v", h.journal.records)
	}
}
