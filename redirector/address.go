package redirector

import (
	"bytes"
	"net"
	"net/netip"
	"unsafe"
)

// client tells from which address a request came, and whether over TLS: the other end of the
// connection or, if that is a trusted proxy, the hop nearest to us that is not one. It is the zero
// address when a trusted proxy says nothing that can be understood. X-Forwarded-For is believed before
// Forwarded; a proxy that is trusted has to write the one or take it away.
func (s *Server) client(h *hit) (addr netip.Addr, secure bool) {
	addr = peer(h.ctx.RemoteAddr())
	secure = h.ctx.IsTLS()
	if len(s.opt.TrustedProxies) == 0 || !s.trusted(addr) {
		return addr, secure
	}
	if len(h.facts.forwardedProto) > 0 {
		secure = string(h.facts.forwardedProto) == "https"
	}
	lines, next := h.facts.forwardedFor, lastHop
	if len(lines) == 0 {
		lines, next = h.facts.forwarded, lastForwarded
	}
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; len(rest) > 0; {
			var hop []byte
			rest, hop = next(rest)
			a, ok := parseAddr(hop)
			if !ok {
				return netip.Addr{}, secure
			}
			if addr = a; !s.trusted(a) {
				return addr, secure
			}
		}
	}
	return addr, secure
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
	for len(element) > 0 {
		var p []byte
		if i := bytes.IndexByte(element, ';'); i >= 0 {
			p, element = element[:i], element[i+1:]
		} else {
			p, element = element, nil
		}
		p = bytes.TrimSpace(p)
		if len(p) > 4 && lower(p[0]) == 'f' && lower(p[1]) == 'o' && lower(p[2]) == 'r' && p[3] == '=' {
			return rest, bytes.Trim(p[4:], `"`)
		}
	}
	return rest, nil
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
