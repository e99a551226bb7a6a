package redirector

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The reasons for which a connection that came could not be taken: a closed set.
const (
	acceptDescriptors = "descriptors" // this process, or the machine, may open no more files
	acceptMemory      = "memory"      // the kernel has no room for another
	acceptConnection  = "connection"  // that one was broken before it was taken
	acceptPerAddress  = "per_address" // too many are open from there
)

var acceptReasons = [...]string{acceptDescriptors, acceptMemory, acceptConnection, acceptPerAddress}

// reasonNotAccepted says why Accept failed, if the next attempt may do better; "": the listener itself is of no
// use any more.
func reasonNotAccepted(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	switch errno {
	case syscall.EMFILE, syscall.ENFILE:
		return acceptDescriptors
	case syscall.ENOBUFS, syscall.ENOMEM:
		return acceptMemory
	case syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.ENETDOWN, syscall.ENETUNREACH,
		syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENONET, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP:
		return acceptConnection // accept(2): errors of the network that are pending on the new connection
	}
	return ""
}

// notAccepted counts connections that could not be taken, and says so now and then.
type notAccepted struct {
	byReason map[string]*atomic.Uint64 // the map does not change
	log      *slog.Logger

	mu   sync.Mutex
	said time.Time
	last uint64 // times since said
}

func newNotAccepted(log *slog.Logger) *notAccepted {
	n := &notAccepted{byReason: map[string]*atomic.Uint64{}, log: log}
	for _, r := range acceptReasons {
		n.byReason[r] = new(atomic.Uint64)
	}
	return n
}

func (n *notAccepted) add(reason string, err error) {
	n.byReason[reason].Add(1)
	if reason == acceptConnection || reason == acceptPerAddress {
		return // the other end's affair
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last++; time.Since(n.said) < lossEvery {
		return
	}
	n.log.Error("connections wait to be taken: raise the limit of open files (LimitNOFILE, ulimit -n), or see what holds them open",
		"times", n.last, "reason", reason, "err", unaddressed(err))
	n.said, n.last = time.Now(), 0
}

// unaddressed is an error of the network without the addresses that it names.
func unaddressed(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// patientListener goes on where Accept fails for want of something that others will give back: fasthttp, which is
// over it, ends serving at any error. The connections meanwhile wait in the kernel.
type patientListener struct {
	net.Listener
	failed *notAccepted
	closed chan struct{}
	once   sync.Once
}

func patient(l net.Listener, failed *notAccepted) net.Listener {
	return &patientListener{Listener: l, failed: failed, closed: make(chan struct{})}
}

// The pause between two attempts doubles from the first to the last.
const (
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = 500 * time.Millisecond
)

func (l *patientListener) Accept() (net.Conn, error) {
	for pause := firstAcceptPause; ; {
		c, err := l.Listener.Accept()
		if err == nil {
			return c, nil
		}
		reason := reasonNotAccepted(err)
		if reason == "" {
			return nil, err
		}
		l.failed.add(reason, err)
		if reason == acceptConnection {
			continue
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-l.closed: // Accept says so
			wait.Stop()
		}
		pause = min(2*pause, lastAcceptPause)
	}
}

func (l *patientListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// fairListener closes at once what one address opens beyond a number. Trusted proxies open any number: theirs are
// everybody's.
type fairListener struct {
	net.Listener
	most    int
	trusted func(netip.Addr) bool
	failed  *notAccepted

	mu   sync.Mutex
	open map[netip.Prefix]int // guarded by mu
}

func fair(l net.Listener, most int, trusted func(netip.Addr) bool, failed *notAccepted) net.Listener {
	return &fairListener{Listener: l, most: most, trusted: trusted, failed: failed, open: map[netip.Prefix]int{}}
}

func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := peer(c.RemoteAddr())
		if !from.IsValid() || l.trusted(from) {
			return c, nil
		}
		home := household(from)
		if l.take(home) {
			return &fairConn{Conn: c, gone: sync.OnceFunc(func() { l.give(home) })}, nil
		}
		l.failed.add(acceptPerAddress, nil)
		c.Close() // there is nothing to be done about an error
	}
}

func (l *fairListener) take(home netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[home] >= l.most {
		return false
	}
	l.open[home]++
	return true
}

func (l *fairListener) give(home netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[home]--; l.open[home] == 0 {
		delete(l.open, home)
	}
}

// household is whose connections are counted together: an IPv4 address, or the /64 that an IPv6 connection has to itself.
func household(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a.WithZone(""), bits).Masked()
}

// fairConn is counted until it is closed.
type fairConn struct {
	net.Conn
	gone func()
}

func (c *fairConn) Close() error {
	c.gone()
	return c.Conn.Close()
}

// spareDescriptors are those that clients' connections leave to the rest of the process: segments of the journals,
// connections to the stores, snapshots, the operator.
const spareDescriptors = 256

// connectionsFor is how many connections may be open under a limit of open files.
func connectionsFor(files uint64) int {
	return int(min(max(files/2, files-min(files, spareDescriptors)), 1<<30))
}

// fitConnections lowers the bound on connections to what the limit of open files allows, so that a flood of them is
// refused rather than taking the descriptor that the journal's next segment needs.
func (l *Limits) fitConnections(log *slog.Logger) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		log.Warn("the limit of open files cannot be read", "err", err)
		return
	}
	if room := connectionsFor(files.Cur); room < l.Connections {
		log.Info("the limit of open files (LimitNOFILE, ulimit -n) bounds the connections", "connections", room, "files", files.Cur)
		l.Connections = room
	}
}
