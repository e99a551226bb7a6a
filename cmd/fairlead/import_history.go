package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fairlead/redirector/history"
)

// importHistory makes a command that imports a kind of rows from CSV. run answers what it did, what it read, and that in words.
func importHistory(open opener, what, long string, run func(ctx context.Context, im *history.Importer, file string, stdin io.Reader) (any, history.Read, string, error)) *cobra.Command {
	var rejects string
	var a printer
	c := &cobra.Command{
		Use:   what + " FILE",
		Short: "Import " + what + " of a former program from CSV",
		Long: long + "\n\n" +
			"FILE is CSV in UTF-8, plain or gzip, or - for standard input; its first line names the columns, as the README lists\n" +
			"them, or as Dub, Rewardful and PartnerStack do. Rows that cannot be taken are written to the rejects, with their line and\n" +
			"the reason, in a form that can be imported when it is mended; the others are imported, and the exit code is 1. Of rows that are no\n" +
			"CSV, such as with a stray quote, only line and reason are written: mend them in FILE by their line, and import it again.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			if rejects == "" {
				rejects = rejectsName(args[0]) + ".csv"
			}
			if err := notItself(args[0], rejects); err != nil {
				return err
			}
			tell, finish := steps(c.ErrOrStderr())
			im := &history.Importer{
				ClickHouse: d.CH, Directory: d.Directory, Cluster: d.Config.ClickHouse.Cluster, Rejects: rejects, Progress: tell,
				Logger: logger(d.Config.Log, c.ErrOrStderr()),
			}
			r, read, text, err := run(c.Context(), im, args[0], c.InOrStdin())
			finish()
			if err != nil {
				return fmt.Errorf("import %s: %w", filepath.Base(args[0]), err)
			}
			if err := a.one(c, r, "%s", readText(read)+text); err != nil {
				return err
			}
			if read.Rejected > 0 {
				return &exitError{exitFailed}
			}
			return nil
		}),
	}
	c.Flags().StringVar(&rejects, "rejects", "", "file for rows that are refused (default FILE.rejects.csv in this folder)")
	return a.flag(c)
}

func importConversions(open opener) *cobra.Command {
	return importHistory(open, "conversions",
		"Reads sign-ups, sales and refunds that were. A row that names a partner, by e-mail address or by the slug of a link, credits\n"+
			"that partner; one that does not is credited as any report is, by its customer, coupon or click id.\n\n"+
			"Running it again on the same file adds nothing, completes what was interrupted, and takes the rows whose partners were not\n"+
			"known before and are now.",
		func(ctx context.Context, im *history.Importer, file string, stdin io.Reader) (any, history.Read, string, error) {
			r, err := im.Conversions(ctx, file, stdin)
			var b strings.Builder
			fmt.Fprintf(&b, "added         %s, already there %s", grouped(r.Added), grouped(r.Already))
			for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
				fmt.Fprintf(&b, "\n%-13s %s", kind+"s", grouped(r.Kinds[kind]))
			}
			if r.Taken > 0 {
				fmt.Fprintf(&b, "\nnode          %s, %s to %s", r.Node, r.From.Format("2006-01-02"), r.To.Format("2006-01-02"))
			}
			return r, r.Read, b.String(), err
		})
}

func importPartners(open opener) *cobra.Command {
	return importHistory(open, "partners",
		"Reads partners with their slugs, the via keys of peers among them, which become links to the homepage, and what they were\n"+
			"owed. Who is there already, by e-mail address, is kept, and gets the links and the opening balance that they lack.\n\n"+
			"Nobody is written to: `fairlead partner invite EMAIL` makes the link with which a partner chooses a password.",
		func(ctx context.Context, im *history.Importer, file string, stdin io.Reader) (any, history.Read, string, error) {
			r, err := im.Partners(ctx, file, stdin)
			text := fmt.Sprintf("added         %s, already there %s\nlinks         %s added to partners who were there\nbalances      %s noted",
				grouped(r.Added), grouped(r.Kept), grouped(r.Links), grouped(r.Balances))
			return r, r.Read, text, err
		})
}

func importLinks(open opener) *cobra.Command {
	return importHistory(open, "links",
		"Reads links: slug, partner, and where they lead. A slug that is a link of the same partner to the same place is kept; any\n"+
			"other that is taken is refused.",
		func(ctx context.Context, im *history.Importer, file string, stdin io.Reader) (any, history.Read, string, error) {
			r, err := im.Links(ctx, file, stdin)
			return r, r.Read, fmt.Sprintf("added         %s, already there %s", grouped(r.Added), grouped(r.Kept)), err
		})
}

// readText says what was found in a file.
func readText(r history.Read) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rows          %s, in the columns of %s", grouped(r.Rows), r.Format)
	if len(r.Ignored) > 0 {
		fmt.Fprintf(&b, "; not read: %s", strings.Join(r.Ignored, ", "))
	}
	b.WriteByte('\n')
	for _, word := range slices.Sorted(maps.Keys(r.Passed)) {
		fmt.Fprintf(&b, "passed over   %s %s\n", grouped(r.Passed[word]), strings.ReplaceAll(word, "_", " "))
	}
	if r.Rejected > 0 {
		fmt.Fprintf(&b, "rejected      %s: line and reason of each in %s\n", grouped(r.Rejected), r.Rejects)
	}
	return b.String()
}
