package inventory_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/problem"
	"jeton/internal/token"
)

const day = 24 * time.Hour

// plain is the rule once more, over all tokens, in words of its own.
func (w *world) plain(k *raw, v inventory.View, f inventory.Filter, inside map[id.Account]bool) bool {
	if !k.revoked.IsZero() {
		return false
	}
	before := func(text string) time.Time {
		return w.now.Add(-map[string]time.Duration{"7d": 7, "90d": 90, "1y": 365, "30d": 30}[text] * day)
	}
	beforeDay := func(text string) time.Time {
		if v.Org != 0 { // an organization's owners know days
			return before(text).Truncate(day)
		}
		return before(text)
	}
	last := k.created
	if !k.used.IsZero() {
		last = k.used
	}
	over := !k.expires.IsZero() && !k.expires.After(w.now)
	checks := []bool{
		f.Owner == "" || slices.ContainsFunc(w.people, func(a account) bool { return a.ID == k.account && a.Login == f.Owner }),
		f.Kind == "" || k.kind.String() == f.Kind,
		f.Unused == "" || f.Unused == "never" && k.used.IsZero() || f.Unused != "never" && last.Before(beforeDay(f.Unused)),
		f.Used == "" || !k.used.IsZero() && !k.used.Before(beforeDay(f.Used)),
		f.Older == "" || k.created.Before(before(f.Older)),
		f.Newer == "" || !k.created.Before(before(f.Newer)),
		f.Ends == "" || f.Ends == "never" && k.expires.IsZero() || f.Ends == "expired" && over || f.Ends == "current" && !over ||
			f.Ends == "30d" && !k.expires.IsZero() && !over && !k.expires.After(w.now.Add(30*day)),
		f.Reach == "" || f.Reach == "anywhere" && k.access == token.Anywhere || f.Reach == "public" && k.access == token.PublicOnly ||
			f.Reach == "all" && k.access == token.AllOf || f.Reach == "selected" && k.access == token.Selected,
		f.Of == "" || v.Org != 0 || k.owner == w.org.Org,
		f.May == "" || w.may(k, f.May),
	}
	if slices.Contains(checks, false) {
		return false
	}
	if v.Org == 0 {
		return true
	}
	switch {
	case !inside[k.account], (k.barred != "") != (f.Barred == "yes"):
		return false
	case k.access != token.Anywhere:
		return k.owner == w.org.Org
	case strings.Contains(k.limits, "what"), strings.Contains(k.limits, "else/where"):
		return false
	}
	return strings.Contains(k.scopes, "repo") || strings.Contains(k.scopes, "org")
}

func (w *world) may(k *raw, text string) bool {
	switch text {
	case "public_repo":
		return !k.kind.Fine() && strings.Contains(k.scopes, "repo")
	case "contents=write":
		return k.access != token.Anywhere && strings.Contains(k.permissions, "contents=write")
	}
	return k.access != token.Anywhere && strings.Contains(k.permissions, text)
}

// TestList_likeAFilterOverAll: what the list finds along its indexes is what a look at
// every token finds, each once, in every view, however it is cut into pages.
func TestList_likeAFilterOverAll(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, 12, inventory.Options{})
		inside := map[id.Account]bool{}
		for i, a := range w.people[:6] {
			if i%2 == 0 {
				w.join(t, a.ID)
			}
			if i%3 == 0 || i == 1 || i == 5 {
				w.share(t, a.ID)
			}
			inside[a.ID] = true
		}
		r := rand.New(rand.NewPCG(1, 2))
		all := w.fill(t, 1500, r)
		// With hardly any patience each part looks at a few tokens alone.
		hasty := w.with(inventory.Options{Look: 40, Few: -1})
		check := func(tb rapid.TB, room *inventory.Room, v inventory.View, f inventory.Filter, limit int) int {
			tb.Helper()
			var want []id.Token
			for i := range all {
				if w.plain(&all[i], v, f, inside) {
					want = append(want, all[i].id)
				}
			}
			if len(want) > 60*limit {
				limit = 50
			}
			var lines []inventory.Line
			order := ""
			for after := ""; ; {
				p, err := room.List(t.Context(), v, f, after, limit)
				if err != nil {
					tb.Fatal(err)
				}
				lines, order = append(lines, p.Lines...), p.Order
				if after = p.Next; after == "" {
					break
				}
			}
			if !sorted(lines, order) {
				tb.Fatalf("%+v for %+v: not sorted: %s", f, v, order)
			}
			got := make([]id.Token, len(lines))
			for i := range lines {
				got[i] = lines[i].ID
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				tb.Fatalf("%+v for %+v: %d tokens, want %d", f, v, len(got), len(want))
			}
			return len(got)
		}
		words := map[string][]string{"owner": {"person0", "person7", "nobody"}, "kind": inventory.Kinds(), "unused": {"never", "90d", "1y"}, "used": {"30d", "1y"}, "older": {"90d", "1y"},
			"newer": {"90d", "1y"}, "ends": {"never", "expired", "current", "30d"}, "reach": {"anywhere", "public", "all", "selected"}, "of": {"guild"},
			"may": {"public_repo", "contents=write", "metadata"}, "barred": {"yes"}}
		views := []inventory.View{inventory.Site(), w.org}
		// Each word alone leaves some tokens, and not all: drawn ones may leave none.
		for _, v := range views {
			every := check(t, w.Room, v, inventory.Filter{}, 50)
			for name, some := range words {
				for _, word := range some {
					f := inventory.ReadFilter(url.Values{name: {word}})
					n := check(t, w.Room, v, f, 50)
					nothing := word == "nobody" || word == "person7" && v.Org != 0
					if all := name == "barred" || name == "of"; (n == 0) != nothing || n >= every && !all { // these are not for both views
						t.Errorf("%+v for %+v: %d tokens of %d", f, v, n, every)
					}
				}
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			in := url.Values{}
			for _, name := range slices.Sorted(maps.Keys(words)) {
				some := words[name]
				in.Set(name, rapid.SampledFrom(append(slices.Clone(some), make([]string, 2*len(some))...)).Draw(rt, name))
			}
			room := rapid.SampledFrom([]*inventory.Room{w.Room, hasty}).Draw(rt, "room")
			v := rapid.SampledFrom(views).Draw(rt, "view")
			f := inventory.ReadFilter(in)
			if v.Org == 0 {
				f.Barred = ""
			}
			check(rt, room, v, f, rapid.SampledFrom([]int{1, 7, 50}).Draw(rt, "limit"))
		})
	})
}

// sorted reports whether tokens stand as the words say, those of one day by their number.
func sorted(lines []inventory.Line, order string) bool {
	var key func(*inventory.Line) int64
	ends := func(l *inventory.Line) int64 { return db.Micros(l.ExpiresAt) }
	day := func(l *inventory.Line) int64 {
		last := l.CreatedAt
		if !l.UsedAt.IsZero() {
			last = l.UsedAt
		}
		return last.Unix() / 86400
	}
	up := 1
	switch order {
	case "by the day, the longest unused first":
		key = day
	case "by the day, the last used first":
		key, up = day, -1
	case "what ends first, first":
		key = ends
	case "what ended last, first":
		key, up = ends, -1
	default: // by when they were made, or by number
		return true
	}
	return slices.IsSortedFunc(lines, func(a, b inventory.Line) int {
		return up * cmp.Or(cmp.Compare(key(&a), key(&b)), cmp.Compare(a.ID, b.ID))
	})
}

// TestMigration_days: the tokens that are there get the day of their last use.
func TestMigration_days(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		const folder = "../db/migrations"
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		before := fstest.MapFS{}
		for _, f := range files {
			if f.Name() < "0115" {
				text, err := os.ReadFile(folder + "/" + f.Name())
				if err != nil {
					t.Fatal(err)
				}
				before[f.Name()] = &fstest.MapFile{Data: text}
			}
		}
		o.Migrations = before
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		midnight := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		today := midnight.Unix() / 86400
		for i, at := range []time.Time{{}, midnight.Add(-time.Microsecond), midnight, midnight.Add(day - time.Microsecond), midnight.Add(day)} {
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				if i == 0 {
					if _, err := tx.Exec(t.Context(), `INSERT INTO accounts (id, kind, login, login_key, created_at, updated_at) VALUES (1, 'user', 'ada', 'ada', 0, 0)`); err != nil {
						return err
					}
				}
				_, err := tx.Exec(t.Context(), `INSERT INTO tokens (id, account_id, note, scopes, last_eight, created_at, key_id, digest, lookup_id, used_at) VALUES ($1, 1, $2, '', '', 1, 1, $3, $3, $4)`,
					i+1, strconv.Itoa(i), []byte{byte(i)}, db.Micros(at))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		o.Migrations = nil
		d = dbtest.OpenWith(t, o)
		for i, want := range []int64{0, today - 1, today, today, today + 1} {
			var got int64
			if err := d.QueryRow(t.Context(), `SELECT used_day FROM tokens WHERE id = $1`, i+1).Scan(&got); err != nil || got != want {
				t.Errorf("token %d: day %d, want %d, %v", i+1, got, want, err)
			}
		}
	})
}

// TestFilter_hostile: what means nothing is refused, with the field that is wrong.
func TestFilter_hostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.Open(t), 2, inventory.Options{})
	w.fill(t, 20, rand.New(rand.NewPCG(3, 4)))
	for _, f := range []inventory.Filter{{Kind: "' OR 1=1 --"}, {Unused: "-5d"}, {Unused: "90"}, {Unused: "99999d"}, {Used: "never"}, {Older: "1e9y"}, {Ends: "0x1d"}, {Reach: "anywhere,all"},
		{May: "repo'"}, {May: "contents=admin2"}, {Newer: "１d"}, {Kind: "application secret"}, {Kind: "refresh"}} {
		if _, err := w.List(t.Context(), inventory.Site(), f, "", 10); !problem.Is(err, problem.Invalid) || problem.Of(err).Field == "" {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if _, err := w.List(t.Context(), w.org, inventory.Filter{Barred: "no"}, "", 10); !problem.Is(err, problem.Invalid) {
		t.Error(err)
	}
	for _, f := range []inventory.Filter{{Owner: "' OR 1=1 --"}, {Owner: "%"}, {Of: "person%"}, {Owner: "\x00"}} {
		if p, err := w.List(t.Context(), inventory.Site(), f, "", 10); err != nil || len(p.Lines) > 0 {
			t.Errorf("%+v: %d tokens, %v", f, len(p.Lines), err)
		}
	}
	for _, after := range []string{"x", "1.2", strings.Repeat("A", 5000), "AAAA", "../.."} {
		if _, err := w.List(t.Context(), inventory.Site(), inventory.Filter{}, after, 10); !problem.Is(err, problem.Invalid) {
			t.Errorf("%.20q: %v", after, err)
		}
	}
}

// TestFilter_day: of a token that is not for the organization alone its owners learn
// the day of the last use, and no filter and no order tells them the hour.
func TestFilter_day(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.Open(t), 2, inventory.Options{})
	hasty := w.with(inventory.Options{Few: -1})
	for _, a := range w.people {
		w.join(t, a.ID)
	}
	w.now = time.Date(2026, 11, 20, 0, 1, 0, 0, time.UTC)
	used := func(hour int) raw {
		return raw{account: w.people[hour%2].ID, kind: token.Personal, scopes: "repo", created: w.now.Add(-100 * day), used: time.Date(2026, 11, 10, hour, 0, 0, 0, time.UTC)}
	}
	tokens := []raw{used(9), used(20), used(3)}
	err := w.d.Write(t.Context(), func(tx *db.Tx) error { return write(t.Context(), tx, tokens) })
	if err != nil {
		t.Fatal(err)
	}
	list := func(room *inventory.Room, f inventory.Filter) (out []id.Token) {
		for after := ""; ; {
			p, err := room.List(t.Context(), w.org, f, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range p.Lines {
				out = append(out, l.ID)
			}
			if after = p.Next; after == "" {
				return out
			}
		}
	}
	for _, room := range []*inventory.Room{w.Room, hasty} {
		seen := map[int]bool{}
		for hour := range 24 {
			w.now = time.Date(2026, 11, 20, hour, 1, 0, 0, time.UTC)
			for _, f := range []inventory.Filter{{Used: "10d"}, {Unused: "10d"}} {
				found := list(room, f)
				seen[len(found)] = true
				if !slices.IsSorted(found) {
					if slices.Reverse(found); !slices.IsSorted(found) {
						t.Errorf("the order tells what was used first: %v", found)
					}
				}
			}
		}
		if len(seen) != 2 || !seen[0] || !seen[3] {
			t.Errorf("within the day there were %v", seen)
		}
	}
}
