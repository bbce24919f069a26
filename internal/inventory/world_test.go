package inventory_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	accounts "jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/keys"
	"jeton/internal/policy"
	"jeton/internal/right"
	"jeton/internal/token"
)

type account = accounts.Account

// world is a list on a real database: people, and an organisation.
type world struct {
	*inventory.Room
	d        *db.DB
	tokens   *token.Room
	audit    *audit.Log
	accounts *accounts.Room
	people   []account
	org      inventory.View
	now      time.Time
	keys     *keys.Ring
}

func newWorld(t testing.TB, d *db.DB, people int, o inventory.Options) *world {
	t.Helper()
	w := &world{d: d, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	ring, err := keys.Open(t.Context(), keys.Options{Dir: t.TempDir() + "/keys", DB: d})
	if err != nil {
		t.Fatal(err)
	}
	bus := change.New(change.Options{DB: d})
	if err := bus.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	w.audit = audit.New(audit.Options{DB: d, Now: now})
	w.accounts = accounts.New(accounts.Options{DB: d, Change: bus, Audit: w.audit, Now: now})
	for i := range people {
		w.people = append(w.people, w.account(t, fmt.Sprintf("person%d", i), accounts.KindUser))
	}
	org := w.account(t, "guild", accounts.KindOrg)
	w.org = inventory.View{Org: org.ID, Login: org.Login}
	w.exec(t, `INSERT INTO orgs (account_id, contact, base_level, create_public, create_private, changed_at) VALUES ($1, '', 1, TRUE, TRUE, 0)`, org.ID)
	w.exec(t, `INSERT INTO repositories (id, owner_id, name, name_key, description, private, archived, default_branch, object_format, size_kib, created_at, updated_at, pushed_at)
		VALUES (1, $1, 'hall', 'hall', '', TRUE, FALSE, 'main', 'sha1', 0, 0, 0, 0)`, org.ID)
	w.tokens = token.New(token.Options{DB: d, Keys: ring, Change: bus, Audit: w.audit, Policies: policy.New(policy.Options{DB: d, Change: bus, Audit: w.audit, Now: now}), Now: now})
	w.keys = ring
	w.Room = w.with(o)
	return w
}

// with is another room on the same database.
func (w *world) with(o inventory.Options) *inventory.Room {
	o.DB, o.Keys, o.Accounts, o.Tokens, o.Now = w.d, w.keys, w.accounts, w.tokens, func() time.Time { return w.now }
	return inventory.New(o)
}

func (w *world) account(t testing.TB, login, kind string) account {
	t.Helper()
	a, err := w.accounts.Create(t.Context(), right.Operator(), accounts.NewAccount{Login: login, Kind: kind, Email: map[bool]string{true: login + "@example.com"}[kind == accounts.KindUser]})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	err := w.d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) join(t testing.TB, a id.Account) {
	t.Helper()
	w.exec(t, `INSERT INTO org_members (org_id, account_id, role, state, shown, invited_by, created_at) VALUES ($1, $2, 1, 1, FALSE, 0, 0)`, w.org.Org, a)
}

func (w *world) share(t testing.TB, a id.Account) {
	t.Helper()
	w.exec(t, `INSERT INTO collaborators (repo_id, account_id, level, created_at) VALUES (1, $1, 1, 0)`, a)
}

// raw is a token as it stands in the table.
type raw struct {
	id                              id.Token
	account, owner                  id.Account
	kind                            token.Kind
	access                          token.Access
	scopes, permissions, barred     string
	limits                          string
	created, expires, revoked, used time.Time
}

var (
	someScopes      = []string{"", "repo", "public_repo", "workflow", "admin:gpg_key", "read:user,read:org", "repo,workflow,user", "admin:org"}
	somePermissions = []string{"metadata=read", "contents=read,metadata=read", "contents=write,metadata=read", "members=read"}
)

// draw makes a token up: of one of the people, of any kind and age.
func (w *world) draw(r *rand.Rand) raw {
	day := 24 * time.Hour
	span := func(days int) time.Duration { return time.Duration(r.IntN(days)+1) * day }
	k := raw{account: w.people[r.IntN(len(w.people))].ID, created: w.now.Add(-span(800))}
	k.used = k.created.Add(time.Duration(r.Int64N(int64(w.now.Sub(k.created)))))
	if r.IntN(4) == 0 {
		k.used = time.Time{}
	}
	if r.IntN(3) > 0 {
		k.expires = w.now.Add(span(400) - 100*day)
	}
	if r.IntN(10) == 0 {
		k.revoked = w.now.Add(-day)
	}
	switch k.kind = []token.Kind{token.Personal, token.Personal, token.OAuth, token.FineGrained, token.Deploy, token.Exchanged}[r.IntN(6)]; {
	case k.kind.Fine():
		k.owner, k.access, k.permissions = w.org.Org, token.Access(1+r.IntN(3)), somePermissions[r.IntN(len(somePermissions))]
		if r.IntN(2) == 0 {
			k.owner = k.account
		}
	default:
		k.scopes = someScopes[r.IntN(len(someScopes))]
		if k.kind == token.OAuth && r.IntN(3) == 0 {
			k.owner, k.access, k.permissions = w.org.Org, token.AllOf, somePermissions[r.IntN(len(somePermissions))]
		}
		if k.access == token.Anywhere && r.IntN(6) == 0 {
			k.barred = fmt.Sprint(w.org.Org)
		}
		if r.IntN(10) == 0 {
			k.limits = []string{`["repo\nguild/hall"]`, `["repo\nelse/where"]`, `["what\nx"]`, `["repo\nguild/hall\nelse/where","repo\nelse/where"]`}[r.IntN(4)]
		}
	}
	return k
}

// fill writes tokens into the table, many in one transaction.
func (w *world) fill(t testing.TB, n int, r *rand.Rand) []raw {
	t.Helper()
	var out []raw
	for len(out) < n {
		err := w.d.Write(t.Context(), func(tx *db.Tx) error {
			for end := min(n, len(out)+50_000); len(out) < end; {
				some := make([]raw, 0, 200)
				for range min(200, end-len(out)) {
					some = append(some, w.draw(r))
				}
				if err := write(t.Context(), tx, some); err != nil {
					return err
				}
				out = append(out, some...)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func write(ctx context.Context, tx *db.Tx, some []raw) error {
	const columns = 19
	var rows []string
	var args []any
	for i, k := range some {
		marks := make([]string, columns)
		for j := range marks {
			marks[j] = fmt.Sprintf("$%d", i*columns+j+1)
		}
		rows = append(rows, "("+strings.Join(marks, ",")+")")
		digest := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rand.Uint64()), rand.Uint64())
		args = append(args, k.account, fmt.Sprintf("note %x", digest), k.scopes, "abcdefgh", db.Micros(k.created), db.Micros(k.expires), db.Micros(k.revoked), 1, digest, digest,
			db.Micros(k.used), token.Day(db.Micros(k.used)), int64(k.kind), k.permissions, int64(k.access), k.owner, k.barred, k.limits, "192.0.2.1")
	}
	found, err := tx.Query(ctx, `INSERT INTO tokens (account_id, note, scopes, last_eight, created_at, expires_at, revoked_at, key_id, digest, lookup_id,
		used_at, used_day, kind, permissions, access, owner_id, barred, limits, used_address) VALUES `+strings.Join(rows, ",")+` RETURNING id`, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for i := 0; found.Next(); i++ {
		if err := found.Scan(&some[i].id); err != nil {
			return err
		}
	}
	return found.Err()
}
