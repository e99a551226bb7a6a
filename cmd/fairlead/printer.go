package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// printer is how a command speaks: one JSON document for programs, sentences and tables for people.
type printer struct{ json bool }

// flag adds --json to a command.
func (a *printer) flag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON document")
	return c
}

// one prints v as JSON, or the sentence.
func (a *printer) one(c *cobra.Command, v any, format string, args ...any) error {
	if a.json {
		return writeJSON(c.OutOrStdout(), v)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), format+"\n", args...)
	return err
}

func writeJSON(w io.Writer, v any) error {
	line, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// marshal leaves & and < in addresses as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// listing prints rows as they come: a JSON array of what they are, or a table of what they show.
type listing struct {
	json  bool
	out   *bufio.Writer
	table *tabwriter.Writer
	rows  int
}

// list begins a list with the table's headings.
func (a *printer) list(c *cobra.Command, headings ...string) *listing {
	l := &listing{json: a.json, out: bufio.NewWriter(c.OutOrStdout())}
	if !l.json {
		l.table = tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(l.table, strings.Join(headings, "\t"))
	}
	return l
}

// add prints one row: v in JSON, cells in the table.
func (l *listing) add(v any, cells ...any) error {
	l.rows++
	if !l.json {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(l.table, "\t")
			}
			fmt.Fprint(l.table, cell)
		}
		fmt.Fprintln(l.table)
		return nil
	}
	line, err := marshal(v)
	if err != nil {
		return err
	}
	before := ",\n"
	if l.rows == 1 {
		before = "[\n"
	}
	l.out.WriteString(before)
	_, err = l.out.Write(line)
	return err
}

// page ends a page: what was added is out, and the next rows are aligned among themselves.
func (l *listing) page() error {
	if l.table != nil {
		if err := l.table.Flush(); err != nil {
			return err
		}
	}
	return l.out.Flush()
}

// close ends the list.
func (l *listing) close() error {
	switch {
	case l.json && l.rows == 0:
		l.out.WriteString("[]\n")
	case l.json:
		l.out.WriteString("\n]\n")
	}
	return l.page()
}

// on makes a command's body of one that works on an open deployment.
func on(open opener, body func(c *cobra.Command, d *deployment, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		d, err := open(c.Context())
		if err != nil {
			return err
		}
		defer d.Close()
		return body(c, d, args)
	}
}

// needs marks flags that must be given.
func needs(c *cobra.Command, flags ...string) *cobra.Command {
	for _, f := range flags {
		if err := c.MarkFlagRequired(f); err != nil {
			panic("BUG: " + err.Error())
		}
	}
	return c
}

// passwordFrom reads a password: the first line of r.
func passwordFrom(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("--password-stdin: standard input holds no password on its first line")
	}
	return line, nil
}
