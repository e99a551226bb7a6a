package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

// pays runs `fairlead payout …` on the office's deployment.
func (o *office) pays(twoAbove int64, stdin string, args ...string) (string, error) {
	o.t.Helper()
	open := func(context.Context) (*deployment, error) {
		d := o.open()
		d.Config.Payouts.EncryptionKey, d.Config.Payouts.TwoApprovalsAbove = string(officeKey), twoAbove
		return d, nil
	}
	root := &cobra.Command{Use: "fairlead", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(payoutCommand(open))
	var out bytes.Buffer
	root.SetArgs(append([]string{"payout"}, args...))
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(io.Discard)
	err := root.ExecuteContext(o.t.Context())
	return out.String(), err
}

func TestPayoutsFromTheShell(t *testing.T) {
	o := newOffice(t)
	empty := func() {
		for _, table := range []string{"ledger", "payouts", "payout_cut_offs", "reward_state"} {
			if err := o.d.CH.Exec(context.Background(), "TRUNCATE TABLE fairlead."+table); err != nil {
				t.Error(err)
			}
		}
	}
	empty()
	defer empty()
	if err := o.dir.EnsureSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	says := func(want string, args ...string) string {
		t.Helper()
		out, err := o.pays(0, "", args...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("payout %v: %v, %s\nwant %s", args, err, out, want)
		}
		return out
	}
	fails := func(want string, args ...string) {
		t.Helper()
		if out, err := o.pays(0, "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("payout %v: %v, %s, want an error: %s", args, err, out, want)
		}
	}
	o.says("partner", "add", "--name", "Ada", "--email", "ada@example.com")
	o.says("partner", "add", "--name", "Bob", "--email", "bob@example.com")
	if _, err := o.dir.PayByBank(t.Context(), "cli", 1, schema.Bank{Holder: "Ada", Account: "DE89370400440532013000"}); err != nil {
		t.Fatal(err)
	}
	for partner := schema.PartnerID(1); partner <= 2; partner++ {
		o.booked(partner, "sale-"+partner.String(), time.Now().AddDate(0, -4, 0),
			schema.Transfer{Kind: schema.CauseEarned, Cause: "sale", Debit: schema.AccountExpense, Credit: schema.AccountPayable, Amount: 3000})
	}
	fails("rewards are not booked up to", "run")
	if err := o.d.CH.Exec(t.Context(), "INSERT INTO fairlead.reward_state (token, due_to) VALUES (1, now64(3))"); err != nil {
		t.Fatal(err)
	}
	says("1 drafted, 1 carried over", "preview")
	fails("has not begun", "run", "--cut-off", "2999-01-01")
	says("no method\n", "run")
	var list []payoutJSON
	if err := json.Unmarshal([]byte(says("[", "list", "--json", "--partner", "ada")), &list); err != nil || len(list) != 1 || list[0].Status != payout.Draft || list[0].Amount != 3000 {
		t.Fatalf("%+v, %v", list, err)
	}
	id := list[0].ID
	if _, err := o.pays(1, "", "approve", id); err == nil || !strings.Contains(err.Error(), "--as") {
		t.Errorf("whoever it is approves what takes two: %v", err)
	}
	if _, err := o.pays(1, "wrong\n", "approve", id, "--as", "eva@example.com", "--password-stdin"); err == nil || !strings.Contains(err.Error(), "no admin has") {
		t.Errorf("a stranger approves: %v", err)
	}
	fails("is not a payout's id", "approve", "7")
	says("is approved", "approve", id)
	fails("only a draft can be approved", "approve", id)
	says("payout export --method bank", "run")
	fails("either --method bank or --year", "export")
	file := says("DE89370400440532013000,,30.00,USD", "export", "--method", "bank")
	batch := strings.Split(strings.Split(file, "\r\n")[1], ",")[0]
	if again := says(batch, "export", "--method", "bank", "--batch", batch); again != file {
		t.Errorf("once more the batch is %s, want %s", again, file)
	}
	fails("cannot become canceled", "cancel", id, "--reason", "too late")
	says("is completed (bank account …3000)", "status", id, "--completed")
	o.says("program", "set", "legal_name=Shop Ltd", "legal_address=1 Way\nTown")
	says("<td>sale or lead</td><td>30.00 USD</td>", "statement", id)
	says("\"1 Way\r\nTown\",", "statement", id, "--csv")
	fails("there is no such payout", "statement", strings.Repeat("0", 32))
	fails("there is no such payout", "cancel", strings.Repeat("0", 32), "--reason", "not mine")
	says(",completed,", "export", "--year", time.Now().UTC().Format("2006"))
	says("is returned", "status", id, "--returned", "--reason", "account closed")
	fails("there is no such payout", "status", strings.Repeat("0", 32))
	var paid int64
	if err := o.d.CH.QueryRow(t.Context(), "SELECT payable FROM fairlead.balances WHERE partner_id = 1").Scan(&paid); err != nil || paid != 3000 {
		t.Errorf("%d is payable again, %v", paid, err)
	}
}
