package redirector

import (
	"bytes"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"fairlead/schema"
)

// facts are the headers that matter, as they lie in the request.
type facts struct {
	userAgent, referrer, language []byte
	dest                          []byte // Sec-Fetch-Dest
	secPurpose, purposeHeader     []byte
	xPurpose, xMoz                []byte
	forwardedFor, forwarded       [][]byte // a line each, in order
	forwardedProto                []byte
	hints                         schema.Hint
}

func (f *facts) reset() {
	forwardedFor, forwarded := f.forwardedFor, f.forwarded
	clear(forwardedFor)
	clear(forwarded)
	*f = facts{forwardedFor: forwardedFor[:0], forwarded: forwarded[:0]}
}

// read goes over the headers once: a look-up for each would go over them a dozen times.
func (f *facts) read(ctx *fasthttp.RequestCtx) {
	for name, value := range ctx.Request.Header.All() {
		switch string(name) { // as fasthttp writes them
		case "User-Agent":
			f.userAgent = value
		case "Referer":
			f.referrer = value
		case "Accept":
			f.hints |= schema.HintAccept
		case "Accept-Language":
			f.language = value
			f.hints |= schema.HintAcceptLanguage
		case "Sec-Fetch-Dest":
			f.dest = value
		case "Sec-Fetch-Mode":
			f.hints |= schema.HintSecFetch
			if string(value) == "navigate" {
				f.hints |= schema.HintNavigate
			}
		case "Sec-Fetch-Site":
			f.hints |= schema.HintSecFetch
		case "Sec-Fetch-User":
			if string(value) == "?1" {
				f.hints |= schema.HintUser
			}
		case "Sec-Gpc", "Dnt":
			if string(value) == "1" {
				f.hints |= schema.HintGPC
			}
		case "Sec-Purpose":
			f.secPurpose = value
		case "Purpose":
			f.purposeHeader = value
		case "X-Purpose":
			f.xPurpose = value
		case "X-Moz":
			f.xMoz = value
		case "X-Forwarded-For":
			f.forwardedFor = append(f.forwardedFor, value)
		case "X-Forwarded-Proto":
			f.forwardedProto = value
		case "Forwarded":
			f.forwarded = append(f.forwarded, value)
		}
	}
}

// ambiguous reports whether a request has both a length and chunks. fasthttp goes by the chunks and leaves the connection
// open, on which a proxy that went by the length may have sent what is no request (RFC 9112, section 6.1).
func ambiguous(r *fasthttp.RequestHeader) bool {
	const chunked = -1
	if r.ContentLength() != chunked {
		return false
	}
	for rest := r.RawHeaders(); len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if name, _, ok := bytes.Cut(line, []byte{':'}); ok && equalFold(name, "content-length") {
			return true
		}
	}
	return false
}

// The reasons that stand beside a verdict: a closed set.
var (
	reasonSecPurposePrefetch  = []byte("sec-purpose: prefetch")
	reasonSecPurposePrerender = []byte("sec-purpose: prerender")
	reasonPurpose             = []byte("purpose: prefetch")
	reasonPurposePreview      = []byte("purpose: preview")
	reasonXPurpose            = []byte("x-purpose: preview")
	reasonXMoz                = []byte("x-moz: prefetch")

	reasonIframe = []byte("sec-fetch-dest: iframe")
	reasonFrame  = []byte("sec-fetch-dest: frame")
	reasonImage  = []byte("sec-fetch-dest: image")
	reasonEmbed  = []byte("sec-fetch-dest: embed")
	reasonObject = []byte("sec-fetch-dest: object")
	reasonScript = []byte("sec-fetch-dest: script")
	reasonStyle  = []byte("sec-fetch-dest: style")
	reasonFetch  = []byte("sec-fetch-dest: empty")
	reasonDest   = []byte("sec-fetch-dest: other")
)

// purpose tells what the browser says it wants the answer for: a page that it may show later, a
// part of another page, or a page that somebody asked to see.
func (f *facts) purpose() (schema.Verdict, []byte) {
	switch {
	case len(f.secPurpose) > 0 && containsFold(f.secPurpose, "prerender"):
		return schema.VerdictPrefetch, reasonSecPurposePrerender
	case len(f.secPurpose) > 0 && containsFold(f.secPurpose, "prefetch"):
		return schema.VerdictPrefetch, reasonSecPurposePrefetch
	case len(f.purposeHeader) > 0 && (containsFold(f.purposeHeader, "prefetch") || containsFold(f.purposeHeader, "prerender")):
		return schema.VerdictPrefetch, reasonPurpose
	case len(f.purposeHeader) > 0 && containsFold(f.purposeHeader, "preview"):
		return schema.VerdictPrefetch, reasonPurposePreview
	case len(f.xPurpose) > 0 && (containsFold(f.xPurpose, "preview") || containsFold(f.xPurpose, "prefetch") || containsFold(f.xPurpose, "instant")):
		return schema.VerdictPrefetch, reasonXPurpose
	case len(f.xMoz) > 0 && containsFold(f.xMoz, "prefetch"):
		return schema.VerdictPrefetch, reasonXMoz
	}
	switch string(f.dest) {
	case "", "document":
		return schema.VerdictValid, nil
	case "iframe":
		return schema.VerdictEmbedded, reasonIframe
	case "frame":
		return schema.VerdictEmbedded, reasonFrame
	case "image":
		return schema.VerdictEmbedded, reasonImage
	case "embed":
		return schema.VerdictEmbedded, reasonEmbed
	case "object":
		return schema.VerdictEmbedded, reasonObject
	case "script":
		return schema.VerdictEmbedded, reasonScript
	case "style":
		return schema.VerdictEmbedded, reasonStyle
	case "empty":
		return schema.VerdictEmbedded, reasonFetch
	}
	return schema.VerdictEmbedded, reasonDest
}

// containsFold reports whether b contains word, which is in lower case, in any case.
func containsFold(b []byte, word string) bool {
	for i := 0; i+len(word) <= len(b); i++ {
		n := 0
		for n < len(word) && lower(b[i+n]) == word[n] {
			n++
		}
		if n == len(word) {
			return true
		}
	}
	return false
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}

func foldASCII(b []byte) {
	for i := range b {
		b[i] = lower(b[i])
	}
}

// split takes a request target apart: the raw path, the raw query, and whether the path has escapes in
// it. The form with scheme and host, which proxies use, is understood.
func split(target []byte) (path, query []byte, escaped bool) {
	if len(target) > 0 && target[0] != '/' {
		if i := bytes.Index(target, []byte("://")); i >= 0 {
			target = target[i+len("://"):]
			if i := bytes.IndexAny(target, "/?#"); i >= 0 {
				target = target[i:]
			} else {
				target = nil
			}
		}
	}
	for i, b := range target {
		switch b {
		case '%':
			escaped = true
		case '#':
			return target[:i], nil, escaped
		case '?':
			query = target[i+1:]
			if j := bytes.IndexByte(query, '#'); j >= 0 {
				query = query[:j]
			}
			return target[:i], query, escaped
		}
	}
	return target, nil, escaped
}

// trimSlashes takes off the slashes around a path: a link is found with one too many.
func trimSlashes(path []byte) []byte {
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	for len(path) > 0 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}

// clip cuts text at a limit in bytes, between two characters.
func clip(b []byte, limit int) []byte {
	if len(b) <= limit {
		return b
	}
	for n := limit; n > limit-utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n]) {
			return b[:n]
		}
	}
	return b[:limit]
}
