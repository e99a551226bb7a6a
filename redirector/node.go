package redirector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/redirector/journal"
	"fairlead/redirector/links"
	"fairlead/schema"
)

// NodeOptions are what a Node is made of.
type NodeOptions struct {
	// JournalDir and Journal are those of clicks, ConversionsDir and Conversions those of what merchants report: a
	// journal of its own, so that the numbers of either run without a gap. Their Sinks have to name the shippers'.
	JournalDir     string
	Journal        journal.Options
	ConversionsDir string
	Conversions    journal.Options

	Snapshot string // file of the links' snapshot; empty: none
	SaltFile string // file of the visitor salt; empty: none
	Keys     schema.Keys
	// AllowLoopback admits deep links to loopback, see schema.NewDestinations.
	AllowLoopback bool

	// Leave is how long, on stop, the node goes on answering while it says that it is not ready: until load
	// balancers have noticed. Drain is how long open connections may finish then; ShipDeadline how long the journal may
	// empty into the stores after that. What is left is shipped after the next start.
	Leave, Drain, ShipDeadline time.Duration

	// Server's Links, Journal, Conversions, Node and Salt are filled in.
	Server Options
}

// Shipper sends a journal's records to a store.
type Shipper interface {
	Run(ctx context.Context) error   // ships until ctx is done
	Drain(ctx context.Context) error // ships until nothing is left, or ctx is done
}

// Node is a whole redirector: journals, directory, salt and server, opened in this order and closed in
// the reverse.
type Node struct {
	opt         NodeOptions
	log         *slog.Logger
	Journal     *journal.Log // of clicks
	Conversions *journal.Log // of what merchants report
	Links       *links.Directory
	Salt        *Salt
	Server      *Server
}

// OpenNode opens the parts. Nothing runs yet: give the shippers their journals, then call Run. A node
// that is not run has to be closed.
func OpenNode(opt NodeOptions) (_ *Node, err error) {
	n := &Node{opt: opt, log: opt.Server.Logger}
	if n.log == nil {
		n.log = slog.Default()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for _, o := range []*journal.Options{&n.opt.Journal, &n.opt.Conversions} {
		if o.Logger == nil {
			o.Logger = n.log
		}
	}
	if n.Journal, err = journal.Open(opt.JournalDir, n.opt.Journal); err != nil {
		return nil, err
	}
	if n.Conversions, err = journal.Open(opt.ConversionsDir, n.opt.Conversions); err != nil {
		return nil, fmt.Errorf("conversions: %w", err)
	}
	n.Links, err = links.Open(links.Options{
		Snapshot: opt.Snapshot, Keys: opt.Keys, AllowLoopback: opt.AllowLoopback, Logger: n.log, Now: opt.Server.Now,
	})
	if err != nil {
		return nil, err
	}
	if n.Salt, err = OpenSalt(opt.SaltFile, opt.Server.Now, n.log); err != nil {
		return nil, err
	}
	server := opt.Server
	server.Links, server.Journal, server.Conversions, server.Salt = n.Links, n.Journal, n.Conversions, n.Salt
	server.Node = string(n.Journal.Node())
	n.Server, err = New(server)
	return n, err
}

// Run serves on the listeners, follows the directory and ships, until ctx is done or a part fails. Then
// it stops in order: not ready and answering on, connections drained, journals synced, shipped until the
// deadline, all closed. It closes the node whatever happens.
func (n *Node) Run(ctx context.Context, rdb redis.UniversalClient, listeners []net.Listener, shippers ...Shipper) error {
	feeding, stopFeeding := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFeeding()
	shipping, stopShipping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopShipping()
	failed := make(chan error, len(shippers)+3)
	var feeders, carriers, serving sync.WaitGroup
	start := func(wg *sync.WaitGroup, run func() error) {
		wg.Go(func() {
			if err := run(); err != nil {
				failed <- err
			}
		})
	}
	start(&feeders, func() error { return n.Links.Run(feeding, rdb) })
	start(&feeders, func() error { return n.Salt.Run(feeding, rdb, n.keys(), n.zone) })
	start(&serving, func() error { return n.Server.Serve(listeners...) })
	for _, s := range shippers {
		start(&carriers, func() error { return ignoreDone(s.Run(shipping)) })
	}

	var errs []error
	select {
	case <-ctx.Done():
	case err := <-failed:
		n.log.Error("a part of the redirector failed: it stops in order", "err", err)
		errs = append(errs, err)
	}
	if err := n.leave(failed); err != nil {
		errs = append(errs, err)
	}
	n.log.Info("the redirector takes no more requests")
	if err := n.drain(); err != nil {
		n.log.Warn("some connections were still open", "err", err)
	}
	for _, l := range listeners {
		l.Close() // the server has done so, unless it was stopped before it began to listen
	}
	serving.Wait()
	stopFeeding()
	feeders.Wait()
	if err := n.Journal.Sync(); err != nil {
		errs = append(errs, fmt.Errorf("sync the journal: %w", err))
	}
	if err := n.Conversions.Sync(); err != nil {
		errs = append(errs, fmt.Errorf("sync the journal of conversions: %w", err))
	}
	stopShipping()
	carriers.Wait()
	n.empty(shippers)
	return errors.Join(append(errs, n.Close())...)
}

// leave says that the node is not ready and lets it answer until load balancers know. A part that fails ends
// the wait: it may be the one that answers.
func (n *Node) leave(failed <-chan error) error {
	n.Server.Leave()
	if n.opt.Leave <= 0 {
		return nil
	}
	n.log.Info("the redirector is not ready any more and answers on until load balancers know", "for", n.opt.Leave)
	wait := time.NewTimer(n.opt.Leave)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case err := <-failed:
		n.log.Error("a part of the redirector failed while it was leaving", "err", err)
		return err
	}
}

func (n *Node) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), n.opt.Drain)
	defer cancel()
	return n.Server.Shutdown(ctx)
}

// empty ships what is left, as far as the deadline allows.
func (n *Node) empty(shippers []Shipper) {
	ctx, cancel := context.WithTimeout(context.Background(), n.opt.ShipDeadline)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range shippers {
		wg.Go(func() {
			if err := s.Drain(ctx); err != nil {
				n.log.Warn("not all was shipped, or said to be: the rest follows after the next start", "err", err)
			}
		})
	}
	wg.Wait()
}

func (n *Node) keys() schema.Keys {
	if n.opt.Keys.Prefix == "" {
		return schema.DefaultKeys
	}
	return n.opt.Keys
}

// zone is the program's time zone, nil while it is not known.
func (n *Node) zone() *time.Location {
	if v := n.Links.View(); v != nil {
		return v.Program.Zone
	}
	return nil
}

// Close closes what is open. Run does it too.
func (n *Node) Close() error {
	var errs []error
	if n.Salt != nil {
		errs = append(errs, n.Salt.Close())
	}
	if n.Links != nil {
		errs = append(errs, n.Links.Close())
	}
	if n.Conversions != nil {
		errs = append(errs, n.Conversions.Close())
	}
	if n.Journal != nil {
		errs = append(errs, n.Journal.Close())
	}
	return errors.Join(errs...)
}

func ignoreDone(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
