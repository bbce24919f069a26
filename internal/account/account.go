// Package account is the room of users and organisations: logins,
// profiles, e-mail addresses, who administers the site and who is suspended.
// It writes the tables accounts, account_names, account_emails and account_confirm_mails, and nothing
// else does. It never decides who may call it: the gate did; and it holds no
// password, session or token.
package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// HoldLogin is how long a login that was given up leads to the account that had
// it, or to nothing, before somebody else may take it.
const HoldLogin = 90 * 24 * time.Hour

// The kinds of account. Nobody signs in as an organisation; the room org says
// who acts for it. Nobody signs in as a machine either: it acts by tokens that its
// manager makes.
const (
	KindUser    = "user"
	KindOrg     = "organization"
	KindMachine = "machine"
)

// Account is one account as it is stored.
type Account struct {
	ID        id.Account
	Kind      string
	Login     string
	Name      string
	Bio       string
	Location  string
	Website   string
	Email     string // the primary address; empty when there is none
	Verified  bool   // an administrator or a mail confirmed Email
	SiteAdmin bool
	Suspended bool
	CreatedAt time.Time
	UpdatedAt time.Time

	Manager id.Account // who answers for a machine; zero for all others
	Place   id.Repo    // of a hidden machine: the repository that it belongs to
}

// NewAccount is what an account is made of. Email and Name may be empty.
type NewAccount struct {
	Login         string
	Email         string
	Name          string
	SiteAdmin     bool
	EmailVerified bool
	Kind          string // KindUser when empty
}

// IsOrg reports whether the account is an organisation.
func (a *Account) IsOrg() bool { return a.Kind == KindOrg }

// VerifiedEmail is the primary address if it is verified, else empty. It is what
// programs are told where nothing beside it says whether it is: they know people by it.
func (a *Account) VerifiedEmail() string {
	if !a.Verified {
		return ""
	}
	return a.Email
}

// IsMachine reports whether no person is behind the account.
func (a *Account) IsMachine() bool { return a.Kind == KindMachine }

// SignsIn reports whether a person signs in as the account: on pages, by a
// password or a link.
func (a *Account) SignsIn() bool { return a.Kind == KindUser }

// Author is who the account is in the commits that are made for it here.
func (a *Account) Author() (name, email string) {
	name, email = a.Name, a.Email
	if name == "" {
		name = a.Login
	}
	if email == "" {
		email = fmt.Sprintf("%d+%s@users.noreply.invalid", int64(a.ID), a.Login)
	}
	return name, email
}

// Options is what the room needs. DB, Change and Audit are required.
type Options struct {
	DB     *db.DB
	Change *change.Bus
	Audit  *audit.Log
	Now    func() time.Time // nil: time.Now
}

// Room answers questions about accounts and changes them. It may be used from
// many goroutines.
type Room struct {
	o      Options
	known  knownCache
	ending []func(ctx context.Context, tx *db.Tx, a id.Account, e Ending) error
}

// New makes the room and lets it hear changes.
func New(o Options) *Room {
	if o.DB == nil || o.Change == nil || o.Audit == nil {
		panic("account: New needs DB, Change and Audit")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Room{o: o}
	r.known.entries = map[id.Account]Account{}
	o.Change.Subscribe(r.known.hear)
	return r
}

// Ending says which end of an account's access it is.
type Ending uint8

// The ends. What Suspended leaves, because the account may come back, LetIn
// ends, so that nothing from before the suspension comes back with it.
const (
	Suspended Ending = iota
	LetIn
	Deleted
)

// WhenEnding registers f to run inside the transaction that suspends an
// account, lets it in again or deletes it, so that its sessions end with it.
// Call it before the room is used; it is for rooms that know this one.
func (r *Room) WhenEnding(f func(ctx context.Context, tx *db.Tx, a id.Account, e Ending) error) {
	r.ending = append(r.ending, f)
}

func (r *Room) end(ctx context.Context, tx *db.Tx, a id.Account, e Ending) error {
	for _, f := range r.ending {
		if err := f(ctx, tx, a, e); err != nil {
			return err
		}
	}
	return nil
}

const columns = `
	a.id, a.kind, a.login, a.name, a.bio, a.location, a.website,
	a.site_admin, a.suspended_at, a.created_at, a.updated_at, ` + managerColumn + `, a.managed_repo,
	COALESCE(e.email, ''), COALESCE(e.verified, FALSE)
	FROM accounts a LEFT JOIN account_emails e ON e.account_id = a.id AND e.is_primary`

type scanner interface{ Scan(dest ...any) error }

func scan(row scanner) (Account, error) {
	var a Account
	var suspended, created, updated int64
	err := row.Scan(&a.ID, &a.Kind, &a.Login, &a.Name, &a.Bio, &a.Location, &a.Website,
		&a.SiteAdmin, &suspended, &created, &updated, &a.Manager, &a.Place, &a.Email, &a.Verified)
	if err != nil {
		return Account{}, err
	}
	a.Suspended = suspended != 0
	a.CreatedAt, a.UpdatedAt = db.Time(created), db.Time(updated)
	return a, nil
}

func one(row scanner) (Account, error) {
	a, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, problem.New(problem.NotFound, "There is no such user.", "")
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}

// ByID returns the account a, or problem.NotFound.
func (r *Room) ByID(ctx context.Context, read db.Reader, a id.Account) (Account, error) {
	return one(read.QueryRow(ctx, `SELECT`+columns+` WHERE a.id = $1`, a))
}

// ByLogin returns the account that has login now, in any case, or
// problem.NotFound.
func (r *Room) ByLogin(ctx context.Context, read db.Reader, login string) (Account, error) {
	if len(login) > MaxLogin || !wellFormed(login) {
		return Account{}, problem.New(problem.NotFound, "There is no such user.", "")
	}
	return one(read.QueryRow(ctx, `SELECT`+columns+` WHERE a.login_key = $1`, key(login)))
}

// ByEmail returns the account that has the address, primary or not, verified
// or not, or problem.NotFound.
func (r *Room) ByEmail(ctx context.Context, read db.Reader, email string) (Account, error) {
	if len(email) > MaxEmail {
		return Account{}, problem.New(problem.NotFound, "There is no such user.", "")
	}
	return one(read.QueryRow(ctx, `SELECT`+columns+` WHERE a.id = (
		SELECT account_id FROM account_emails WHERE email_key = $1)`, key(email)))
}

// Resolve is ByLogin that also follows a login which its account gave up less
// than HoldLogin ago; renamed is then true, and a redirect to the account's
// present login is right once the gate allows it.
func (r *Room) Resolve(ctx context.Context, read db.Reader, login string) (a Account, renamed bool, err error) {
	a, err = r.ByLogin(ctx, read, login)
	if !problem.Is(err, problem.NotFound) {
		return a, false, err
	}
	a, err = one(read.QueryRow(ctx, `SELECT`+columns+` WHERE a.id = (
		SELECT account_id FROM account_names WHERE name_key = $1 AND until > $2)`,
		key(login), db.Micros(r.o.Now())))
	return a, err == nil, err
}

// Create makes an account in a transaction of its own.
func (r *Room) Create(ctx context.Context, actor right.Actor, n NewAccount) (Account, error) {
	var a Account
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		a, err = r.CreateTx(ctx, tx, actor, n)
		return err
	})
	return a, err
}

// CreateTx makes an account. It fails with problem.Invalid on the fields login,
// email and name.
func (r *Room) CreateTx(ctx context.Context, tx *db.Tx, actor right.Actor, n NewAccount) (Account, error) {
	if err := CheckLogin(n.Login); err != nil {
		return Account{}, err
	}
	if err := checkText("name", "Name", n.Name, MaxName); err != nil {
		return Account{}, err
	}
	if n.Email != "" {
		if err := CheckEmail(n.Email); err != nil {
			return Account{}, err
		}
	}
	event := "user.create"
	switch n.Kind {
	case "":
		n.Kind = KindUser
	case KindMachine:
		return Account{}, problem.New(problem.Internal, "a service account is made by CreateMachineTx", "")
	case KindOrg:
		event = "org.create"
		if n.Email != "" || n.SiteAdmin {
			return Account{}, problem.New(problem.Internal, "an organisation has no address to sign in with and administers no site", "")
		}
	}
	if err := r.free(ctx, tx, n.Login, 0); err != nil {
		return Account{}, err
	}
	now := db.Micros(r.o.Now())
	var a id.Account
	err := tx.QueryRow(ctx, `
		INSERT INTO accounts (kind, login, login_key, name, site_admin, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6)
		ON CONFLICT (login_key) DO NOTHING
		RETURNING id`,
		n.Kind, n.Login, key(n.Login), n.Name, n.SiteAdmin, now).Scan(&a)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, taken(n.Login)
	}
	if err != nil {
		return Account{}, fmt.Errorf("insert account: %w", err)
	}
	if n.Email != "" {
		if _, err := r.insertEmail(ctx, tx, a, n.Email, true, n.EmailVerified); err != nil {
			return Account{}, err
		}
	}
	detail := map[string]string{}
	if n.SiteAdmin {
		detail["site_admin"] = "true"
	}
	if err := r.record(ctx, tx, actor, event, a, n.Login, detail); err != nil {
		return Account{}, err
	}
	return r.ByID(ctx, tx, a)
}

// event is a user's event, or what it is called for an organisation or a machine.
func (a *Account) event(user, org, machine string) string {
	switch a.Kind {
	case KindOrg:
		return org
	case KindMachine:
		return machine
	}
	return user
}

// record writes the change and the line of the security log that every
// mutation of this room ends with.
func (r *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, a id.Account, target string, detail map[string]string) error {
	e := audit.Entry{Action: action, Actor: actor, Account: a, Target: target, Detail: detail}
	if err := r.o.Audit.Record(ctx, tx, e); err != nil {
		return err
	}
	if err := r.alsoFor(ctx, tx, e); err != nil {
		return err
	}
	return r.o.Change.Record(ctx, tx, change.Change{Kind: change.AccountChanged, Subject: int64(a)})
}
