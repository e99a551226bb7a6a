package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Times that a child is given.
const (
	startTime = 2 * time.Minute  // from its start to its first answer: a large log of Redis takes its time
	tellEvery = 5 * time.Second  // that it is still starting
	stopTime  = 20 * time.Second // from being asked to end to SIGKILL
	askEvery  = 10 * time.Millisecond
)

// Process is a store's child process over its whole life: it can be stopped and started again. Its
// methods are safe for concurrent use.
type Process struct {
	spec    spec
	log     *slog.Logger
	turn    chan struct{} // held while starting or stopping
	mu      sync.Mutex
	run     *run          // the latest that answered
	changed chan struct{} // closed when there is another one, or what is known of it changes
}

// spec is what differs between the stores.
type spec struct {
	name    string
	logFile string                          // of what the child writes
	lock    string                          // a file that the child holds as long as it lives
	prepare func() (*exec.Cmd, error)       // before each start: files, ports, command line
	ready   func(ctx context.Context) error // nil once the store answers
	quit    func(r *run)                    // asks it to end
}

// run is one life of a child.
type run struct {
	cmd     *exec.Cmd
	input   io.Closer     // our end of its standard input; it ends with this process
	done    chan struct{} // closed once it is gone
	err     error         // why; to be read after done
	stopped bool          // it was told to; guarded by Process.mu
	took    time.Duration // from start to ready
}

// newProcess makes a process that is not started.
func newProcess(s spec, log *slog.Logger) *Process {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Process{
		spec:    s,
		log:     log.With("store", s.name),
		turn:    make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
}

// Start starts the child and returns once it answers. It does nothing if the child is running.
func (p *Process) Start(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return err
	}
	defer p.endTurn()
	return p.start(ctx)
}

// Stop asks the child to end, and ends it when it has not within 20 seconds or when ctx is done. It
// returns once the child is gone; at once if it had gone already.
func (p *Process) Stop(ctx context.Context) {
	_ = p.takeTurn(context.WithoutCancel(ctx)) // never fails without a cancellation
	defer p.endTurn()
	p.stop(ctx)
}

// Restart stops the child and starts it again. When it fails, Keep goes on trying.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return err
	}
	defer p.endTurn()
	p.stop(ctx)
	err := p.start(ctx)
	if err != nil {
		p.change(func() { p.run.stopped, p.run.err = false, err })
	}
	return err
}

// Kill ends the child by SIGKILL and waits until it is gone: for tests of accidents, as which Keep
// takes it.
func (p *Process) Kill() {
	if r := p.latest(); r != nil {
		r.kill()
	}
}

// Done is closed when the child of the latest start is gone.
func (p *Process) Done() <-chan struct{} { return p.latest().done }

// Err says why the child is gone: nil while it runs and when it was told to.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !isClosed(p.run.done) || p.run.stopped {
		return nil
	}
	return p.run.err
}

// PID is the child's process id.
func (p *Process) PID() int { return p.latest().cmd.Process.Pid }

// Took is the time from the latest start to the store's first answer.
func (p *Process) Took() time.Duration { return p.latest().took }

// start starts the child unless it runs.
func (p *Process) start(ctx context.Context) error {
	if r := p.latest(); r != nil && !isClosed(r.done) {
		return nil
	}
	began := time.Now()
	lock, err := takeLock(ctx, p.spec.lock)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.spec.name, err)
	}
	defer lock.Close() // the child has its own
	cmd, err := p.spec.prepare()
	if err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{lock}
	r, err := p.spawn(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.spec.name, err)
	}
	if err := p.awaitReady(ctx, r); err != nil {
		r.kill()
		return err
	}
	r.took = time.Since(began)
	p.change(func() { p.run = r })
	p.log.Debug("started", "pid", cmd.Process.Pid, "took", r.took)
	return nil
}

// spawn starts a child that ends when this process does. Pdeathsig follows the thread that made the
// child (https://github.com/golang/go/issues/27505), so that thread waits for the child and does
// nothing else.
func (p *Process) spawn(cmd *exec.Cmd) (*run, error) {
	output, err := openLog(p.spec.logFile)
	if err != nil {
		return nil, err
	}
	defer output.Close() // the child has its own
	cmd.Stdout, cmd.Stderr = output, output
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	tieToParent(cmd)
	r := &run{cmd: cmd, input: input, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		r.err = p.died(cmd.Wait())
		close(r.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return r, nil
}

// died is the error of a child that is gone.
func (p *Process) died(err error) error {
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended (%w)%s", p.spec.name, err, tail(p.spec.logFile))
}

// awaitReady returns once the store answers, or with the reason why it does not.
func (p *Process) awaitReady(ctx context.Context, r *run) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ask, tell := time.NewTicker(askEvery), time.NewTicker(tellEvery)
	defer ask.Stop()
	defer tell.Stop()
	var answer error
	for {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s does not answer (%w)%s", p.spec.name, answer, tail(p.spec.logFile))
			}
			return fmt.Errorf("start %s: %w", p.spec.name, ctx.Err())
		case <-tell.C:
			p.log.Info("still starting", "because", answer)
		case <-ask.C:
			if answer = p.spec.ready(ctx); answer == nil && !isClosed(r.done) {
				return nil
			}
		}
	}
}

// stop ends the child if it runs.
func (p *Process) stop(ctx context.Context) {
	r := p.latest()
	if r == nil {
		return
	}
	p.change(func() { r.stopped = true })
	if isClosed(r.done) {
		return
	}
	began := time.Now()
	p.spec.quit(r)
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		p.log.Warn("does not end, killing it", "after", time.Since(began))
		r.kill()
	}
	p.log.Debug("stopped", "took", time.Since(began))
}

// terminate asks a child to end by SIGTERM.
func (r *run) terminate() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // fails only when it is gone
}

// endInput asks a child to end that lives as long as its standard input.
func (r *run) endInput() {
	_ = r.input.Close() // fails only when it is closed
}

// kill ends the child with everything that it has started.
func (r *run) kill() {
	if !isClosed(r.done) {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // fails only when it is gone
	}
	<-r.done
}

func (p *Process) latest() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// change does what changes the state, and wakes who waits for that.
func (p *Process) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Process) takeTurn(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("start %s: %w", p.spec.name, ctx.Err())
	}
}

func (p *Process) endTurn() { <-p.turn }

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
