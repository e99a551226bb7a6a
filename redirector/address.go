package redirector

import (
	"bytes"
	"net"
	"net/netip"
	"unsafe"
)

// client tells from which address a request came, and whether over TLS: the other end of the
// connection or, if that is a trusted proxy, the hop nearest to us that is not one. It is the zero
// address when a trusted proxy says nothing that can be understood, and when it sends both
// X-Forwarded-For and Forwarded and they differ: a proxy writes one of them and may pass the other on as
// somebody made it up, and which is which cannot be told.
func (s *Server) client(h *hit) (addr netip.Addr, secure bool) {
	addr = peer(h.ctx.RemoteAddr())
	secure = h.ctx.IsTLS()
	if len(s.opt.TrustedProxies) == 0 || !s.trusted(addr) {
		return addr, secure
	}
	f := &h.facts
	if proto := f.proto(); len(proto) > 0 {
		secure = equalFold(proto, "https")
	}
	switch {
	case len(f.forwarded) == 0:
		return s.nearest(addr, f.forwardedFor, lastHop), secure
	case len(f.forwardedFor) == 0:
		return s.nearest(addr, f.forwarded, lastForwarded), secure
	}
	one, other := s.nearest(addr, f.forwardedFor, lastHop), s.nearest(addr, f.forwarded, lastForwarded)
	if one != other {
		return netip.Addr{}, secure
	}
	return one, secure
}

// nearest walks a list of hops from its end, the one that told us, and returns the first that is not trusted;
// the first of all if every one is.
func (s *Server) nearest(from netip.Addr, lines [][]byte, next func([]byte) (rest, hop []byte)) netip.Addr {
	addr := from
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; len(rest) > 0; {
			var hop []byte
			rest, hop = next(rest)
			a, ok := parseAddr(hop)
			if !ok {
				return netip.Addr{}
			}
			if addr = a; !s.trusted(a) {
				return addr
			}
		}
	}
	return addr
}

// proto is what the nearest proxy says that it was asked over: http or https; empty if it says nothing.
func (f *facts) proto() []byte {
	if _, last := lastHop(f.forwardedProto); len(last) > 0 {
		return last
	}
	if n := len(f.forwarded); n > 0 {
		_, element := lastHop(f.forwarded[n-1])
		return parameter(element, "proto")
	}
	return nil
}

func (s *Server) trusted(addr netip.Addr) bool {
	for _, p := range s.opt.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// peer returns the address of the other end; zero for one that is no Internet address.
func peer(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		addr, _ := netip.AddrFromSlice(t.IP)
		return addr.Unmap()
	}
	return netip.Addr{}
}

// lastHop takes the last element off a list.
func lastHop(line []byte) (rest, hop []byte) {
	if i := bytes.LastIndexByte(line, ','); i >= 0 {
		return line[:i], bytes.TrimSpace(line[i+1:])
	}
	return nil, bytes.TrimSpace(line)
}

// lastForwarded takes the last element off a list as of RFC 7239 and returns its "for".
func lastForwarded(line []byte) (rest, hop []byte) {
	rest, element := lastHop(line)
	return rest, parameter(element, "for")
}

// parameter returns a parameter of an element as of RFC 7239, without its quotes; the name is in lower case.
func parameter(element []byte, name string) []byte {
	for len(element) > 0 {
		var p []byte
		if i := bytes.IndexByte(element, ';'); i >= 0 {
			p, element = element[:i], element[i+1:]
		} else {
			p, element = element, nil
		}
		p = bytes.TrimSpace(p)
		if n := len(name); len(p) > n && p[n] == '=' && equalFold(p[:n], name) {
			return bytes.Trim(p[n+1:], `"`)
		}
	}
	return nil
}

// parseAddr reads an address, with a port or without.
func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) == 0 || len(b) > 64 || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false // a zone means something on the proxy only
	}
	text := unsafe.String(&b[0], len(b)) // of this call only: the errors, which hold it, are dropped
	if b[0] == '[' {
		if b[len(b)-1] == ']' {
			text = text[1 : len(text)-1]
		} else {
			ap, err := netip.ParseAddrPort(text)
			return ap.Addr().Unmap(), err == nil
		}
	} else if i := bytes.IndexByte(b, ':'); i >= 0 && i == bytes.LastIndexByte(b, ':') {
		ap, err := netip.ParseAddrPort(text)
		return ap.Addr().Unmap(), err == nil
	}
	a, err := netip.ParseAddr(text)
	return a.Unmap(), err == nil
}

// Network returns what is recorded of an address: IPv4 cut to /24, as mapped IPv6, and IPv6 cut to /48.
func Network(addr netip.Addr) [16]byte {
	addr = addr.Unmap()
	b := addr.As16()
	if addr.Is4() {
		b[15] = 0
		return b
	}
	clear(b[6:])
	return b
}
