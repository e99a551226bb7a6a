package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fairlead/configs"
	"fairlead/redirector/accesslog"
	"fairlead/schema"
)

func importCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "import", Short: "Bring in what happened elsewhere"}
	c.AddCommand(importClicks(open), importConversions(open), importPartners(open), importLinks(open))
	return c
}

func importClicks(open opener) *cobra.Command {
	var format, slugFrom, partner, rejects string
	var createLinks bool
	var a printer
	c := &cobra.Command{
		Use:   "clicks FILE",
		Short: "Import the GET requests of an access log as clicks",
		Long: "Reads an access log, plain or gzip, or standard input for -, and makes a click of every line with the method GET,\n" +
			"with its own time, User-Agent, referrer and (truncated) address. The path is the slug: what is no link is kept as an\n" +
			"unknown link; letters match as the program's slug_case says. With --create-links each such path that can be a slug becomes\n" +
			"a link of --partner, to the same path below the program's homepage if that is allowed, and to the homepage otherwise.\n\n" +
			"Lines that do not parse, or that are dated in the future, are written to the rejects with number and reason.\n" +
			"Running it again on the same file adds nothing, and completes what was interrupted.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			im, err := newImporter(c, d, format, slugFrom, partner, createLinks)
			if err != nil {
				return err
			}
			if im.Rejects = rejects; rejects == "" {
				im.Rejects = rejectsName(args[0])
			}
			if err := notItself(args[0], im.Rejects); err != nil {
				return err
			}
			tell, finish := steps(c.ErrOrStderr())
			im.Progress = tell
			r, err := im.Import(c.Context(), args[0], c.InOrStdin())
			finish()
			if err != nil {
				return fmt.Errorf("import %s: %w", args[0], err)
			}
			return a.one(c, r, "%s", importText(r))
		}),
	}
	c.Flags().StringVar(&format, "format", "combined", "combined, as Apache and nginx write it")
	c.Flags().StringVar(&slugFrom, "slug-from", "path", "path: without the slashes at its ends and without the query")
	c.Flags().BoolVar(&createLinks, "create-links", false, "make links for paths that are none yet")
	c.Flags().StringVar(&partner, "partner", "", "id, e-mail or slug of the partner who gets the links")
	c.Flags().StringVar(&rejects, "rejects", "", "file for lines that are refused (default FILE.rejects in this folder)")
	return a.flag(c)
}

func newImporter(c *cobra.Command, d *deployment, format, slugFrom, partner string, createLinks bool) (*accesslog.Importer, error) {
	switch {
	case format != "combined":
		return nil, usageError{fmt.Errorf("--format %q: combined is the format that can be read", format)}
	case slugFrom != "path":
		return nil, usageError{fmt.Errorf("--slug-from %q: path is where a slug can be taken from", slugFrom)}
	case createLinks != (partner != ""):
		return nil, usageError{errors.New("--create-links and --partner go together: the partner is who gets the links")}
	}
	data, err := loadEnrichment(d.Config.Data)
	if err != nil {
		return nil, err
	}
	im := &accesslog.Importer{
		ClickHouse: d.CH, Redis: d.Redis, Keys: d.Keys, Directory: d.Directory, Enrich: data, Cluster: d.Config.ClickHouse.Cluster,
		AllowLoopback: !configs.IsPublic(d.Config.Redirector.Listen),
		Logger:        logger(d.Config.Log, c.ErrOrStderr()),
	}
	if createLinks {
		p, err := d.Directory.FindPartner(c.Context(), partner)
		if err != nil {
			return nil, err
		}
		im.Partner = p.ID
	}
	return im, nil
}

// notItself refuses rejects that would be written over what is being read.
func notItself(file, rejects string) error {
	a, err := os.Stat(file)
	if err != nil {
		return nil // standard input, or what cannot be read anyway
	}
	if b, err := os.Stat(rejects); err == nil && os.SameFile(a, b) {
		return usageError{fmt.Errorf("--rejects %s is the file that is imported: name another one", rejects)}
	}
	return nil
}

func rejectsName(file string) string {
	if file == "-" {
		return "stdin.rejects"
	}
	return filepath.Base(file) + ".rejects"
}

// steps shows one progress bar after the other.
func steps(w io.Writer) (tell func(step string, done, total int64), finish func()) {
	var bar = progress(w, "")
	now := ""
	tell = func(step string, done, total int64) {
		if step != now {
			bar.Finish()
			bar, now = progress(w, step), step
		}
		if total == 0 {
			total = -1 // unknown: it spins
		}
		bar.ChangeMax64(total)
		bar.Set64(done)
	}
	return tell, func() { bar.Finish() }
}

func importText(r accesslog.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "lines         %s: %s clicks, %s of other methods, %s broken\n", grouped(r.Lines), grouped(r.Clicks), grouped(r.OtherMethods), grouped(r.Broken))
	if r.Broken > 0 {
		fmt.Fprintf(&b, "broken        line number and reason of each in %s\n", r.Rejects)
	}
	fmt.Fprintf(&b, "added         %s, already there %s", grouped(r.Added), grouped(r.Already))
	if r.LinksCreated > 0 {
		fmt.Fprintf(&b, "\nlinks         %s created", grouped(uint64(r.LinksCreated)))
	}
	for _, v := range schema.Verdicts() {
		if n := r.Verdicts[v.String()]; n > 0 {
			fmt.Fprintf(&b, "\n%-13s %s", strings.ReplaceAll(v.String(), "_", " "), grouped(n))
		}
	}
	if r.Clicks > 0 {
		fmt.Fprintf(&b, "\nnode          %s, %s to %s\n", r.Node, r.From.Format("2006-01-02"), r.To.Format("2006-01-02"))
		fmt.Fprintf(&b, "took          %.1f s, %s rows/s", r.Seconds, grouped(uint64(r.RowsPerSec)))
	}
	return b.String()
}
