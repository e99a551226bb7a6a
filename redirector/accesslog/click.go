package accesslog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dchest/siphash"

	"fairlead/redirector/params"
	"fairlead/schema"
)

// Links finds a link by its folded slug.
type Links func(slug string) (Link, bool)

// Link is what a click keeps of a link.
type Link struct {
	ID          schema.LinkID
	Partner     schema.PartnerID
	Destination string
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
	slug   []byte
}

func newMaker(links Links, e env) *maker { return &maker{env: e, links: links} }

// click fills c from a line. The same file gives the same click, whenever and in whatever pieces it is imported, but for the
// link, which is the one that the slug has now.
func (m *maker) click(c *schema.Click, seq uint64, line []byte, e *Entry) {
	path, query := splitTarget(e.Target)
	m.slug = appendSlug(m.slug[:0], path)
	m.buf = append(binary.LittleEndian.AppendUint64(m.buf[:0], seq), line...)
	*c = schema.Click{
		At:          e.At.UnixMilli(),
		Nonce:       m.node | seq&(1<<24-1),
		Tag:         siphash.Hash(m.k0, m.k1, m.buf),
		Verdict:     schema.VerdictUnknownLink,
		Hints:       schema.HintImported,
		Slug:        m.slug,
		Destination: m.homepage,
		Referrer:    cutText(e.Referrer, schema.MaxReferrer),
		UserAgent:   cutText(e.UserAgent, schema.MaxUserAgent),
	}
	if l, ok := m.links(string(m.slug)); ok {
		c.Link, c.Partner, c.Verdict = l.ID, l.Partner, l.Verdict
		if c.Verdict == schema.VerdictValid && !l.Expires.IsZero() && !e.At.Before(l.Expires) {
			c.Verdict = schema.VerdictExpired
		}
		if l.Destination != "" {
			c.Destination = []byte(l.Destination)
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

// Slug returns the slug under which a request's target is looked up.
func Slug(target []byte) string {
	path, _ := splitTarget(target)
	return string(appendSlug(nil, path))
}

// appendSlug appends the path as a slug: without the slashes at its ends, percent-decoded once, folded, cut at the limit, as
// valid UTF-8. Whether a link may have it is another question.
func appendSlug(dst, path []byte) []byte {
	path = bytes.Trim(path, "/")
	from := len(dst)
	for i := 0; i < len(path); i++ {
		b := path[i]
		if b == '%' && i+2 < len(path) && nibble(path[i+1]) >= 0 && nibble(path[i+2]) >= 0 {
			b = byte(nibble(path[i+1])<<4 | nibble(path[i+2]))
			i += 2
		}
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		dst = append(dst, b)
	}
	slug := dst[from:]
	if !utf8.Valid(slug) {
		slug = []byte(strings.ToValidUTF8(string(slug), "\uFFFD"))
	}
	return append(dst[:from], cutText(slug, schema.MaxSlug)...)
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

// cutText shortens b without cutting a character in two.
func cutText(b []byte, max int) []byte {
	if len(b) <= max {
		return b
	}
	b = b[:max]
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}
