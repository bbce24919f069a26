package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
)

// TestMigrate_asked: of tokens that were approved before it was written down by whom,
// those that their makers let in as owners, and who are none any more, wait.
func TestMigrate_asked(t *testing.T) {
	t.Parallel()
	dbtest.EachOptions(t, func(t *testing.T, o db.Options) {
		o.Migrations = until(t, "0118")
		d := dbtest.OpenWith(t, o)
		const org, owner, was, machine = 1, 2, 3, 4
		run := func(format string, args ...any) {
			t.Helper()
			if err := d.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), fmt.Sprintf(format, args...)); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for n, kind := range map[int]string{org: "org", owner: "user", was: "user", machine: "machine"} {
			manager := map[int]int{machine: was}[n]
			run(`INSERT INTO accounts (id, kind, login, login_key, created_at, updated_at, managed_by) VALUES (%d, '%s', 'a%d', 'a%d', 1, 1, %d)`, n, kind, n, n, manager)
		}
		run(`INSERT INTO orgs (account_id, contact, base_level, create_public, create_private, changed_at) VALUES (%d, '', 0, TRUE, TRUE, 1)`, org)
		for n, role := range map[int]int{owner: 2, was: 1} {
			run(`INSERT INTO org_members (org_id, account_id, role, state, shown, invited_by, created_at) VALUES (%d, %d, %d, 1, FALSE, 0, 1)`, org, n, role)
		}
		run(`INSERT INTO policies (account_id, rules, updated_at, updated_by) VALUES (%d, '{"approve":true}', 1, 1)`, org)
		for n, of := range map[int]int{10: owner, 11: was, 12: was, 13: machine, 14: was} {
			digest := map[bool]string{true: "'%032d'", false: "decode('%064d', 'hex')"}[d.Engine() == "sqlite"]
			digest = fmt.Sprintf(digest, n)
			barred := map[int]string{14: "1"}[n]
			run(`INSERT INTO tokens (id, account_id, kind, note, scopes, last_eight, created_at, key_id, digest, lookup_id, owner_id, access, approved_at, barred)
				VALUES (%d, %d, 4, 't%d', '', '', 5, 1, %s, %s, %d, 2, 100, '%s')`, n, of, n, digest, digest, org, barred)
		}
		run(`INSERT INTO token_requests (token_id, org_id, reason, created_at, outcome, decided_at, decided_by) VALUES (12, %d, '', 1, 1, 100, %d)`, org, owner)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		o.Migrations = until(t, "0119")
		d = dbtest.OpenWith(t, o)
		for n, want := range map[int][3]int64{10: {100, owner, 0}, 11: {0, 0, 1}, 12: {100, owner, 0}, 13: {0, 0, 1}, 14: {0, 0, 0}} {
			got := [3]int64{number(t, d, fmt.Sprintf(`SELECT approved_at FROM tokens WHERE id = %d`, n)), number(t, d, fmt.Sprintf(`SELECT approved_by FROM tokens WHERE id = %d`, n)),
				number(t, d, fmt.Sprintf(`SELECT COUNT(*) FROM token_requests WHERE token_id = %d AND outcome = 0`, n))}
			if got != want {
				t.Errorf("token %d: approved at, by, and waiting: %v, want %v", n, got, want)
			}
		}
	})
}

// until are the program's migrations before a number.
func until(t *testing.T, number string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	names, err := filepath.Glob("migrations/*.sql")
	for _, name := range names {
		if base := filepath.Base(name); base < number && err == nil {
			var text []byte
			text, err = os.ReadFile(name)
			out[base] = &fstest.MapFile{Data: text}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
