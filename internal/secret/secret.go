// Package secret holds values that cannot be printed, logged or marshalled by
// accident. It must never offer a second way to the plain text than Reveal.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Value is a secret text: a token, a password, a session's bearer value. The
// zero value is the empty secret.
type Value struct{ v string }

// New wraps a plain text.
func New(plain string) Value { return Value{v: plain} }

// String returns a placeholder.
func (Value) String() string { return redacted }

// GoString returns a placeholder.
func (Value) GoString() string { return redacted }

// Format writes a placeholder for every verb, %x and %q included.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns a placeholder.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes a placeholder; it also rules JSON and XML.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// IsZero reports whether the secret is empty.
func (s Value) IsZero() bool { return s.v == "" }

// Equal compares in time that depends only on the lengths.
func (s Value) Equal(o Value) bool {
	return subtle.ConstantTimeCompare([]byte(s.v), []byte(o.v)) == 1
}

// Reveal returns the plain text. It is the only way out, so that a search for
// the name finds every place that does it.
func (s Value) Reveal() string { return s.v }
