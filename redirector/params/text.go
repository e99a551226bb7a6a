package params

import "unicode/utf8"

// decode takes one layer of escaping off; what is no escape stays as it is. Text without escapes is
// returned as it lies in the query.
func (r *Reader) decode(raw []byte, plus bool) []byte {
	plain := true
	for _, b := range raw {
		if b == '%' || b == '+' && plus {
			plain = false
			break
		}
	}
	if plain {
		return raw
	}
	start := len(r.plain)
	r.plain = AppendDecoded(r.plain, raw, plus)
	return r.plain[start:len(r.plain):len(r.plain)]
}

// record keeps a value as it is stored.
func (r *Reader) record(raw []byte, limit int) []byte {
	start := len(r.text)
	r.text = AppendText(r.text, r.decode(raw, true), limit)
	return r.text[start:len(r.text):len(r.text)]
}

// AppendDecoded appends raw with one layer of %XX, and + for a space where plus says so, taken off.
func AppendDecoded(dst, raw []byte, plus bool) []byte {
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case b == '+' && plus:
			dst = append(dst, ' ')
		case b == '%' && i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]):
			dst = append(dst, unhex(raw[i+1])<<4|unhex(raw[i+2]))
			i += 2
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// equalDecoded reports whether raw, decoded, is text.
func equalDecoded(raw, text []byte) bool {
	n := 0
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		switch {
		case b == '+':
			b = ' '
		case b == '%' && i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]):
			b = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		if n == len(text) || text[n] != b {
			return false
		}
		n++
	}
	return n == len(text)
}

const hexDigits = "0123456789ABCDEF"

// AppendText appends text in the form in which it is stored: valid UTF-8 without control characters,
// at most limit bytes. Bytes that are neither stand as %XX, so that nothing is lost and nothing that
// reads it later can be harmed; it is cut between characters.
func AppendText(dst, text []byte, limit int) []byte {
	end := len(dst) + limit
	for len(text) > 0 {
		b := text[0]
		if b >= ' ' && b < 0x7f {
			if len(dst) == end {
				return dst
			}
			dst = append(dst, b)
			text = text[1:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		if b < utf8.RuneSelf || r == utf8.RuneError && n == 1 || isControl(r) {
			for _, b := range text[:n] {
				if len(dst)+3 > end {
					return dst
				}
				dst = append(dst, '%', hexDigits[b>>4], hexDigits[b&15])
			}
		} else {
			if len(dst)+n > end {
				return dst
			}
			dst = append(dst, text[:n]...)
		}
		text = text[n:]
	}
	return dst
}

// isControl reports whether a character beyond ASCII steers how others are shown: C1 controls, line and
// paragraph separators, and those that turn the direction of writing round.
func isControl(r rune) bool {
	return r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// mayStand lists the bytes that stand in a query as they are: what RFC 3986 allows there, without the
// semicolon, which some servers take for an ampersand, and with brackets, which everybody sends.
var mayStand = func() (t [256]bool) {
	for b := range t {
		c := byte(b)
		t[b] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for _, c := range []byte("-._~!$'()*+,=:@/?&[]") {
		t[c] = true
	}
	return t
}()

// appendEscaped appends a raw parameter with everything escaped that may not stand in a query.
func appendEscaped(dst, raw []byte) []byte {
	for i, b := range raw {
		if mayStand[b] || b == '%' && i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]) {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return dst
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

func unhex(b byte) byte {
	switch {
	case b <= '9':
		return b - '0'
	case b <= 'F':
		return b - 'A' + 10
	}
	return b - 'a' + 10
}
