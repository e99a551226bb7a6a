package accesslog

import (
	"bytes"
	"errors"
	"time"
)

// Entry is one line of a log in the combined format. Its byte slices belong to the parser until its next
// line.
type Entry struct {
	Host      []byte // the client's address or name
	At        time.Time
	Method    []byte
	Target    []byte // path and query, or a whole address
	Referrer  []byte // empty where the log has -
	UserAgent []byte // empty where the log has -
}

// The reasons for which a line is refused: a closed set.
var (
	ErrEmpty     = errors.New("the line is empty")
	ErrTooLong   = errors.New("the line is longer than 64 KiB")
	ErrHost      = errors.New("no client at the beginning")
	ErrTime      = errors.New("no time in brackets, as [17/May/2015:10:05:03 +0000]")
	ErrTimeRange = errors.New("the time is outside 1970 to 2099")
	ErrFuture    = errors.New("the time is in the future")
	ErrRequest   = errors.New("no request in quotes")
	ErrStatus    = errors.New("no status and size after the request")
	ErrCombined  = errors.New("no referrer and User-Agent in quotes after the size, as the combined format has")
)

// parser reads lines of the combined format of Apache and nginx:
//
//	host ident user [time] "method target protocol" status size "referrer" "user agent"
//
// Whatever follows is ignored. It keeps what it allocated and is not safe for concurrent use.
type parser struct {
	request, referrer, agent []byte // unescaped, where the line has escapes
	line, stamp              []byte
	at                       time.Time
	until                    time.Time // lines dated later are of the future
}

const timeLayout = "02/Jan/2006:15:04:05 -0700"

var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (p *parser) parse(line []byte, e *Entry) error {
	line = bytes.TrimRight(line, "\r\n")
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrEmpty
	}
	host, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || len(host) == 0 {
		return ErrHost
	}
	// The user's name is as sent by the client: it may hold spaces, and brackets too.
	i := bytes.IndexByte(rest, '[')
	for ; i >= 0; i = next(rest, i, '[') {
		if end := bytes.IndexByte(rest[i:], ']'); end >= 0 && p.time(rest[i+1:i+end]) {
			rest = rest[i+end+1:]
			break
		}
	}
	if i < 0 {
		return ErrTime
	}
	if p.at.Before(earliest) || !p.at.Before(latest) {
		return ErrTimeRange
	}
	if p.at.After(p.until) {
		return ErrFuture
	}
	var request []byte
	if request, p.request, rest, ok = quoted(rest, p.request); !ok {
		return ErrRequest
	}
	status, rest, ok := word(rest)
	if !ok || !digits(status) {
		return ErrStatus
	}
	size, rest, ok := word(rest)
	if !ok || !digits(size) && string(size) != "-" {
		return ErrStatus
	}
	var referrer, agent []byte
	if referrer, p.referrer, rest, ok = quoted(rest, p.referrer); !ok {
		return ErrCombined
	}
	if agent, p.agent, _, ok = quoted(rest, p.agent); !ok {
		// A line that was cut within its last field says all that is needed.
		p.line = append(append(p.line[:0], rest...), '"')
		if agent, p.agent, _, ok = quoted(p.line, p.agent); !ok {
			return ErrCombined
		}
	}
	method, target, _ := bytes.Cut(request, []byte{' '})
	if i := bytes.LastIndexByte(target, ' '); i >= 0 && bytes.HasPrefix(target[i+1:], []byte("HTTP/")) {
		target = target[:i]
	}
	*e = Entry{Host: host, At: p.at, Method: method, Target: target, Referrer: dash(referrer), UserAgent: dash(agent)}
	return nil
}

func next(b []byte, after int, c byte) int {
	if i := bytes.IndexByte(b[after+1:], c); i >= 0 {
		return after + 1 + i
	}
	return -1
}

// time reads a stamp; neighbours often have the same.
func (p *parser) time(stamp []byte) bool {
	if len(p.stamp) > 0 && bytes.Equal(stamp, p.stamp) {
		return true
	}
	at, err := time.Parse(timeLayout, string(stamp))
	if err != nil {
		return false
	}
	p.at, p.stamp = at.UTC(), append(p.stamp[:0], stamp...)
	return true
}

// quoted takes a string in quotes off the front of b. Apache escapes quotes, backslashes and control
// characters (\" \\ \n \xhh), nginx likewise (\x22); buf is room for the result then.
func quoted(b, buf []byte) (value, newBuf, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " ")
	if len(b) == 0 || b[0] != '"' {
		return nil, buf, nil, false
	}
	b = b[1:]
	i := bytes.IndexAny(b, `"\`)
	if i < 0 {
		return nil, buf, nil, false
	}
	if b[i] == '"' {
		return b[:i], buf, b[i+1:], true
	}
	buf = buf[:0]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return buf, buf, b[i+1:], true
		case c != '\\' || i+1 == len(b):
			buf = append(buf, c)
		case b[i+1] == 'x' && i+3 < len(b) && nibble(b[i+2]) >= 0 && nibble(b[i+3]) >= 0:
			buf = append(buf, byte(nibble(b[i+2])<<4|nibble(b[i+3])))
			i += 3
		default:
			i++
			buf = append(buf, plain(b[i]))
		}
	}
	return nil, buf, nil, false
}

func plain(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'v':
		return '\v'
	}
	return c
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func word(b []byte) (w, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " ")
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		i = len(b)
	}
	return b[:i], b[i:], i > 0
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

func dash(b []byte) []byte {
	if len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}
