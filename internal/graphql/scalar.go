package graphql

import (
	"encoding/json"
	"errors"
	"time"
)

// dateTime is a moment in UTC.
type dateTime struct{ time.Time }

// ImplementsGraphQLType names the scalar.
func (dateTime) ImplementsGraphQLType(name string) bool { return name == "DateTime" }

// UnmarshalGraphQL reads an argument.
func (d *dateTime) UnmarshalGraphQL(v any) (err error) {
	s, ok := v.(string)
	if !ok {
		return errors.New("a DateTime is a string")
	}
	d.Time, err = time.Parse(time.RFC3339, s)
	return err
}

// MarshalJSON writes RFC 3339 with seconds.
func (d dateTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(d.UTC().Format("2006-01-02T15:04:05Z"))
}

// gitTime is a moment in the zone in which Git has it.
type gitTime struct{ time.Time }

// ImplementsGraphQLType names the scalar.
func (gitTime) ImplementsGraphQLType(name string) bool { return name == "GitTimestamp" }

// UnmarshalGraphQL reads an argument.
func (d *gitTime) UnmarshalGraphQL(v any) (err error) {
	s, ok := v.(string)
	if !ok {
		return errors.New("a GitTimestamp is a string")
	}
	d.Time, err = time.Parse(time.RFC3339, s)
	return err
}

// MarshalJSON writes RFC 3339 with seconds.
func (d gitTime) MarshalJSON() ([]byte, error) { return json.Marshal(d.Format(time.RFC3339)) }

// uri is an address.
type uri string

// ImplementsGraphQLType names the scalar.
func (uri) ImplementsGraphQLType(name string) bool { return name == "URI" }

// UnmarshalGraphQL reads an argument.
func (u *uri) UnmarshalGraphQL(v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("a URI is a string")
	}
	*u = uri(s)
	return nil
}

// oid is the id of an object of Git.
type oid string

// ImplementsGraphQLType names the scalar.
func (oid) ImplementsGraphQLType(name string) bool { return name == "GitObjectID" }

// UnmarshalGraphQL reads an argument.
func (o *oid) UnmarshalGraphQL(v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("a GitObjectID is a string")
	}
	*o = oid(s)
	return nil
}

func optional[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *dateTime {
	if t.IsZero() {
		return nil
	}
	return &dateTime{t}
}
