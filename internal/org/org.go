// Package org is the room of organisations: who belongs to them and as what,
// their teams, which repositories a team may use, and what every member may do.
// It writes the tables orgs, org_members, teams, team_members and team_repos,
// and it alone; the account itself is the room account's, and what somebody may
// do on a repository by way of an organisation is read by the room repo, in one
// read with everything else. It must never decide whether somebody may ask (the
// gate does), and never leave an organisation without an owner.
package org

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// maxOwned is how many organisations one person may own, so that nobody takes
// names away from everybody.
const maxOwned = 50

const maxContact = 255

// Org is one organisation as it is stored.
type Org struct {
	account.Account
	Contact       string      // the address that its page shows; nobody signs in with it
	Base          right.Level // what every member may do on each of its repositories
	CreatePublic  bool        // members may create public repositories
	CreatePrivate bool        // and private ones
	ChangedAt     time.Time   // when its settings or members last changed
}

// Role is what somebody is in an organisation.
type Role uint8

// The roles.
const (
	NoRole Role = iota
	Member
	Owner
)

var roleNames = [...]string{"none", "member", "admin"}

// String is GitHub's word in its API, which calls owners admin.
func (r Role) String() string { return roleNames[r] }

// ParseRole reads GitHub's words.
func ParseRole(s string) (Role, bool) {
	switch s {
	case "member", "direct_member":
		return Member, true
	case "admin", "owner":
		return Owner, true
	}
	return NoRole, false
}

// Found is an organisation together with what the account that asked is in it.
type Found struct {
	Org
	Role    Role
	Pending bool // invited, and nothing yet
	Shown   bool // the membership is shown to everybody
}

// Level is the account's place as the gate counts it: None for whom it only
// invited, Read for a member, Admin for an owner.
func (f *Found) Level() right.Level {
	switch {
	case f.Pending:
		return right.None
	case f.Role == Owner:
		return right.Admin
	case f.Role == Member:
		return right.Read
	}
	return right.None
}

// MayCreate reports whether the account may create repositories here.
func (f *Found) MayCreate(private bool) bool {
	switch f.Level() {
	case right.Admin:
		return true
	case right.Read:
		return private && f.CreatePrivate || !private && f.CreatePublic
	}
	return false
}

// Options are the parts that a Room works with. All but Hooks and Now are required.
type Options struct {
	DB      *db.DB
	Account *account.Room
	Change  *change.Bus
	Audit   *audit.Log
	Hooks   *hook.Room       // is told what happens in organisations; nil: nobody is
	Now     func() time.Time // nil is time.Now
}

// Room holds the rules and queries. It keeps nothing in memory and may be used
// from several goroutines.
type Room struct {
	o    Options
	lost []func(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account) error
}

// New returns a Room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Account == nil || o.Change == nil || o.Audit == nil {
		panic("org: DB, Account, Change and Audit are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o}
}

const columns = `a.id, a.kind, a.login, a.name, a.bio, a.location, a.website, a.created_at, a.updated_at,
	o.contact, o.base_level, o.create_public, o.create_private, o.changed_at, COALESCE(m.role, 0), COALESCE(m.state, 0), COALESCE(m.shown, FALSE)`

type scanner interface{ Scan(...any) error }

func scan(row scanner, rest ...any) (Found, error) {
	var f Found
	var created, updated, changed int64
	var base, role, state uint8
	dest := []any{&f.ID, &f.Kind, &f.Login, &f.Name, &f.Bio, &f.Location, &f.Website, &created, &updated,
		&f.Contact, &base, &f.CreatePublic, &f.CreatePrivate, &changed, &role, &state, &f.Shown}
	if err := row.Scan(append(dest, rest...)...); err != nil {
		return Found{}, err
	}
	f.Account.CreatedAt, f.Account.UpdatedAt, f.ChangedAt = db.Time(created), db.Time(updated), db.Time(changed)
	// Numbers that this program does not know must not count as more.
	if l := right.Level(base); l <= right.Admin {
		f.Base = l
	}
	if r := Role(role); r <= Owner {
		f.Role = r
	}
	f.Pending = f.Role != NoRole && state != active
	return f, nil
}

const active = 1

func notFound() error {
	return problem.New(problem.NotFound, "There is no such organization.", "")
}

// Find returns the organisation that has login now, in any case, and what viewer
// is in it; viewer is zero for nobody. It fails with problem.NotFound.
func (m *Room) Find(ctx context.Context, r db.Reader, login string, viewer id.Account) (Found, error) {
	a, err := m.o.Account.ByLogin(ctx, r, login)
	if problem.Is(err, problem.NotFound) || err == nil && !a.IsOrg() {
		return Found{}, notFound()
	}
	if err != nil {
		return Found{}, err
	}
	return m.ByID(ctx, r, a.ID, viewer)
}

// ByID is Find by number.
func (m *Room) ByID(ctx context.Context, r db.Reader, org, viewer id.Account) (Found, error) {
	f, err := scan(r.QueryRow(ctx, `
		SELECT `+columns+`
		FROM accounts a JOIN orgs o ON o.account_id = a.id
		LEFT JOIN org_members m ON m.org_id = a.id AND m.account_id = $2
		WHERE a.id = $1`, org, viewer))
	if errors.Is(err, sql.ErrNoRows) {
		return Found{}, notFound()
	}
	if err != nil {
		return Found{}, fmt.Errorf("read organization: %w", err)
	}
	return f, nil
}

// Create makes an organisation with its first owner. It fails with
// problem.Invalid for the field login.
func (m *Room) Create(ctx context.Context, actor right.Actor, login, name string, owner id.Account) (Found, error) {
	var out Found
	err := m.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		out, err = m.CreateTx(ctx, tx, actor, login, name, owner)
		return err
	})
	return out, err
}

// CreateTx is Create in the caller's transaction.
func (m *Room) CreateTx(ctx context.Context, tx *db.Tx, actor right.Actor, login, name string, owner id.Account) (Found, error) {
	first, err := m.o.Account.ByID(ctx, tx, owner)
	if err != nil {
		return Found{}, err
	}
	if first.IsOrg() {
		return Found{}, problem.Field("owner", "An organization can't own an organization.")
	}
	if first.IsMachine() {
		return Found{}, problem.Field("owner", "A service account can't own an organization.")
	}
	if err := m.mayOwnMore(ctx, tx, actor, owner); err != nil {
		return Found{}, err
	}
	a, err := m.o.Account.CreateTx(ctx, tx, actor, account.NewAccount{Login: login, Name: name, Kind: account.KindOrg})
	if err != nil {
		return Found{}, err
	}
	now := db.Micros(m.o.Now())
	_, err = tx.Exec(ctx, `
		INSERT INTO orgs (account_id, contact, base_level, create_public, create_private, changed_at) VALUES ($1, '', $2, TRUE, TRUE, $3)`,
		a.ID, int64(right.Read), now)
	if err == nil {
		_, err = tx.Exec(ctx, `
			INSERT INTO org_members (org_id, account_id, role, state, shown, invited_by, created_at) VALUES ($1, $2, $3, $4, FALSE, 0, $5)`,
			a.ID, owner, int64(Owner), int64(active), now)
	}
	if err != nil {
		return Found{}, fmt.Errorf("insert organization: %w", err)
	}
	if err := m.record(ctx, tx, actor, "org.add_member", a.ID, first.Login, map[string]string{"permission": Owner.String()}); err != nil {
		return Found{}, err
	}
	return m.ByID(ctx, tx, a.ID, owner)
}

func (m *Room) mayOwnMore(ctx context.Context, tx *db.Tx, actor right.Actor, owner id.Account) error {
	if actor.Kind == right.OperatorCommand {
		return nil
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM org_members WHERE account_id = $1 AND role = $2`, owner, int64(Owner)).Scan(&n)
	if err != nil {
		return fmt.Errorf("count organizations: %w", err)
	}
	if n >= maxOwned {
		return problem.New(problem.Conflict, fmt.Sprintf("You own %d organizations already.", n), "Leave or delete one first, or ask the site's administrator.")
	}
	return nil
}

// Patch says what shall change of an organisation's settings; what is nil stays.
// Its profile is changed as any account's.
type Patch struct {
	Contact                     *string
	Base                        *right.Level
	CreatePublic, CreatePrivate *bool
}

// Update changes the settings.
func (m *Room) Update(ctx context.Context, actor right.Actor, org id.Account, p Patch) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error { return m.UpdateTx(ctx, tx, actor, org, p) })
}

// UpdateTx is Update in the caller's transaction.
func (m *Room) UpdateTx(ctx context.Context, tx *db.Tx, actor right.Actor, org id.Account, p Patch) error {
	was, err := m.ByID(ctx, tx, org, 0)
	if err != nil {
		return err
	}
	now := was.Org
	if p.Contact != nil {
		if now.Contact = *p.Contact; now.Contact != "" {
			if err := account.CheckEmail(now.Contact); err != nil || len(now.Contact) > maxContact {
				return problem.Field("email", "This is no e-mail address.")
			}
		}
	}
	set(&now.Base, p.Base)
	set(&now.CreatePublic, p.CreatePublic)
	set(&now.CreatePrivate, p.CreatePrivate)
	if now.Base > right.Admin {
		return problem.Field("default_repository_permission", "default_repository_permission must be none, read, write or admin")
	}
	if now == was.Org {
		return nil
	}
	if err := m.touch(ctx, tx, org); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE orgs SET contact = $2, base_level = $3, create_public = $4, create_private = $5 WHERE account_id = $1`,
		org, now.Contact, int64(now.Base), now.CreatePublic, now.CreatePrivate)
	if err != nil {
		return fmt.Errorf("update organization: %w", err)
	}
	if now.Base != was.Base {
		err := m.record(ctx, tx, actor, "org.update_default_repository_permission", org, was.Login,
			map[string]string{"permission": now.Base.String(), "old_permission": was.Base.String()})
		if err != nil {
			return err
		}
	}
	if now.CreatePublic != was.CreatePublic || now.CreatePrivate != was.CreatePrivate {
		err := m.record(ctx, tx, actor, "org.update_member_repository_creation_permission", org, was.Login,
			map[string]string{"public": fmt.Sprint(now.CreatePublic), "private": fmt.Sprint(now.CreatePrivate)})
		if err != nil {
			return err
		}
	}
	return m.changed(ctx, tx, org)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// DeleteTx removes what makes the account an organisation. Only lifecycle calls
// it, which sees to the account and to what it owns.
func (m *Room) DeleteTx(ctx context.Context, tx *db.Tx, org id.Account) error {
	for _, q := range []string{
		`DELETE FROM team_repos WHERE team_id IN (SELECT id FROM teams WHERE org_id = $1)`,
		`DELETE FROM team_members WHERE team_id IN (SELECT id FROM teams WHERE org_id = $1)`,
		`DELETE FROM teams WHERE org_id = $1`,
		`DELETE FROM org_members WHERE org_id = $1`,
		`DELETE FROM orgs WHERE account_id = $1`,
	} {
		if _, err := tx.Exec(ctx, q, org); err != nil {
			return fmt.Errorf("delete organization: %w", err)
		}
	}
	return m.changed(ctx, tx, org)
}

// touch marks the organisation as changed, and lets transactions that change it
// follow each other.
func (m *Room) touch(ctx context.Context, tx *db.Tx, org id.Account) error {
	res, err := tx.Exec(ctx, `UPDATE orgs SET changed_at = $2 WHERE account_id = $1`, org, db.Micros(m.o.Now()))
	if err != nil {
		return fmt.Errorf("mark organization: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return notFound()
	}
	return nil
}

// changed tells every process that what it knows of rights here is old.
func (m *Room) changed(ctx context.Context, tx *db.Tx, org id.Account) error {
	return m.o.Change.Record(ctx, tx, change.Change{Kind: change.OrgChanged, Subject: int64(org)})
}

// record writes a line into the organisation's log.
func (m *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, org id.Account, target string, detail map[string]string) error {
	return m.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: org, Target: target, Detail: detail})
}
