package directory

import (
	"errors"
	"fmt"
)

// Code classes an Error for whoever has to answer it.
type Code string

// The codes.
const (
	NotFound    Code = "not_found"
	Conflict    Code = "conflict"    // with what others wrote: a slug or an e-mail address is taken
	Invalid     Code = "invalid"     // what was asked for cannot be
	Unavailable Code = "unavailable" // a store is away, or another writer is at work; worth trying again
)

// Error is a refusal that can be shown to people.
type Error struct {
	Code    Code
	Field   string // of what was asked for: "slug", "email", a setting's key; empty: the whole
	Message string // a sentence for people, without the cause
	Err     error  // the cause, for operators; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + " (" + e.Err.Error() + ")"
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of an Error that err wraps, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func invalid(field, format string, args ...any) error {
	return &Error{Code: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Code: NotFound, Message: fmt.Sprintf(format, args...)}
}

func conflict(field, format string, args ...any) error {
	return &Error{Code: Conflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

func unavailable(err error, format string, args ...any) error {
	return &Error{Code: Unavailable, Message: fmt.Sprintf(format, args...), Err: err}
}

// redisAway and clickHouseAway say which store a change failed on.
func redisAway(err error) error {
	return unavailable(err, "Redis does not answer, so nothing was changed; links go on redirecting. Try again when it is back.")
}

func clickHouseAway(err error) error {
	return unavailable(err, "ClickHouse does not answer, so nothing was changed; links go on redirecting. Try again when it is back.")
}

func lockLost(err error) error {
	return unavailable(err, "The change took longer than it may, so nothing was changed. Try again.")
}

func storesAway(err error) error {
	return unavailable(err, "Neither Redis nor ClickHouse can tell. Try again when they are back.")
}

// clickHouseSilent is for reads that only ClickHouse can answer.
func clickHouseSilent(err error) error {
	return unavailable(err, "ClickHouse does not answer. Try again when it is back.")
}
