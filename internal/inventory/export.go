package inventory

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/problem"
)

// Export writes all that matches, in the order of the list.
func (r *Room) Export(ctx context.Context, w io.Writer, v View, format audit.Format, f Filter) error {
	var write func(*Line) error
	flush := func() error { return nil }
	switch format {
	case audit.CSV:
		out := csv.NewWriter(w)
		if err := out.Write([]string{"id", "login", "kind", "name", "application", "scopes", "permissions", "access", "reaches", "repositories", "last_eight",
			"created_at", "expires_at", "last_used_at", "address", "client", "expired", "frozen", "shut_out"}); err != nil {
			return fmt.Errorf("export tokens: %w", err)
		}
		write = func(l *Line) error { return out.Write(cells(l)) }
		flush = func() error { out.Flush(); return out.Error() }
	case audit.JSONLines:
		out := json.NewEncoder(w)
		write = func(l *Line) error { return out.Encode(JSON(l)) }
	default:
		return problem.New(problem.Invalid, "That form of export is not known.", "Ask for CSV or JSON lines.")
	}
	err := r.Each(ctx, v, f, func(some []Line) error {
		for i := range some {
			if err := write(&some[i]); err != nil {
				return fmt.Errorf("export tokens: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// Exported is a line as JSON has it.
type Exported struct {
	ID          int64      `json:"id"`
	Login       string     `json:"login"`
	Kind        string     `json:"kind"`
	Name        string     `json:"note"`
	App         string     `json:"application"`  // a client id
	Carried     string     `json:"carried_from"` // the other system that made its secret; empty: this one
	Scopes      []string   `json:"scopes"`
	Permissions string     `json:"permissions,omitempty"`
	Access      string     `json:"access"`
	Reaches     string     `json:"reaches,omitempty"` // a login
	Repos       int        `json:"repositories,omitempty"`
	LastEight   string     `json:"token_last_eight"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"` // null: never
	Expired     bool       `json:"expired"`
	Frozen      bool       `json:"frozen"`
	LastUsedAt  *time.Time `json:"last_used_at"` // null: never
	Address     string     `json:"address,omitempty"`
	Client      string     `json:"client,omitempty"`
	Barred      bool       `json:"shut_out,omitempty"`
}

// JSON is l for an encoder.
func JSON(l *Line) Exported {
	return Exported{ID: int64(l.ID), Login: l.Login, Kind: l.Kind.String(), Name: l.Name, App: l.App, Carried: l.Carried, Scopes: l.Scopes.Names(), Permissions: l.Permissions.String(),
		Access: l.Access.String(), Reaches: l.Reaches, Repos: l.Repos, LastEight: l.LastEight, CreatedAt: l.CreatedAt, ExpiresAt: orNull(l.ExpiresAt), Expired: l.Expired,
		Frozen: l.Frozen, LastUsedAt: orNull(l.UsedAt), Address: l.Address, Client: l.Client, Barred: l.Barred}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func cells(l *Line) []string {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format(time.RFC3339)
	}
	out := []string{strconv.FormatInt(int64(l.ID), 10), l.Login, l.Kind.String(), l.Name, l.App, strings.Join(l.Scopes.Names(), ","), l.Permissions.String(), l.Access.String(), l.Reaches,
		strconv.Itoa(l.Repos), l.LastEight, stamp(l.CreatedAt), stamp(l.ExpiresAt), stamp(l.UsedAt), l.Address, l.Client,
		strconv.FormatBool(l.Expired), strconv.FormatBool(l.Frozen), strconv.FormatBool(l.Barred)}
	for i := range out {
		out[i] = audit.Cell(out[i])
	}
	return out
}
