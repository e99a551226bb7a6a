// Package params reads the query of a request to a partner link: what of it is recorded with the click,
// and what is passed on to the destination.
//
// The destination's own query, its order, its encoding and its fragment survive byte for byte. Incoming
// parameters follow the destination's own, in their order, with what no query should carry escaped. An
// incoming parameter is left out when the destination has one of that name, when a reader at the
// destination could take it for the click id, and when it is "url", which asks for a deep link. The
// click id comes last.
//
// Nothing here allocates once a Reader has grown to the size of the requests.
package params

import (
	"bytes"
	"slices"

	"fairlead/redirector/links"
	"fairlead/schema"
)

// MaxPairs is how many parameters of one request are looked at; more are neither recorded nor passed
// on. It bounds the work that one request can ask for.
const MaxPairs = 128

// Reader reads one query at a time. It is not safe for concurrent use. What it hands out is valid until
// the next Read.
type Reader struct {
	pairs []pair
	plain []byte // decoded names and values
	text  []byte // recorded values
	deep  []byte
}

// pair is one parameter: raw as it came, name decoded.
type pair struct {
	raw, name []byte
	ours      bool // not passed on
}

// Read reads a raw query and records its sub ids and utm values in c, each cut at its limit. The names
// that carry the click id are given so that nothing incoming can pretend to be one.
func (r *Reader) Read(query []byte, c *schema.Click, param, alsoParam []byte) {
	r.pairs, r.plain, r.text, r.deep = r.pairs[:0], r.plain[:0], r.text[:0], nil
	if len(query) == 0 {
		return
	}
	r.plain = slices.Grow(r.plain, len(query)) // decoding never lengthens: slices of it stay where they are
	r.text = slices.Grow(r.text, maxText)
	var named [fields]bool // filled under its own name, which wins over another name for it
	for rest := query; len(rest) > 0 && len(r.pairs) < MaxPairs; {
		var p pair
		p.raw, rest = cut(rest, '&')
		if len(p.raw) == 0 {
			continue
		}
		name, value := cut(p.raw, '=')
		p.name = r.decode(name, true)
		field, own := fieldOf(p.name)
		switch {
		case field == fieldURL:
			p.ours = true
			if len(r.deep) == 0 {
				r.deep = r.decode(value, false)
			}
		case field != fieldNone:
			if v := slot(c, field); len(value) > 0 && (len(*v) == 0 || own && !named[field]) {
				*v = r.record(value, limit(field))
				named[field] = own
			}
		}
		p.ours = p.ours || pretends(p.name, param) || pretends(p.name, alsoParam)
		r.pairs = append(r.pairs, p)
	}
}

// DeepLink returns the address that the request asks for, decoded; empty if it does not. A plus stays
// one there: addresses have no spaces, and people paste them as they are.
func (r *Reader) DeepLink() []byte { return r.deep }

// AppendLocation appends the destination with the parameters of the last Read merged in and, unless id
// is nil, the click id under param and, if that is not empty, alsoParam.
func (r *Reader) AppendLocation(dst []byte, to links.Destination, id *schema.ClickID, param, alsoParam []byte) []byte {
	dst = append(dst, to.Path()...)
	bare := len(dst)
	own := to.Query()
	if len(own) > 0 {
		dst = append(dst, '?')
		dst = append(dst, own...)
	}
	for i := range r.pairs {
		p := &r.pairs[i]
		if p.ours || hasName(own, p.name) {
			continue
		}
		dst = appendEscaped(appendJoint(dst, bare), p.raw)
	}
	if id != nil {
		if len(alsoParam) > 0 {
			dst = appendClickID(appendJoint(dst, bare), alsoParam, id)
		}
		dst = appendClickID(appendJoint(dst, bare), param, id)
	}
	return append(dst, to.Fragment()...)
}

func appendClickID(dst, param []byte, id *schema.ClickID) []byte {
	dst = append(dst, param...)
	dst = append(dst, '=')
	return id.AppendText(dst)
}

// appendJoint appends what has to stand before the next parameter; bare is where the query begins.
func appendJoint(dst []byte, bare int) []byte {
	switch {
	case len(dst) == bare:
		return append(dst, '?')
	case dst[len(dst)-1] == '&' || len(dst) == bare+1:
		return dst
	}
	return append(dst, '&')
}

// hasName reports whether a raw query has a parameter of a decoded name.
func hasName(query, name []byte) bool {
	for len(query) > 0 {
		var p []byte
		p, query = cut(query, '&')
		if raw, _ := cut(p, '='); len(p) > 0 && equalDecoded(raw, name) {
			return true
		}
	}
	return false
}

// pretends reports whether a reader at the destination could take the name for ours: many read
// names without regard to case, PHP turns dots and spaces into underscores, and it and others read
// "name[]" as name.
func pretends(name, ours []byte) bool {
	if len(ours) == 0 {
		return false
	}
	name = bytes.TrimLeft(name, " ")
	if len(name) < len(ours) || len(name) > len(ours) && name[len(ours)] != '[' && name[len(ours)] != 0 {
		return false
	}
	for i, b := range ours {
		if mangled(name[i]) != mangled(b) {
			return false
		}
	}
	return true
}

func mangled(b byte) byte {
	switch {
	case b >= 'A' && b <= 'Z':
		return b | 0x20
	case b == '.' || b == ' ' || b == '[':
		return '_'
	}
	return b
}

// cut splits b at the first sep, which belongs to neither part.
func cut(b []byte, sep byte) (before, after []byte) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}
