package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"fairlead/aggregator/payout"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// exportBatch writes a batch: a new one, or one that was made before.
func exportBatch(c *cobra.Command, d *deployment, r *payout.Runner, out *bytes.Buffer, name string) error {
	if name != "" {
		db, err := payoutStore(d)
		if err != nil {
			return err
		}
		found, err := db.Find(c.Context(), payout.Filter{})
		if err != nil {
			return err
		}
		return writeAgain(out, c.ErrOrStderr(), name, found)
	}
	b, err := r.SendByBank(c.Context(), "bank-"+time.Now().UTC().Format("20060102-150405"), string(directory.CLI))
	if err != nil {
		return stopped(b, err)
	}
	for _, h := range b.Held {
		fmt.Fprintf(c.ErrOrStderr(), "payout %s is not in it: %s\n", h.Payout.ID, h.Text)
	}
	fmt.Fprintf(c.ErrOrStderr(), "batch %s: %d payouts; --batch %s writes it once more\n", b.Name, len(b.Payouts), b.Name)
	return payout.WriteBank(out, b.Payouts)
}

// writeAgain writes what of a batch is to be paid still, and names the rest.
func writeAgain(out, notes io.Writer, name string, payouts []payout.Payout) error {
	again, ended := payout.Rewrite(name, payouts)
	if len(again)+len(ended) == 0 {
		return fmt.Errorf("there is no batch %q; `fairlead payout list --json` shows the batch of each payout as ref", name)
	}
	for _, p := range ended {
		fmt.Fprintf(notes, "payout %s of %s is not in it: it is %s\n", p.ID, schema.FormatAmount(p.Amount, p.Currency), p.Status)
	}
	if len(again) == 0 {
		return fmt.Errorf("nothing of batch %s is left to be paid", name)
	}
	return payout.WriteBank(out, again)
}

// stopped is an error in the middle of a batch, and how to get into a file what is noted as sent by then.
func stopped(b payout.Batch, err error) error {
	if len(b.Payouts) == 0 {
		return err
	}
	return errors.Join(err, fmt.Errorf("batch %s stopped at its payout %d: what is noted as sent is in no file yet; write it by `fairlead payout export --method bank --batch %s`",
		b.Name, len(b.Payouts), b.Name))
}
