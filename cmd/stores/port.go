package stores

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// address of a port on loopback.
func address(port int) string { return net.JoinHostPort(Loopback, strconv.Itoa(port)) }

// portTime is how long a port may still be held by a process that has given back its folder.
const portTime = 300 * time.Millisecond

// checkPort makes sure that nobody listens on a port. It waits a moment: a dying process gives back
// the folder's lock a little before its ports. flag is the setting that names another one.
func checkPort(port int, flag, store string) error {
	var err error
	for until := time.Now().Add(portTime); ; time.Sleep(pollPause) {
		var l net.Listener
		if l, err = net.Listen("tcp", address(port)); err == nil {
			return l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(until) {
			break
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d for %s is in use by another program: end that one, or choose another port with %s", port, store, flag)
	}
	return fmt.Errorf("port %d for %s: %w; choose another one with %s", port, store, err, flag)
}
