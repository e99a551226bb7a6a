package track

import (
	"errors"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

// Code is the class of an Error, in Dub's words (https://dub.co/docs/api-reference/errors).
type Code string

// The codes.
const (
	BadRequest    Code = "bad_request"           // not to be read
	Unauthorized  Code = "unauthorized"          // no key, or none that works
	Forbidden     Code = "forbidden"             // the key may not do this, or the page is of another domain
	NotFound      Code = "not_found"             // a click id that was not given out here; an address that nothing is at
	Conflict      Code = "conflict"              // reported before, with other content
	Unprocessable Code = "unprocessable_entity"  // a field is missing or cannot be
	RateLimited   Code = "rate_limit_exceeded"   // too many at once
	Internal      Code = "internal_server_error" // not the caller's fault; worth trying again
)

// Codes lists the codes.
func Codes() []Code {
	return []Code{BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Unprocessable, RateLimited, Internal}
}

// Status is the HTTP status that goes with a code.
func (c Code) Status() int {
	switch c {
	case BadRequest:
		return fasthttp.StatusBadRequest
	case Unauthorized:
		return fasthttp.StatusUnauthorized
	case Forbidden:
		return fasthttp.StatusForbidden
	case NotFound:
		return fasthttp.StatusNotFound
	case Conflict:
		return fasthttp.StatusConflict
	case Unprocessable:
		return fasthttp.StatusUnprocessableEntity
	case RateLimited:
		return fasthttp.StatusTooManyRequests
	}
	return fasthttp.StatusInternalServerError
}

// Error is a report that was not taken, through a fault of the caller's.
type Error struct {
	Code Code
	// Field is what is wrong, in the words of schema.Conversion's JSON until the part that knows the caller's words
	// has put those in; empty: the whole.
	Field   string
	Message string // a sentence for people
}

func (e *Error) Error() string {
	if e.Field == "" || strings.HasPrefix(e.Message, e.Field) {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// CodeOf returns the code of an Error that err wraps; Internal for everything else.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// ErrUnavailable is wrapped by errors that are not the caller's: nothing is promised, and the same report may be sent
// again.
var ErrUnavailable = errors.New("the report was not recorded; send it again")

func refuse(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}
