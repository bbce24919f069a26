// Package problem is the one error type that crosses from a room to a door.
// It separates the three audiences of an error: the program reads its Kind,
// the person reads Public and Remedy, the operator's log reads Err. It must
// never carry a secret in any of the three.
package problem

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind says what a caller may do about an error. Every door maps Kind to its
// own protocol; nothing below the doors knows a status code.
type Kind uint8

// The kinds. Internal is the zero value on purpose: an error of which nothing
// is known is our fault, and its text is shown to nobody.
const (
	Internal        Kind = iota
	Invalid              // the input is wrong; Field may say which
	Unauthenticated      // no credential, or one that is not good (any more)
	Forbidden            // the identity is good, the right is missing
	NotFound             // it does not exist, or may not be told to exist
	Conflict             // it collides with what is there
	TooMany              // the caller must slow down; After says for how long
	Unavailable          // we cannot serve this now; After says when to retry
	TooLarge             // the input is past a stated limit
)

var kindNames = [...]string{"internal", "invalid", "unauthenticated", "forbidden", "not found", "conflict", "too many", "unavailable", "too large"}

// String names the kind, for logs.
func (k Kind) String() string { return kindNames[k] }

// Error carries a kind, a sentence fit for a stranger, and the cause.
type Error struct {
	Kind   Kind
	Field  string // the form field or parameter that is wrong, if one is
	Public string // what happened, shown to the person; never a secret or a path
	Remedy string // what to do now, shown after Public; may be empty
	After  int    // seconds until a retry makes sense, for TooMany and Unavailable
	Err    error  // the cause: logged, never shown
}

// Error returns the text for the operator's log and terminal: one sentence, in which
// the cause follows the public one unless that says it already.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Public
	}
	switch cause := e.Err.Error(); {
	case e.Public == "":
		return cause
	case strings.Contains(e.Public, cause):
		return e.Public
	default:
		return strings.TrimSuffix(e.Public, ".") + ": " + cause
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the given kind. Remedy may be empty.
func New(kind Kind, public, remedy string) *Error {
	return &Error{Kind: kind, Public: public, Remedy: remedy}
}

// Newf is New with a formatted public sentence and no remedy.
func Newf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Public: fmt.Sprintf(format, args...)}
}

// Field returns an Invalid error about one field of a form or a body.
func Field(field, public string) *Error {
	return &Error{Kind: Invalid, Field: field, Public: public}
}

// Wrap gives err a kind and a public sentence.
func Wrap(err error, kind Kind, public, remedy string) *Error {
	return &Error{Kind: kind, Public: public, Remedy: remedy, Err: err}
}

// Of returns the outermost *Error in err's chain. An error that carries none
// is Internal with no public text; a nil err gives nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Err: err}
}

// KindOf reports the outermost kind in err's chain, Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the given kind. A nil err is of none.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Ended is err, or, when what failed was done under a context that had been ended
// for a reason (context.CancelCauseFunc), that reason: who is shut out in the
// midst of something shall hear of that, not of what broke off with it. A context
// that merely ended, or is over its time, gives no reason.
func Ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, ctx.Err()) {
		return cause
	}
	return err
}
