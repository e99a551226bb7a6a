package payout_test

import (
	"strings"
	"testing"
	"time"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

func TestWhatTheBankAndTheAccountantsRead(t *testing.T) {
	p := payout.Payout{
		ID: payout.PayoutID{1}, Partner: 7, Amount: 123456, Currency: "EUR", CutOff: day, CreatedAt: day, SentAt: day.Add(23 * time.Hour), Status: payout.Sent, Ref: "2026-11-13",
		To: payout.Target{By: schema.PayByBank, Payee: schema.Payee{
			Bank: schema.Bank{Holder: "=Ada, Ltd", Account: "DE89370400440532013000", BIC: "COBADEFFXXX"}, LegalName: "Ada Ltd", Address: "1 Way\nTown", TaxID: "DE1",
		}},
	}
	var bank, year strings.Builder
	if err := payout.WriteBank(&bank, []payout.Payout{p}); err != nil {
		t.Fatal(err)
	}
	want := "Batch,End-to-end ID,Creditor name,Creditor account (IBAN),Creditor BIC,Amount,Currency,Remittance information\r\n" +
		"2026-11-13,01000000000000000000000000000000,\"'=Ada, Ltd\",DE89370400440532013000,COBADEFFXXX,1234.56,EUR,Rewards due by 13 November 2026\r\n"
	if bank.String() != want {
		t.Errorf("for the bank:\n%s\nwant\n%s", bank.String(), want)
	}
	if err := payout.WriteYear(&year, []payout.Payout{p}, payout.Party{Name: "Shop Ltd", Address: "2 Way", TaxID: "GB2"}, time.FixedZone("east", 2*3600)); err != nil {
		t.Fatal(err)
	}
	want = "Payout,Merchant,Merchant address,Merchant tax ID,Partner,Legal name,Address,Tax ID,Method,Reference,Status,Drafted,Sent,Completed,Amount,Currency,Rewards due by\r\n" +
		"01000000000000000000000000000000,Shop Ltd,2 Way,GB2,7,Ada Ltd,\"1 Way\r\nTown\",DE1,bank,2026-11-13,sent,2026-11-13,2026-11-14,,1234.56,EUR,2026-11-13\r\n"
	if year.String() != want {
		t.Errorf("for the accountants:\n%s\nwant\n%s", year.String(), want)
	}
}
