package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fairlead/schema"
	"fairlead/schema/directory"
)

func programCommand(open opener) *cobra.Command {
	c := &cobra.Command{Use: "program", Short: "The program's settings and its click keys"}
	c.AddCommand(programShow(open), programSet(open), programKeys(open), programRotateKey(open))
	return c
}

func programShow(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the program's settings",
		Args:  cobra.NoArgs,
		RunE: on(open, func(c *cobra.Command, d *deployment, _ []string) error {
			p, err := d.Directory.Program(c.Context())
			if err != nil {
				return err
			}
			return printProgram(c, a, p)
		}),
	}
	return a.flag(c)
}

func programSet(open opener) *cobra.Command {
	var a printer
	c := &cobra.Command{
		Use:   "set KEY=VALUE …",
		Short: "Change the program's settings, all of those given or none",
		Long:  "Change the program's settings, all of those given or none.\n\n" + settingsHelp(),
		Args:  cobra.MinimumNArgs(1),
		RunE: on(open, func(c *cobra.Command, d *deployment, args []string) error {
			p, err := d.Directory.SetProgram(c.Context(), directory.CLI, func(p *schema.Program) error { return setAll(p, args) })
			if err != nil {
				return err
			}
			return printProgram(c, a, p)
		}),
	}
	return a.flag(c)
}

// setAll applies settings in their order.
func setAll(p *schema.Program, args []string) error {
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form key=value; `fairlead program set --help` lists the keys", arg)
		}
		s, err := directory.FindSetting(key)
		if err != nil {
			return err
		}
		if err := s.Set(p, value); err != nil {
			return err
		}
	}
	return nil
}

func printProgram(c *cobra.Command, a printer, p schema.Program) error {
	if a.json {
		return writeJSON(c.OutOrStdout(), p)
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, s := range directory.Settings() {
		fmt.Fprintf(w, "%s\t%s\n", s.Key, strings.ReplaceAll(s.Get(p), "\n", ", ")) // an address has lines
	}
	return w.Flush()
}

func settingsHelp() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range directory.Settings() {
		fmt.Fprintf(w, "  %s\t%s\n", s.Key, s.Help)
	}
	w.Flush()
	return b.String()
}
