package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/problem"
)

// Format is a form of export.
type Format uint8

// The formats.
const (
	CSV       Format = iota + 1 // for spreadsheets, with a line of headings
	JSONLines                   // one object a line, for programs
)

// Export writes every line of q, newest first; q.Limit bounds it unless it is
// zero. It reads in pages, so a slow reader holds no transaction open.
func (l *Log) Export(ctx context.Context, w io.Writer, f Format, q Query) error {
	write, flush, err := encoder(w, f)
	if err != nil {
		return err
	}
	left := q.Limit
	for {
		q.Limit = MaxLimit
		if left > 0 {
			q.Limit = min(left, MaxLimit)
		}
		page, err := l.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			if err := write(&page[i]); err != nil {
				return fmt.Errorf("export the security log: %w", err)
			}
		}
		if left > 0 {
			left -= len(page)
		}
		if len(page) < q.Limit || (left == 0 && q.Limit < MaxLimit) {
			return flush()
		}
		q.Before = page[len(page)-1].ID
	}
}

func encoder(w io.Writer, f Format) (write func(*Line) error, flush func() error, err error) {
	switch f {
	case CSV:
		out := csv.NewWriter(w)
		if err := out.Write(headings()); err != nil {
			return nil, nil, fmt.Errorf("export the security log: %w", err)
		}
		flush := func() error { out.Flush(); return out.Error() }
		return func(l *Line) error { return out.Write(cells(l)) }, flush, nil
	case JSONLines:
		out := json.NewEncoder(w)
		return func(l *Line) error { return out.Encode(jsonLine(l)) }, func() error { return nil }, nil
	}
	return nil, nil, problem.New(problem.Invalid, "That form of export is not known.", "Ask for CSV or JSON lines.")
}

func headings() []string {
	return []string{"id", "time", "action", "actor", "actor_id", "credential", "token_id", "token_note", "account_id", "repository_id",
		"target", "address", "client", "request", "detail"}
}

func cells(l *Line) []string {
	out := []string{strconv.FormatInt(int64(l.ID), 10), l.At.Format(time.RFC3339Nano), l.Action, l.Actor, number(int64(l.ActorID)), l.Kind,
		number(int64(l.Token)), l.Note, number(int64(l.Account)), number(int64(l.Repo)), l.Target, l.Address, l.Client, l.Request, l.detailRaw}
	for i := range out {
		out[i] = Cell(out[i])
	}
	return out
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Cell makes text harmless as a cell of a CSV file: a spreadsheet takes what
// begins like a formula for one, after leading blanks too, so such text gets
// an apostrophe in front.
func Cell(s string) string {
	if s == "" {
		return s
	}
	if strings.ContainsRune("\t\r\n", rune(s[0])) {
		return "'" + s
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " \u00a0\u3000"))
	if strings.ContainsRune("=+-@|%＝＋－＠", first) {
		return "'" + s
	}
	return s
}

// exported fixes the names of the JSON form apart from the type's.
type exported struct {
	ID      int64             `json:"id"`
	Time    string            `json:"time"`
	Action  string            `json:"action"`
	Actor   string            `json:"actor"`
	ActorID int64             `json:"actor_id,omitempty"`
	Kind    string            `json:"credential"`
	Token   int64             `json:"token_id,omitempty"`
	Note    string            `json:"token_note,omitempty"`
	Account int64             `json:"account_id,omitempty"`
	Repo    int64             `json:"repository_id,omitempty"`
	Target  string            `json:"target,omitempty"`
	Address string            `json:"address,omitempty"`
	Client  string            `json:"client,omitempty"`
	Request string            `json:"request,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

func jsonLine(l *Line) exported {
	return exported{ID: int64(l.ID), Time: l.At.Format(time.RFC3339Nano), Action: l.Action, Actor: l.Actor, ActorID: int64(l.ActorID),
		Kind: l.Kind, Token: int64(l.Token), Note: l.Note, Account: int64(l.Account), Repo: int64(l.Repo), Target: l.Target,
		Address: l.Address, Client: l.Client, Request: l.Request, Detail: l.Detail}
}
