package track

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fields reads a JSON object field by field and keeps the first mistake. Fields that nobody asks for are accepted, null
// is as good as absent, and a value of another type is refused by name.
type fields struct {
	values map[string]json.RawMessage
	err    *Error
}

func readFields(body []byte) *fields {
	f := &fields{}
	if err := json.Unmarshal(body, &f.values); err != nil || f.values == nil {
		f.err = refuse(BadRequest, "", "The body is not a JSON object.")
		if err != nil && len(body) > 0 {
			f.err.Message = "The body is not a JSON object: " + err.Error() + "."
		}
	}
	return f
}

func (f *fields) refuse(name, format string, args ...any) {
	if f.err == nil {
		f.err = refuse(Unprocessable, name, format, args...)
	}
}

// value returns a field as it came; nil for none.
func (f *fields) value(name string) json.RawMessage {
	v := bytes.TrimSpace(f.values[name])
	if string(v) == "null" {
		return nil
	}
	return v
}

// text reads a text, without the space around it; empty for none.
func (f *fields) text(name string) (s string) {
	if v := f.value(name); v != nil && json.Unmarshal(v, &s) != nil {
		f.refuse(name, "is not a text")
		return ""
	}
	return strings.TrimSpace(s)
}

// none refuses fields that were given all the same.
func (f *fields) none(why string, names ...string) {
	for _, name := range names {
		if f.value(name) != nil {
			f.refuse(name, "%s", why)
		}
	}
}

// needed is text for what has to be there.
func (f *fields) needed(name string) string {
	s := f.text(name)
	if s == "" {
		f.refuse(name, "is missing")
	}
	return s
}

// oneOf reads a text that is one of a few; fallback for none.
func (f *fields) oneOf(name, fallback string, words ...string) string {
	s := f.text(name)
	if s == "" {
		return fallback
	}
	if !slices.Contains(words, s) {
		f.refuse(name, "%q is none of %s", s, strings.Join(words, ", "))
	}
	return s
}

// integer reads a whole number from low to high; given is false for none.
func (f *fields) integer(name string, low, high int64) (n int64, given bool) {
	v := f.value(name)
	if v == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		f.refuse(name, "is not a whole number")
		return 0, true
	}
	if n < low || n > high {
		f.refuse(name, "is %d, not from %d to %d", n, low, high)
	}
	return n, true
}

// object reads an object, without the space in it; nil for none.
func (f *fields) object(name string) json.RawMessage {
	v := f.value(name)
	if v == nil {
		return nil
	}
	var out bytes.Buffer
	if v[0] != '{' || json.Compact(&out, v) != nil {
		f.refuse(name, "is not an object")
		return nil
	}
	return out.Bytes()
}

// moment reads a time of RFC 3339, in milliseconds since 1970; 0 for none.
func (f *fields) moment(name string) int64 {
	s := f.text(name)
	if s == "" {
		return 0
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		f.refuse(name, "%q is not a time such as 2026-11-25T10:00:00Z", s)
		return 0
	}
	if ms := t.UnixMilli(); ms != 0 {
		return ms
	}
	return math.MinInt64 // the first moment of 1970 is out of bounds like those around it, and not absent
}
