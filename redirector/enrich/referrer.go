package enrich

import (
	"bytes"
	"unicode/utf8"

	"fairlead/schema"
)

// maxReferrerPath is how many bytes of a referring page's path are kept.
const maxReferrerPath = 512

// maxAuthority is more than a host of 253 bytes and a port take.
const maxAuthority = 280

// referrer splits a referrer into its host and its path. The host is folded and loses a leading
// "www.", so that one site is one row of a report; whatever is not a host by its form becomes "".
// Query and fragment are dropped: they hold other people's search terms and tokens.
func (e *Enricher) referrer(ref []byte) (host string, path []byte) {
	_, rest, ok := bytes.Cut(ref, []byte("://"))
	if !ok {
		return "", nil
	}
	authority := rest
	if i := bytes.IndexAny(rest, "/?#\\"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if i := bytes.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	authority = authority[:min(len(authority), maxAuthority)] // longer than any host: none
	host, ok = getBytes(&e.hosts, authority)
	if !ok {
		host = foldHost(authority)
		e.hosts.put(string(authority), host)
	}
	if host == "" {
		return "", nil
	}
	if i := bytes.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if len(path) == 0 {
		return host, []byte{'/'}
	}
	if len(path) > maxReferrerPath || !plain(path) {
		path = []byte(clean(path, maxReferrerPath))
	}
	return host, path
}

// plain reports whether b is valid UTF-8 without control characters.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

func foldHost(authority []byte) string {
	b := bytes.ToLower(authority)
	if i := bytes.LastIndexByte(b, ':'); i >= 0 && !bytes.HasSuffix(b, []byte{']'}) {
		b = b[:i] // the port
	}
	b = bytes.TrimSuffix(b, []byte{'.'})
	if rest, ok := bytes.CutPrefix(b, []byte("www.")); ok && bytes.IndexByte(rest, '.') >= 0 {
		b = rest
	}
	if len(b) == 0 || len(b) > 253 {
		return ""
	}
	for _, c := range b {
		if c <= ' ' || c == 0x7f || bytes.IndexByte([]byte(`"<>%{}|^`+"`"), c) >= 0 {
			return ""
		}
	}
	if !utf8.Valid(b) {
		return ""
	}
	return string(b)
}

// language returns the tag that was asked for first, as "de" or "de-CH".
func (e *Enricher) language(accept []byte) string {
	if len(accept) == 0 {
		return ""
	}
	accept = accept[:min(len(accept), schema.MaxLanguage)]
	if s, ok := getBytes(&e.languages, accept); ok {
		return s
	}
	s := firstLanguage(accept)
	e.languages.put(string(accept), s)
	return s
}

func firstLanguage(accept []byte) string {
	tag := bytes.TrimSpace(accept)
	if i := bytes.IndexAny(tag, ",;"); i >= 0 {
		tag = bytes.TrimSpace(tag[:i])
	}
	parts := bytes.Split(bytes.ReplaceAll(tag, []byte{'_'}, []byte{'-'}), []byte{'-'})
	lang := bytes.ToLower(parts[0])
	if len(lang) < 2 || len(lang) > 3 || !letters(lang) {
		return ""
	}
	for _, p := range parts[1:] {
		if len(p) == 2 && letters(p) {
			return string(lang) + "-" + string(bytes.ToUpper(p))
		}
	}
	return string(lang)
}

func letters(b []byte) bool {
	for _, c := range b {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}
