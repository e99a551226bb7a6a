package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"fairlead/schema/trace"
)

func traceCommand(open opener) *cobra.Command {
	var as, who string
	var a printer
	c := &cobra.Command{
		Use:   "trace CLICK|CUSTOMER|INVOICE|EMAIL",
		Short: "Tell the whole story: what was clicked and reported, what was decided and why",
		Long: "Tells the whole story of a click id, a customer, a payment (by any of its names), an e-mail address, a shop's domain or a\n" +
			"conversion id, in the order of time: the clicks with their verdicts, the reports with repeats and contradictions, the rule\n" +
			"that decided each, and what counts. With --partner it is told as that partner may see it.",
		Args: cobra.ExactArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			q := trace.Question{Text: args[0], As: trace.As(as)}
			if q.As != "" && !slices.Contains(trace.Asks(), q.As) {
				return usageError{fmt.Errorf("--as %q: it is one of %s", as, askNames())}
			}
			only, err := partnerFlag(c.Context(), d, who)
			if err != nil {
				return err
			}
			reader := trace.New(d.CH, d.Directory)
			var s trace.Story
			if only == 0 {
				s, err = reader.Read(c.Context(), q)
			} else {
				s, err = reader.ReadFor(c.Context(), only, q)
			}
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(c.OutOrStdout(), s)
			}
			return printStory(c, s)
		}),
	}
	c.Flags().StringVar(&as, "as", "", "what is meant: "+askNames()+" (default: whatever it is)")
	c.Flags().StringVar(&who, "partner", "", "tell it as this partner may see it: id, e-mail address or slug")
	return a.flag(c)
}

func askNames() string {
	var names []string
	for _, as := range trace.Asks() {
		names = append(names, string(as))
	}
	return strings.Join(names, ", ")
}

// printStory tells a story to people, in the program's time zone.
func printStory(c *cobra.Command, s trace.Story) error {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return fmt.Errorf("the program's time zone %q: %w", s.Zone, err)
	}
	w := bufio.NewWriter(c.OutOrStdout())
	for _, e := range s.Events {
		fmt.Fprintf(w, "%s  %s\n", e.At.In(zone).Format("2006-01-02 15:04:05"), wrapped(e.Text, 21))
	}
	if s.More {
		fmt.Fprintf(w, "… and more than can be told at once\n")
	}
	if len(s.Events) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, wrapped(s.Answer, 0))
	for _, count := range s.Counts {
		fmt.Fprintln(w, wrapped(count.Text, 0))
	}
	if len(s.Events) > 0 {
		fmt.Fprintf(w, "Times are those of %s.\n", s.Zone)
	} else if !s.CompleteTo.IsZero() {
		fmt.Fprintf(w, "All that was reported until %s is looked at.\n", s.CompleteTo.In(zone).Format("2006-01-02 15:04:05 MST"))
	}
	return w.Flush()
}

// textWidth is how long lines of text are, in characters.
const textWidth = 110

// wrapped breaks a text between words; lines after the first begin with indent spaces, which the first has elsewhere. What
// strangers sent stands in it, so that characters which move a terminal are taken out.
func wrapped(text string, indent int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return utf8.RuneError
		}
		return r
	}, text)
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > textWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
