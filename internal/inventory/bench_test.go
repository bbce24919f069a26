package inventory_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/right"
	"jeton/internal/token"
)

var indexes = []string{"made", "active", "end", "kind", "unused", "endless", "barred", "whose"}

// BenchmarkMillion measures the pages of the list with a million tokens, a tenth of
// them revoked, and what the indexes cost whoever makes one:
//
//	JETON_TOKENS=1000000 go test -run '^$' -bench Million -benchtime 20x ./internal/inventory
func BenchmarkMillion(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv("JETON_TOKENS"))
	if n == 0 {
		n = 20_000
	}
	for engine, o := range map[string]func(testing.TB) db.Options{"SQLite": dbtest.SQLite, "PostgreSQL": dbtest.Migrated} {
		b.Run(engine, func(b *testing.B) { million(b, dbtest.OpenWith(b, o(b)), n) })
	}
}

func million(b *testing.B, d *db.DB, n int) {
	w := newWorld(b, d, 10, inventory.Options{})
	small := w.org
	for _, a := range w.people { // ten people with ten tokens each, in an organisation of their own
		w.join(b, a.ID)
	}
	r := rand.New(rand.NewPCG(5, 6))
	w.fill(b, 100, r)
	big := w.account(b, "empire", "org")
	w.exec(b, `INSERT INTO orgs (account_id, contact, base_level, create_public, create_private, changed_at) VALUES ($1, '', 1, TRUE, TRUE, 0)`, big.ID)
	members := n / 10
	w.exec(b, fmt.Sprintf(`INSERT INTO accounts (kind, login, login_key, created_at, updated_at)
		WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < %d) SELECT 'user', 'crowd' || x, 'crowd' || x, 0, 0 FROM c`, members))
	w.exec(b, `INSERT INTO org_members (org_id, account_id, role, state, shown, invited_by, created_at) SELECT $1, id, 1, 1, FALSE, 0, 0 FROM accounts WHERE login LIKE 'crowd%'`, big.ID)
	var first int64
	if err := d.QueryRow(b.Context(), `SELECT MIN(id) FROM accounts WHERE login LIKE 'crowd%'`).Scan(&first); err != nil {
		b.Fatal(err)
	}
	w.people = make([]account, members)
	for i := range w.people {
		w.people[i].ID = id.Account(first + int64(i))
	}
	w.org = inventory.View{Org: big.ID, Login: big.Login}
	begun := time.Now()
	for _, name := range indexes { // they are made faster than they grow
		w.exec(b, `DROP INDEX tokens_`+name)
	}
	w.fill(b, n, r)
	migration, err := os.ReadFile("../db/migrations/0115_inventory.sql")
	if err != nil {
		b.Fatal(err)
	}
	for one := range strings.SplitSeq(string(migration), ";\n") {
		if _, index, is := strings.Cut(one, "CREATE INDEX"); is {
			w.exec(b, "CREATE INDEX"+index)
		}
	}
	if d.Engine() != "sqlite" {
		w.exec(b, `ANALYZE`)
	}
	b.Logf("%d tokens in %s", n, time.Since(begun).Round(time.Second))
	site, org := inventory.Site(), w.org
	type f = inventory.Filter
	for _, c := range []struct {
		name string
		v    inventory.View
		f    f
	}{{"site/all", site, f{}}, {"site/kind", site, f{Kind: "oauth"}}, {"site/unused", site, f{Unused: "90d"}}, {"site/never-used", site, f{Unused: "never"}}, {"site/used", site, f{Used: "7d"}},
		{"site/older", site, f{Older: "1y"}}, {"site/newer", site, f{Newer: "7d"}}, {"site/endless", site, f{Ends: "never"}}, {"site/ends-soon", site, f{Ends: "7d"}}, {"site/expired", site, f{Ends: "expired"}},
		{"site/reach", site, f{Reach: "selected"}}, {"site/of", site, f{Of: "empire"}}, {"site/may", site, f{May: "admin:org"}}, {"site/owner", site, f{Owner: "crowd77"}},
		{"site/unused+endless", site, f{Unused: "90d", Ends: "never"}}, {"site/older+endless", site, f{Older: "1y", Ends: "never"}}, {"site/kind+unused", site, f{Kind: "oauth", Unused: "90d"}},
		{"site/kind+older", site, f{Kind: "deploy", Older: "1y"}}, {"site/never-used+older", site, f{Unused: "never", Older: "1y"}}, {"site/nothing", site, f{Kind: "deploy", May: "repo"}},
		{"org10/all", small, f{}}, {"org10/unused", small, f{Unused: "90d"}}, {"org10/nothing", small, f{Kind: "deploy", May: "repo"}},
		{"org100000/all", org, f{}}, {"org100000/unused", org, f{Unused: "90d"}}, {"org100000/unused+endless", org, f{Unused: "90d", Ends: "never"}}, {"org100000/may", org, f{May: "admin:org"}},
		{"org100000/nothing", org, f{Kind: "deploy", May: "repo"}}, {"org100000/shut-out", org, f{Barred: "yes"}}} {
		b.Run(c.name, func(b *testing.B) {
			var p inventory.Page
			var slowest time.Duration
			for b.Loop() {
				begun := time.Now()
				var err error
				if p, err = w.List(b.Context(), c.v, c.f, "", 50); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(begun))
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/slowest")
			b.ReportMetric(float64(len(p.Lines)), "tokens")
			b.ReportMetric(float64(p.Looked), "looked-at")
		})
	}
	b.Run("site/last-page", func(b *testing.B) {
		// The place before the last tokens is that of a list which has only them.
		p, err := w.List(b.Context(), site, f{Older: "2y"}, "", 1)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := w.List(b.Context(), site, f{Older: "1y"}, p.Next, 50); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create", func(b *testing.B) { create(b, w) })
	b.Run("use", func(b *testing.B) { use(b, w, time.Second) })
	b.Run("use-new-day", func(b *testing.B) { use(b, w, 24*time.Hour) })
	for _, name := range indexes {
		w.exec(b, `DROP INDEX tokens_`+name)
	}
	b.Run("create-without", func(b *testing.B) { create(b, w) })
	b.Run("use-without", func(b *testing.B) { use(b, w, time.Second) })
}

func create(b *testing.B, w *world) {
	for i := 0; b.Loop(); i++ {
		if _, _, err := w.tokens.Create(b.Context(), right.Operator(), w.people[rand.IntN(len(w.people))].ID, token.NewToken{Note: fmt.Sprint(b.Name(), rand.Uint64(), i)}); err != nil {
			b.Fatal(err)
		}
	}
}

// use writes what flushing the uses of a thousand tokens writes, each flush so much
// later than the one before.
func use(b *testing.B, w *world, later time.Duration) {
	const tokens = 20_000
	flush := func(ids []int) {
		w.now = w.now.Add(later)
		latest := map[token.Holder]token.Use{}
		for _, one := range ids {
			latest[token.Holder{Token: id.Token(1 + one)}] = token.Use{At: w.now, Address: "192.0.2.7", Client: "git/2.51.0", Repo: "empire/hall", Action: "push"}
		}
		if err := w.d.Write(b.Context(), func(tx *db.Tx) error { return w.tokens.UsedTx(b.Context(), tx, latest) }); err != nil {
			b.Fatal(err)
		}
	}
	flush(rand.Perm(tokens)) // all were used this day, and have text of that length
	var times []time.Duration
	for b.Loop() {
		begun := time.Now()
		flush(rand.Perm(tokens)[:1000])
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
}
