package audit_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/right"
)

var at = time.Date(2026, 11, 23, 9, 0, 0, 5000, time.UTC)

var actor = right.Actor{Account: 5, Login: "mona", Kind: right.ClassicToken, Token: 77, Note: "laptop"}

// clock gives each line a second more.
func newLog(d *db.DB) *audit.Log {
	now := at.Add(-time.Second)
	return audit.New(audit.Options{DB: d, Now: func() time.Time { now = now.Add(time.Second); return now }})
}

func TestLineIsKeptWhole(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(d)
		ctx := event.With(t.Context(), &event.Event{Request: "r-1", Address: netip.MustParseAddr("::ffff:192.0.2.7"), Client: "git/2.39.5"})
		err := l.RecordAlone(ctx, audit.Entry{Action: "repo.create", Actor: actor, Account: 5, Repo: 9, Target: "mona/world",
			Detail: map[string]string{"visibility": "private"}})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := l.List(t.Context(), audit.Query{Account: 5})
		if err != nil || len(lines) != 1 {
			t.Fatal(lines, err)
		}
		g := lines[0]
		if g.ID == 0 || !g.At.Equal(at) || g.Action != "repo.create" || g.Kind != "classic token" || g.ActorID != 5 || g.Actor != "mona" ||
			g.Token != 77 || g.Note != "laptop" || g.Account != 5 || g.Repo != 9 || g.Target != "mona/world" || g.Address != "192.0.2.7" ||
			g.Client != "git/2.39.5" || g.Request != "r-1" || g.Detail["visibility"] != "private" {
			t.Errorf("%+v", g)
		}
	})
}

func TestRecordStandsOrFallsWithItsTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l, boom := newLog(d), errors.New("boom")
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := l.Record(t.Context(), tx, audit.Entry{Action: "user.login", Account: 5}); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if lines, err := l.List(t.Context(), audit.Query{Whole: true}); err != nil || len(lines) != 0 {
			t.Errorf("%v, %v", lines, err)
		}
	})
}

func TestQuery(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(d)
		for i := range 12 {
			e := audit.Entry{Action: "user.login", Account: id.Account(5 + i%2), Actor: right.Actor{Login: "Mona"}, Target: fmt.Sprint(i)}
			if i >= 6 {
				e.Action, e.Actor = "oauth_access.create", actor
			}
			if i == 11 {
				e.Account = 0
			}
			ctx := event.With(t.Context(), &event.Event{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
			if err := l.RecordAlone(ctx, e); err != nil {
				t.Fatal(err)
			}
		}
		all, err := l.List(t.Context(), audit.Query{Whole: true})
		if err != nil || len(all) != 12 {
			t.Fatal(len(all), err)
		}
		for name, c := range map[string]struct {
			q    audit.Query
			want string
		}{
			"account":  {audit.Query{Account: 5}, "10 8 6 4 2 0"},
			"the site": {audit.Query{}, "11"},
			"action":   {audit.Query{Account: 5, Action: "oauth_access.create"}, "10 8 6"},
			"actor":    {audit.Query{Account: 5, Actor: "MONA", Token: 0, Until: at.Add(3 * time.Second)}, "2 0"},
			"token":    {audit.Query{Account: 6, Token: 77}, "9 7"},
			"address":  {audit.Query{Whole: true, Address: "192.0.2.3"}, "3"},
			"since":    {audit.Query{Account: 5, Since: at.Add(8 * time.Second)}, "10 8"},
			"page":     {audit.Query{Account: 5, Limit: 2}, "10 8"},
			"next":     {audit.Query{Account: 5, Limit: 2, Before: all[3].ID}, "6 4"}, // all[3] is line 8
			"nobody":   {audit.Query{Account: 99}, ""},
			"quote":    {audit.Query{Account: 5, Action: "' OR TRUE --"}, ""},
		} {
			lines, err := l.List(t.Context(), c.q)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var got []string
			for _, line := range lines {
				got = append(got, line.Target)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: got %v, want %s", name, got, c.want)
			}
		}
	})
}

func TestWhatComesFromOutsideIsEscaped(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(d)
		evil := "a\u202eb\n\x1b[2J\x00\xff" + strings.Repeat("x", 5000)
		ctx := event.With(t.Context(), &event.Event{Client: evil, Request: evil})
		err := l.RecordAlone(ctx, audit.Entry{Action: "user.login", Account: 5, Target: evil,
			Actor: right.Actor{Login: evil, Note: evil}, Detail: map[string]string{"ref": evil, evil: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		for f, export := range map[audit.Format]*bytes.Buffer{audit.CSV: {}, audit.JSONLines: {}} {
			if err := l.Export(t.Context(), export, f, audit.Query{Account: 5}); err != nil {
				t.Fatal(err)
			}
			text := export.String()
			if strings.ContainsAny(text, "\u202e\x1b\x00\ufffd") || strings.Count(text, `[2J`) < 6 || len(text) > 8000 {
				t.Errorf("%q", text)
			}
		}
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(d)
		const lines = audit.MaxLimit + 3
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			for i := range lines {
				e := audit.Entry{Action: "oauth_access.create", Account: 5, Actor: actor, Target: fmt.Sprintf("=HYPERLINK(%d)", i)}
				if err := l.Record(t.Context(), tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := l.Export(t.Context(), &out, audit.CSV, audit.Query{Account: 5}); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(records) != lines+1 {
			t.Fatalf("%d lines, %v", len(records), err)
		}
		if records[0][10] != "target" || records[1][10] != fmt.Sprintf("'=HYPERLINK(%d)", lines-1) || records[lines][10] != "'=HYPERLINK(0)" {
			t.Errorf("%q, %q", records[0][10], records[1][10])
		}
		out.Reset()
		if err := l.Export(t.Context(), &out, audit.JSONLines, audit.Query{Account: 5, Limit: 2}); err != nil {
			t.Fatal(err)
		}
		var first map[string]any
		dec := json.NewDecoder(&out)
		if err := dec.Decode(&first); err != nil || first["target"] != fmt.Sprintf("=HYPERLINK(%d)", lines-1) || first["token_id"] != 77.0 {
			t.Errorf("%v, %v", first, err)
		}
		if err := dec.Decode(&first); err != nil || dec.More() {
			t.Errorf("not two lines: %v", err)
		}
		if err := l.Export(t.Context(), &out, 0, audit.Query{}); err == nil {
			t.Error("an unknown form was written")
		}
	})
}

func TestCell(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "|x", "%x", "＝1", "＠x"} {
		if got := audit.Cell(s); got != "'"+s {
			t.Errorf("%q stays %q", s, got)
		}
	}
	for _, s := range []string{"", "mona/world", "a=1", "2026-11-23", "repo.create", "世界"} {
		if got := audit.Cell(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}
