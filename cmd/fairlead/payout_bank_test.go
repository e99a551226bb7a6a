package main

import (
	"errors"
	"strings"
	"testing"

	"fairlead/aggregator/payout"
	"fairlead/schema"
)

func TestABatchWrittenAgainHoldsWhatIsStillSent(t *testing.T) {
	inBatch := func(id byte, status payout.Status) payout.Payout {
		return payout.Payout{
			ID: payout.PayoutID{id}, Status: status, Amount: 3000, Currency: "EUR", Ref: "bank-1",
			To: payout.Target{By: schema.PayByBank, Payee: schema.Payee{Bank: schema.Bank{Holder: "Ada", Account: "DE89370400440532013000"}}},
		}
	}
	ends := []payout.Status{payout.Completed, payout.Failed, payout.Returned}
	ended := []payout.Payout{inBatch(2, ends[0]), inBatch(3, ends[1]), inBatch(4, ends[2])}
	var file, notes strings.Builder
	if err := writeAgain(&file, &notes, "bank-1", append(ended, inBatch(1, payout.Sent))); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(file.String(), "\r\n"); len(lines) != 3 || !strings.Contains(lines[1], payout.PayoutID{1}.String()) {
		t.Errorf("written again: %s", file.String())
	}
	for i, status := range ends {
		if want := "payout " + ended[i].ID.String() + " of 30.00 EUR is not in it: it is " + string(status); !strings.Contains(notes.String(), want) {
			t.Errorf("said %s, want %s", notes.String(), want)
		}
	}
	file.Reset()
	if err := writeAgain(&file, &notes, "bank-1", ended); err == nil || !strings.Contains(err.Error(), "nothing of batch bank-1 is left") || file.Len() > 0 {
		t.Errorf("a batch that has ended: %v, %s", err, file.String())
	}
	if err := writeAgain(&file, &notes, "bank-2", ended); err == nil || !strings.Contains(err.Error(), "there is no batch") {
		t.Errorf("another name: %v", err)
	}
}

func TestABatchThatStopsSaysHowToWriteIt(t *testing.T) {
	failed := errors.New("ClickHouse is gone")
	if err := stopped(payout.Batch{Name: "bank-1"}, failed); err != failed {
		t.Errorf("nothing was sent: %v", err)
	}
	err := stopped(payout.Batch{Name: "bank-1", Payouts: make([]payout.Payout, 2)}, failed)
	if !errors.Is(err, failed) || !strings.Contains(err.Error(), "payout 2") || !strings.Contains(err.Error(), "--batch bank-1") {
		t.Errorf("in the middle: %v", err)
	}
}
