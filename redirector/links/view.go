package links

import (
	"fairlead/schema"
)

// Link is a link as the redirector needs it. Its slices belong to the directory.
type Link struct {
	ID        schema.LinkID
	Partner   schema.PartnerID
	Slug      []byte      // folded
	Spelled   []byte      // as it is written
	To        Destination // zero for a personal link, which leads to the homepage
	Expires   int64       // milliseconds since 1970; 0: never
	Disabled  bool
	Suspended bool // its partner may not earn
}

// Verdict judges a visit at a time in milliseconds since 1970.
func (l *Link) Verdict(at int64) schema.Verdict {
	switch {
	case l.Suspended:
		return schema.VerdictSuspended
	case l.Disabled:
		return schema.VerdictDisabled
	case l.Expires != 0 && at >= l.Expires:
		return schema.VerdictExpired
	}
	return schema.VerdictValid
}

// View is the directory at one moment. It does not change and may be read by anyone.
type View struct {
	Program *Program

	base *table
	// over holds what changed since base was made: replaced names every link that has a newer entry
	// there, or is gone; base's word on it does not count.
	over     *table
	replaced map[schema.LinkID]struct{}
	barred   map[schema.PartnerID]struct{} // partners who may not earn
	apiKeys  map[KeyHash]schema.APIKey
	secret   schema.Secret

	epoch    string
	revision uint64
}

// Lookup finds a link by its slug: in any case, or as it is written where the program wants that. It does
// not allocate.
func (v *View) Lookup(slug []byte) (Link, bool) {
	if len(slug) == 0 || len(slug) > schema.MaxSlug {
		return Link{}, false
	}
	var folded [schema.MaxSlug]byte
	n := len(slug)
	for i, b := range slug {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		folded[i] = b
	}
	hash := hashSlug(folded[:n])
	l, ok := v.over.find(folded[:n], hash)
	if !ok {
		if l, ok = v.base.find(folded[:n], hash); !ok {
			return Link{}, false
		}
		if len(v.replaced) > 0 {
			if _, gone := v.replaced[l.ID]; gone {
				return Link{}, false
			}
		}
	}
	if v.Program.caseCounts && string(l.Spelled) != string(slug) {
		return Link{}, false
	}
	if len(v.barred) > 0 {
		_, l.Suspended = v.barred[l.Partner]
	}
	return l, true
}

// Len returns how many links there are; while changes wait to be folded in, those that replace an
// older entry count twice.
func (v *View) Len() int { return v.base.live + v.over.live }

func (v *View) bytes() int64 { return v.base.bytes() + v.over.bytes() }
