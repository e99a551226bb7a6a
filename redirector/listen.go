package redirector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen takes a TCP address n times, so that the kernel spreads new connections over n accept loops
// (SO_REUSEPORT). One is enough until tens of thousands of connections a second are opened.
func Listen(addr string, n int) ([]net.Listener, error) {
	if n <= 1 {
		l, err := net.Listen("tcp", addr)
		return []net.Listener{l}, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, failed)
	}}
	var out []net.Listener
	for range n {
		l, err := config.Listen(context.Background(), "tcp", addr)
		if err != nil {
			for _, l := range out {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("listen %d times: %w", n, err)
		}
		addr = l.Addr().String() // the port that 0 became
		out = append(out, l)
	}
	return out, nil
}
