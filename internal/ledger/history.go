package ledger

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Moment is one line of a token's history: a use, or a line of the security log
// about what the token did or what was done to it.
type Moment struct {
	Use            id.Use // zero: a line of the security log
	Event          id.Event
	Node           string // the narrowed token that was used; empty: the token itself
	First, Last    time.Time
	Times          int64
	Action         string
	Result         string
	Repo           string
	Refs           []string // which refs moved, from where to where
	Actor          string   // who did it, for lines of the security log
	Detail         string   // of other lines of the security log
	Address        string
	Client         string
	Received, Sent int64
}

// Place is how far a history was read: the last use and the last line of the
// security log that were seen.
type Place struct {
	Use   id.Use
	Event id.Event
}

// History returns what a token of that owner was used for, and what happened to it,
// in one order, newest first, from a place on. more reports whether there is more
// behind next.
func (r *Room) History(ctx context.Context, owner id.Account, of id.Token, from Place, limit int) (out []Moment, next Place, more bool, err error) {
	limit = min(limit, MaxLimit-1)
	uses, err := r.List(ctx, of, from.Use, limit+1)
	if err != nil {
		return nil, from, false, err
	}
	events, err := r.o.Audit.OfToken(ctx, owner, of, from.Event, limit+1)
	if err != nil {
		return nil, from, false, err
	}
	next = from
	for len(out) < limit && len(uses)+len(events) > 0 {
		if len(events) == 0 || len(uses) > 0 && !uses[0].First.Before(events[0].At) {
			out, next.Use, uses = append(out, used(&uses[0])), uses[0].ID, uses[1:]
			continue
		}
		out, next.Event, events = append(out, happened(&events[0])), events[0].ID, events[1:]
	}
	return out, next, len(uses)+len(events) > 0, nil
}

func used(e *Entry) Moment {
	return Moment{Use: e.ID, Node: e.Node, First: e.First, Last: e.Last, Times: e.Times, Action: e.Action, Result: e.Result, Repo: e.Repo,
		Address: e.Address, Client: e.Client, Received: e.Received, Sent: e.Sent}
}

func happened(l *audit.Line) Moment {
	m := Moment{Event: l.ID, First: l.At, Last: l.At, Times: 1, Action: l.Action, Result: Done, Actor: l.Actor, Address: l.Address, Client: l.Client}
	if l.Repo != 0 {
		m.Repo = l.Target
	}
	var rest []string
	for _, name := range slices.Sorted(maps.Keys(l.Detail)) {
		if n, ok := strings.CutPrefix(name, "ref"); ok && n != "" && n[0] <= '9' {
			m.Refs = append(m.Refs, l.Detail[name])
			continue
		}
		if name != "token_id" {
			rest = append(rest, name+": "+l.Detail[name])
		}
	}
	m.Detail = strings.Join(rest, "; ")
	return m
}

// Export writes a token's history, newest first, as CSV or as JSON lines. It reads
// in pages, so that a slow reader holds no transaction open.
func (r *Room) Export(ctx context.Context, w io.Writer, f audit.Format, owner id.Account, of id.Token) error {
	var write func(*Moment) error
	flush := func() error { return nil }
	switch f {
	case audit.CSV:
		out := csv.NewWriter(w)
		if err := out.Write([]string{"log", "id", "narrowed", "first", "last", "times", "action", "result", "repository", "refs", "actor", "detail", "address", "client", "received", "sent"}); err != nil {
			return fmt.Errorf("export uses of a token: %w", err)
		}
		write = func(m *Moment) error { return out.Write(cells(m)) }
		flush = func() error { out.Flush(); return out.Error() }
	case audit.JSONLines:
		out := json.NewEncoder(w)
		write = func(m *Moment) error { return out.Encode(jsonMoment(m)) }
	default:
		return problem.New(problem.Invalid, "That form of export is not known.", "Ask for CSV or JSON lines.")
	}
	for at, more := (Place{}), true; more; {
		var page []Moment
		var err error
		if page, at, more, err = r.History(ctx, owner, of, at, MaxLimit); err != nil {
			return err
		}
		for i := range page {
			if err := write(&page[i]); err != nil {
				return fmt.Errorf("export uses of a token: %w", err)
			}
		}
	}
	return flush()
}

func (m *Moment) log() (name string, n int64) {
	if m.Use == 0 {
		return "security log", int64(m.Event)
	}
	return "uses", int64(m.Use)
}

func cells(m *Moment) []string {
	log, n := m.log()
	out := []string{log, strconv.FormatInt(n, 10), m.Node, m.First.Format(time.RFC3339Nano), m.Last.Format(time.RFC3339Nano), strconv.FormatInt(m.Times, 10), m.Action, m.Result,
		m.Repo, strings.Join(m.Refs, "; "), m.Actor, m.Detail, m.Address, m.Client, strconv.FormatInt(m.Received, 10), strconv.FormatInt(m.Sent, 10)}
	for i := range out {
		out[i] = audit.Cell(out[i])
	}
	return out
}

// momentJSON is a line of an export as JSON has it.
type momentJSON struct {
	Log      string    `json:"log"`
	ID       int64     `json:"id"`
	Node     string    `json:"narrowed,omitempty"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Times    int64     `json:"times"`
	Action   string    `json:"action"`
	Result   string    `json:"result"`
	Repo     string    `json:"repository,omitempty"`
	Refs     []string  `json:"refs,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Address  string    `json:"address,omitempty"`
	Client   string    `json:"client,omitempty"`
	Received int64     `json:"received"`
	Sent     int64     `json:"sent"`
}

func jsonMoment(m *Moment) momentJSON {
	log, n := m.log()
	return momentJSON{log, n, m.Node, m.First, m.Last, m.Times, m.Action, m.Result, m.Repo, m.Refs, m.Actor, m.Detail, m.Address, m.Client, m.Received, m.Sent}
}
