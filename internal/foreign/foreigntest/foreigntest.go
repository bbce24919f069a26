// Package foreigntest makes databases as Gitea, Gogs and Soft Serve make them, for
// tests: with the tables that their sources publish, and with tokens that are drawn
// and kept as theirs are, by code of its own. It must never be used outside of tests.
package foreigntest

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// Made is when everything was made.
var Made = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// T is what a test or a script has to fail by.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

var _ T = testing.TB(nil)

// Host is the database of another system.
type Host struct {
	t        T
	db       *sql.DB
	postgres bool
	kind     string // gitea, gogs or soft-serve
	old      bool   // an older form of the tables
	next     int64
	orgs     map[int64]int64 // the teams of owners
}

// Gitea makes a database of Gitea 1.20 or later at where: a file, or a URL of
// PostgreSQL.
func Gitea(t T, where string) *Host { return open(t, where, "gitea", false, giteaTables) }

// Gitea119 makes one of 1.19, whose tokens have scopes of other names.
func Gitea119(t T, where string) *Host {
	return open(t, where, "gitea", true, giteaTables)
}

// Gogs makes a database of Gogs 0.13 or later.
func Gogs(t T, where string) *Host {
	return open(t, where, "gogs", false, strings.Replace(gogsTables, "sha1 VARCHAR(40) UNIQUE", "sha1 VARCHAR(40) UNIQUE, sha256 VARCHAR(64) NOT NULL UNIQUE", 1))
}

// Gogs012 makes one of Gogs 0.12, which kept tokens as they are.
func Gogs012(t T, where string) *Host { return open(t, where, "gogs", true, gogsTables) }

// SoftServe makes a database of Soft Serve.
func SoftServe(t T, where string) *Host {
	h := open(t, where, "soft-serve", false, softServeTables)
	h.Exec(`INSERT INTO settings (id, "key", value, updated_at) VALUES (1, 'allow_keyless', 'true', $1), (2, 'anon_access', 'read-only', $1)`, Made)
	return h
}

func open(t T, where, kind string, old bool, tables string) *Host {
	t.Helper()
	h := &Host{t: t, kind: kind, old: old, orgs: map[int64]int64{}, postgres: strings.Contains(where, "://")}
	driver, marks := "sqlite", strings.NewReplacer("{{id}}", "INTEGER PRIMARY KEY", "{{bool}}", "INTEGER", "{{time}}", "DATETIME", "{{big}}", "INTEGER", "{{user}}", "`user`")
	if h.postgres {
		driver, marks = "pgx", strings.NewReplacer("{{id}}", "BIGSERIAL PRIMARY KEY", "{{bool}}", "BOOL", "{{time}}", "TIMESTAMP", "{{big}}", "BIGINT", "{{user}}", `"user"`)
	}
	var err error
	if h.db, err = sql.Open(driver, where); err != nil {
		t.Fatalf("open a database: %v", err)
	}
	for one := range strings.SplitSeq(marks.Replace(tables), ";") {
		if strings.TrimSpace(one) != "" {
			h.Exec(one)
		}
	}
	return h
}

// Exec runs SQL, for what a test wants otherwise.
func (h *Host) Exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Exec(query, args...); err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
}

// Close closes the database: it must be done before it is read.
func (h *Host) Close() { _ = h.db.Close() }

func (h *Host) number() int64 {
	h.next++
	return h.next
}

// Account is how somebody is, where it is not the usual.
type Account struct {
	Email                                   string
	Admin, Prohibited, Inactive, Restricted bool
	Verified                                bool
	Visibility, Kind                        int64
}

// Person makes somebody's account.
func (h *Host) Person(login string, how ...Account) int64 {
	h.t.Helper()
	a := Account{}
	if len(how) > 0 {
		a = how[0]
	}
	n := h.number()
	switch h.kind {
	case "soft-serve":
		h.Exec(`INSERT INTO users (id, username, admin, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)`, n, login, a.Admin, Made)
	case "gogs":
		h.Exec(`INSERT INTO "user" (id, lower_name, name, full_name, email, passwd, type, is_active, is_admin, prohibit_login, created_unix, avatar, avatar_email)
			VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, $10, '', '')`, n, strings.ToLower(login), login, "", a.Email, a.Kind, !a.Inactive, a.Admin, a.Prohibited, Made.Unix())
	default:
		h.Exec(`INSERT INTO "user" (id, lower_name, name, full_name, email, passwd, type, is_active, is_admin, is_restricted, prohibit_login, visibility, created_unix, avatar, avatar_email)
			VALUES ($1, $2, $3, '', $4, '', $5, $6, $7, $8, $9, $10, $11, '', '')`, n, strings.ToLower(login), login, a.Email, a.Kind, !a.Inactive, a.Admin, a.Restricted, a.Prohibited, a.Visibility, Made.Unix())
		if a.Email != "" {
			h.Exec(`INSERT INTO email_address (id, uid, email, lower_email, is_activated, is_primary) VALUES ($1, $1, $2, $3, $4, $5)`, n, a.Email, strings.ToLower(a.Email), a.Verified, true)
		}
	}
	return n
}

// Org makes an organization with its owners.
func (h *Host) Org(login string, owners ...int64) int64 {
	h.t.Helper()
	n := h.Person(login, Account{Kind: 1})
	h.orgs[n] = h.Team(n, "Owners", 4, owners...)
	return n
}

// Team makes a team of an organization: 1 reads, 2 writes, 3 administers.
func (h *Host) Team(org int64, name string, level int64, members ...int64) int64 {
	h.t.Helper()
	n := h.number()
	h.Exec(`INSERT INTO team (id, org_id, lower_name, name, description, authorize) VALUES ($1, $2, $3, $4, '', $5)`, n, org, strings.ToLower(name), name, level)
	if h.kind == "gitea" {
		h.Exec(`INSERT INTO team_unit (id, org_id, team_id, type, access_mode) VALUES ($1, $2, $3, 1, $4)`, n, org, n, min(level, 2))
	}
	for _, who := range members {
		m := h.number()
		h.Exec(`INSERT INTO team_user (id, org_id, team_id, uid) VALUES ($1, $2, $3, $4)`, m, org, n, who)
		h.Exec(`INSERT INTO org_user (id, uid, org_id) VALUES ($1, $2, $3) ON CONFLICT (uid, org_id) DO NOTHING`, m, who, org)
	}
	return n
}

// Repo makes a repository's row; its folder is the test's to make.
func (h *Host) Repo(owner int64, name string, private bool) int64 {
	h.t.Helper()
	n := h.number()
	if h.kind == "soft-serve" {
		h.Exec(`INSERT INTO repos (id, name, project_name, description, private, mirror, hidden, user_id, created_at, updated_at) VALUES ($1, $2, '', 'What it is', $3, $4, $4, $5, $6, $6)`,
			n, name, private, false, owner, Made)
		return n
	}
	h.Exec(`INSERT INTO repository (id, owner_id, lower_name, name, description, is_private, is_mirror, is_fork, fork_id, created_unix) VALUES ($1, $2, $3, $4, 'What it is', $5, $6, $6, 0, $7)`,
		n, owner, strings.ToLower(name), name, private, false, Made.Unix())
	if h.kind == "gitea" {
		h.Exec(`INSERT INTO repo_unit (id, repo_id, type, config, created_unix) VALUES ($1, $1, 1, '{}', $2)`, n, Made.Unix())
	}
	return n
}

// Led lets an old name lead to an account, or to a repository where there is an owner.
func (h *Host) Led(owner int64, name string, to int64) {
	h.t.Helper()
	if owner == 0 {
		h.Exec(`INSERT INTO user_redirect (id, lower_name, redirect_user_id) VALUES ($1, $2, $3)`, h.number(), strings.ToLower(name), to)
		return
	}
	h.Exec(`INSERT INTO repo_redirect (id, owner_id, lower_name, redirect_repo_id) VALUES ($1, $2, $3, $4)`, h.number(), owner, strings.ToLower(name), to)
}

// Share gives somebody an access: 1 reads, 2 writes, 3 administers.
func (h *Host) Share(repo, who, level int64) {
	h.t.Helper()
	if h.kind == "soft-serve" {
		h.Exec(`INSERT INTO collabs (id, user_id, repo_id, access_level, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)`, h.number(), who, repo, level, Made)
		return
	}
	h.Exec(`INSERT INTO collaboration (id, repo_id, user_id, mode) VALUES ($1, $2, $3, $4)`, h.number(), repo, who, level)
}

// ShareTeam gives a team a repository.
func (h *Host) ShareTeam(org, team, repo int64) {
	h.t.Helper()
	h.Exec(`INSERT INTO team_repo (id, org_id, team_id, repo_id) VALUES ($1, $2, $3, $4)`, h.number(), org, team, repo)
}

// Token makes a token and returns its text. scope counts for Gitea alone; ends is
// when it ends, which Soft Serve alone has.
func (h *Host) Token(owner int64, name, scope string, ends ...time.Time) string {
	h.t.Helper()
	plain := hex.EncodeToString(random(20))
	if h.kind == "gogs" {
		sum := sha1.Sum(random(16))
		plain = hex.EncodeToString(sum[:])
	}
	if h.kind == "soft-serve" {
		plain = "ss_" + plain
	}
	h.Keep(owner, name, scope, plain, ends...)
	return plain
}

// Keep makes a token of a text.
func (h *Host) Keep(owner int64, name, scope, plain string, ends ...time.Time) {
	h.t.Helper()
	n := h.number()
	sum := sha256.Sum256([]byte(plain))
	text := hex.EncodeToString(sum[:])
	switch {
	case h.kind == "soft-serve":
		var end any
		if len(ends) > 0 {
			end = ends[0].UTC()
		}
		h.Exec(`INSERT INTO access_tokens (id, name, token, user_id, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`, n, name, text, owner, end, Made)
	case h.kind == "gogs" && h.old:
		h.Exec(`INSERT INTO access_token (id, uid, name, sha1, created_unix) VALUES ($1, $2, $3, $4, $5)`, n, owner, name, plain, Made.Unix())
	case h.kind == "gogs":
		h.Exec(`INSERT INTO access_token (id, uid, name, sha1, sha256, created_unix) VALUES ($1, $2, $3, $4, $5, $6)`, n, owner, name, text[:40], text, Made.Unix())
	default:
		salt := hex.EncodeToString(random(5))
		key, err := pbkdf2.Key(sha256.New, plain, []byte(salt), 10000, 50)
		if err != nil {
			h.t.Fatalf("derive: %v", err)
		}
		h.Exec(`INSERT INTO access_token (id, uid, name, token_hash, token_salt, token_last_eight, scope, created_unix) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			n, owner, name, hex.EncodeToString(key), salt, plain[len(plain)-8:], scope, Made.Unix())
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}
