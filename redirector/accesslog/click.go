package accesslog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/dchest/siphash"

	"fairlead/redirector/params"
	"fairlead/schema"
)

// Links finds a link by its folded slug, and by the slug as it was asked for, if the case of letters matters. It is asked
// by several goroutines at once.
type Links func(folded, asked []byte) (Link, bool)

// Link is what a click keeps of a link.
type Link struct {
	ID          schema.LinkID
	Spelled     string // its slug
	Partner     schema.PartnerID
	Destination []byte         // empty: the homepage
	Verdict     schema.Verdict // VerdictValid, or why clicks on it do not count
	Expires     time.Time      // zero: never
}

// Options say how clicks are made of lines.
type Options struct {
	Links    Links
	Homepage string         // destination of what leads nowhere
	Zone     *time.Location // in which days are cut
}

// env is what all readers of a file share.
type env struct {
	homepage []byte
	zone     *time.Location
	key      [sha256.Size]byte
	k0, k1   uint64
	node     uint64
}

func newEnv(key [sha256.Size]byte, o Options) env {
	e := env{homepage: []byte(o.Homepage), zone: o.Zone, key: key, k0: binary.LittleEndian.Uint64(key[0:]), k1: binary.LittleEndian.Uint64(key[8:])}
	e.node = binary.LittleEndian.Uint64(key[16:]) & (1<<24 - 1) << 24
	return e
}

// maker makes clicks, one at a time.
type maker struct {
	env
	links  Links
	query  params.Reader
	day    schema.Day
	s0, s1 uint64 // the day's salt
	buf    []byte
	path   []byte // as it was asked for
	folded []byte
	slug   []byte
}

func newMaker(links Links, e env) *maker { return &maker{env: e, links: links} }

// click fills c from a line. The same file gives the same click, whenever and in whatever pieces it is imported, but for the
// link, which is the one that the slug has now.
func (m *maker) click(c *schema.Click, seq uint64, line []byte, e *Entry) {
	path, query := splitTarget(e.Target)
	m.path = appendPath(m.path[:0], path)
	m.folded = foldASCII(append(m.folded[:0], m.path...))
	m.slug = foldASCII(params.AppendText(m.slug[:0], m.path, schema.MaxSlug))
	m.buf = append(binary.LittleEndian.AppendUint64(m.buf[:0], seq), line...)
	*c = schema.Click{
		At:          e.At.UnixMilli(),
		Nonce:       m.node | seq&(1<<24-1),
		Tag:         siphash.Hash(m.k0, m.k1, m.buf),
		Verdict:     schema.VerdictUnknownLink,
		Hints:       schema.HintImported,
		Slug:        m.slug,
		Destination: m.homepage,
		Referrer:    e.Referrer[:min(len(e.Referrer), schema.MaxReferrer)],
		UserAgent:   e.UserAgent[:min(len(e.UserAgent), schema.MaxUserAgent)],
	}
	if l, ok := m.links(m.folded, m.path); ok {
		c.Link, c.Partner, c.Verdict = l.ID, l.Partner, l.Verdict
		if c.Verdict == schema.VerdictValid && !l.Expires.IsZero() && !e.At.Before(l.Expires) {
			c.Verdict = schema.VerdictExpired
		}
		if len(l.Destination) > 0 {
			c.Destination = l.Destination
		}
	}
	c.Network = network(e.Host)
	c.Visitor = m.visitor(e)
	m.query.Read(query, c, nil, nil)
}

// visitor is the hash of address and User-Agent under a salt of the day and the file. It is the same for every
// import of the file, and cannot be compared with another file's, or with a live click's.
func (m *maker) visitor(e *Entry) uint64 {
	if d := schema.DayOf(e.At, m.zone); d != m.day {
		salt := sha256.Sum256(binary.LittleEndian.AppendUint32(append([]byte("visitor"), m.key[:]...), uint32(d)))
		m.day, m.s0, m.s1 = d, binary.LittleEndian.Uint64(salt[0:]), binary.LittleEndian.Uint64(salt[8:])
	}
	m.buf = append(m.buf[:0], e.Host...)
	m.buf = append(append(m.buf, 0), e.UserAgent...)
	return max(1, siphash.Hash(m.s0, m.s1, m.buf)) // 0 means that there is none
}

// splitTarget parts a request's target, which may be a whole address, into path and query.
func splitTarget(target []byte) (path, query []byte) {
	if !bytes.HasPrefix(target, []byte{'/'}) {
		if _, rest, ok := bytes.Cut(target, []byte("://")); ok {
			i := bytes.IndexAny(rest, "/?#")
			if i < 0 {
				return nil, nil
			}
			target = rest[i:]
		}
	}
	target, _, _ = bytes.Cut(target, []byte{'#'})
	path, query, _ = bytes.Cut(target, []byte{'?'})
	return path, query
}

// Slug returns the slug that a request's target asks for: its path without the slashes at its ends, percent-decoded
// once. Whether a link may have it is another question.
func Slug(target []byte) string {
	path, _ := splitTarget(target)
	return string(appendPath(nil, path))
}

func appendPath(dst, path []byte) []byte {
	return params.AppendDecoded(dst, bytes.Trim(path, "/"), false)
}

func foldASCII(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return b
}

// network returns the truncated address, /24 or /48; zero where the log has a name instead.
func network(host []byte) (n [16]byte) {
	a, err := netip.ParseAddr(string(host))
	if err != nil {
		return n
	}
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return n
	}
	return p.Addr().As16()
}
