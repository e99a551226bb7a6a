package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fairlead/configs"
	"fairlead/redirector/journal"
)

// Exit codes. 1: it did not work, and one sentence says why. 2: the call itself is wrong.
const (
	exitFailed = 1
	exitUsage  = 2
	exitBusy   = 3 // of jobs: none failed, and another process was at one of them
)

// run executes one command line and returns its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	return runWith(&global{}, args, stdout, stderr)
}

func runWith(g *global, args []string, stdout, stderr io.Writer) int {
	redis.SetLogger(quietRedis{}) // what it says stands in the errors that it returns
	ctx, stop := signalContext()
	defer stop()
	root := rootCommand(g)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var silent *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return silent.code
	}
	fmt.Fprintln(stderr, "fairlead:", err)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// isUsage reports whether an error is about the command line; some of cobra's have no type.
func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage) || strings.HasPrefix(err.Error(), "required flag(s)") || strings.HasPrefix(err.Error(), "unknown command")
}

// strict makes a command and those below it refuse what they do not understand: arguments that are wrong
// in number, and names of commands that there are not.
func strict(c *cobra.Command) {
	if c.HasSubCommands() && c.RunE == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usageError{fmt.Errorf("there is no command `%s %s`; `%s --help` lists what there is", c.CommandPath(), args[0], c.CommandPath())}
		}
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{fmt.Errorf("%w; use it as `%s`", err, c.UseLine())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// quietRedis drops go-redis's own log lines.
type quietRedis struct{}

func (quietRedis) Printf(context.Context, string, ...any) {}

// exitError ends the program with a code when everything was already said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// usageError is a mistake in the command line.
type usageError struct{ error }

// signalContext is done at the first SIGINT or SIGTERM; the second ends the program at once, which
// loses nothing: the journal is in the page cache.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	finished := make(chan struct{})
	go func() {
		defer signal.Stop(signals)
		select {
		case <-signals:
			cancel()
		case <-finished:
			return
		}
		select {
		case <-signals:
			fmt.Fprintln(os.Stderr, "fairlead: second signal, ending at once; the next start goes on from the journal")
			os.Exit(exitFailed)
		case <-finished:
		}
	}()
	return ctx, func() { close(finished); cancel() }
}

// global are the flags that every command knows, and those that set the configuration.
type global struct {
	file   string
	bound  []boundFlag
	faults faults
}

// faults are the hooks by which tests of the whole program break a redirector; nil in the program.
type faults struct {
	journal journal.Faults
	ship    func(point string) error
}

// boundFlag is a command's flag for a configuration key. Several commands have one for the same key.
type boundFlag struct {
	key  string
	flag *pflag.Flag
}

// bind makes a flag set the configuration key.
func (g *global) bind(flags *pflag.FlagSet, key, name, usage string) {
	flags.String(name, configs.Default(key), usage)
	g.bound = append(g.bound, boundFlag{key, flags.Lookup(name)})
}

// given reports whether somebody chose a setting, be it what it is by default, by flag or environment.
func (g *global) given(key string) bool {
	_, set := os.LookupEnv(configs.EnvName(key))
	return set || slices.ContainsFunc(g.bound, func(b boundFlag) bool { return b.key == key && b.flag.Changed })
}

// load reads the configuration as the flags say.
func (g *global) load() (configs.Config, error) {
	given := map[string]*pflag.Flag{}
	for _, b := range g.bound {
		if b.flag.Changed {
			given[b.key] = b.flag
		}
	}
	return configs.Load(g.file, given, os.Environ())
}

// open is the opener of the commands that work on a deployment.
func (g *global) open(ctx context.Context) (*deployment, error) {
	c, err := g.load()
	if err != nil {
		return nil, err
	}
	return openDeployment(ctx, c, logger(c.Log, os.Stderr))
}

func rootCommand(g *global) *cobra.Command {
	root := &cobra.Command{
		Use:           "fairlead",
		Short:         "Fairlead runs a partner program: links, clicks, and what they earned",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` lists the flags", err, c.CommandPath())}
	})
	root.PersistentFlags().StringVar(&g.file, "config", os.Getenv("FAIRLEAD_CONFIG"), "YAML file with settings")
	g.bind(root.PersistentFlags(), "dir", "dir", "the deployment's folder")
	g.bind(root.PersistentFlags(), "log.level", "log-level", "debug, info, warn or error")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Running:"},
		&cobra.Group{ID: "program", Title: "The program and who is in it:"},
		&cobra.Group{ID: "facts", Title: "Facts and what is made of them:"},
		&cobra.Group{ID: "care", Title: "Looking after it:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", upCommand(g), redirectorCommand(g), aggregatorCommand(g), dashboardCommand(g))
	add("program", partnerCommand(g.open), linkCommand(g.open), adminCommand(g.open), keyCommand(g.open), programCommand(g.open),
		ruleCommand(g.open), rewardCommand(g.open), payoutCommand(g.open), couponCommand(g.open), ratesCommand(g.open), claimCommand(g.open), webhookCommand(g.open))
	add("facts", clickCommand(g.open), traceCommand(g.open), trackCommand(g.open), importCommand(g.open), verifyCommand(g.open), rebuildCommand(g.open), analystCommand(g.open))
	add("care", jobsCommand(g.open), migrateCommand(g.open), configCommand(g), doctorCommand(g), nodeCommand(g.open))
	strict(root)
	return root
}

// logger writes to w as the configuration says.
func logger(c configs.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // Validate refuses other words
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	return slog.New(slog.NewTextHandler(w, opt))
}
