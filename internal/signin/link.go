package signin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// LinkKind is what a one-use link is for.
type LinkKind string

// The kinds of link. A link of one kind is never taken for another.
const (
	Setup  LinkKind = "setup"  // makes the first account, a site administrator
	Invite LinkKind = "invite" // makes an account
	Reset  LinkKind = "reset"  // gives an account a new password
)

const linkLabel = "link"

// For says for whom a link is: an account for Reset, perhaps an address for
// Invite, nobody for Setup.
type For struct {
	Account id.Account
	Email   string
}

// Link is what is known of a link without its secret.
type Link struct {
	ID        int64
	Kind      LinkKind
	Account   id.Account // for Reset
	Login     string     // of Account
	Email     string
	By        id.Account // who made it; zero for the operator
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero while it is not used
}

// life is how long a link of the kind can be used by default.
func (k LinkKind) life() time.Duration {
	switch k {
	case Setup:
		return time.Hour
	case Invite:
		return 7 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// gone is the one answer for a link that never was, is over, was used, replaced
// or taken back.
func gone() error {
	return problem.New(problem.NotFound, "This link can't be used any more.",
		"Links work once and end after a while: ask whoever gave it to you for a new one.")
}

// NewLink makes a one-use link and returns its secret, which belongs into the
// fragment of a URL. A life of zero is the kind's own: an hour to set up, a
// week to join, a day for a new password. A new link to set up, or for the same
// account's password, replaces the one before.
func (r *Room) NewLink(ctx context.Context, actor right.Actor, kind LinkKind, f For, life time.Duration) (secret.Value, Link, error) {
	if life <= 0 {
		life = kind.life()
	}
	bearer, raw := newBearer()
	key, sum := r.o.Keys.Digest(linkLabel, raw[:])
	var l Link
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		now := r.o.Now()
		l = Link{Kind: kind, Account: f.Account, Email: f.Email, By: actor.Account, CreatedAt: now, ExpiresAt: now.Add(life)}
		if err := r.prepare(ctx, tx, &l); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			INSERT INTO signin_links (kind, account_id, email, key_id, digest, created_by, created_at, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
			RETURNING id`,
			string(kind), l.Account, l.Email, key, sum[:], l.By, db.Micros(now), db.Micros(l.ExpiresAt)).Scan(&l.ID)
		if err != nil {
			return fmt.Errorf("insert link: %w", err)
		}
		return r.o.Audit.Record(ctx, tx, audit.Entry{
			Action: "user.create_" + string(kind) + "_link", Actor: actor, Account: l.Account, Target: max(l.Login, l.Email),
		})
	})
	return bearer, l, err
}

// prepare checks that a link of l's kind may be made, and takes away what it
// replaces.
func (r *Room) prepare(ctx context.Context, tx *db.Tx, l *Link) error {
	switch l.Kind {
	case Setup:
		n, err := r.o.Account.Count(ctx, tx)
		if err != nil {
			return err
		}
		if n > 0 {
			return problem.New(problem.Conflict, "This site is set up already.", "An administrator can invite people.")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM signin_links WHERE kind = $1`, string(Setup)); err != nil {
			return fmt.Errorf("replace setup link: %w", err)
		}
		l.Account, l.Email = 0, ""
		return nil
	case Invite:
		l.Account = 0
		return r.prepareInvite(ctx, tx, l)
	case Reset:
		who, err := r.o.Account.ByID(ctx, tx, l.Account)
		if err != nil {
			return err
		}
		if err := nobody(&who); err != nil {
			return err
		}
		l.Login, l.Email = who.Login, ""
		return r.dropResets(ctx, tx, l.Account)
	}
	return problem.Newf(problem.Invalid, "there is no link of kind %q", string(l.Kind))
}

func (r *Room) prepareInvite(ctx context.Context, tx *db.Tx, l *Link) error {
	l.Email = strings.TrimSpace(l.Email)
	if l.Email == "" {
		return nil
	}
	if err := account.CheckEmail(l.Email); err != nil {
		return err
	}
	who, err := r.o.Account.ByEmail(ctx, tx, l.Email)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return problem.Field("email", "This address belongs to "+who.Login+" already")
}

// dropResets takes the account's unused links for a new password away.
func (r *Room) dropResets(ctx context.Context, tx *db.Tx, a id.Account) error {
	_, err := tx.Exec(ctx, `DELETE FROM signin_links WHERE kind = $1 AND account_id = $2 AND used_at = 0`, string(Reset), a)
	if err != nil {
		return fmt.Errorf("drop links for a new password: %w", err)
	}
	return nil
}

const linkColumns = `l.id, l.kind, l.account_id, COALESCE(a.login, ''), l.email, l.created_by, l.created_at, l.expires_at, l.used_at
	FROM signin_links l LEFT JOIN accounts a ON a.id = l.account_id`

func scanLink(row interface{ Scan(...any) error }) (Link, error) {
	var l Link
	var created, expires, used int64
	err := row.Scan(&l.ID, &l.Kind, &l.Account, &l.Login, &l.Email, &l.By, &created, &expires, &used)
	l.CreatedAt, l.ExpiresAt, l.UsedAt = db.Time(created), db.Time(expires), db.Time(used)
	return l, err
}

// PeekLink tells what a link is for without using it, or problem.NotFound.
func (r *Room) PeekLink(ctx context.Context, link secret.Value) (Link, error) {
	raw, ok := parseBearer(link)
	if !ok {
		return Link{}, gone()
	}
	return r.findLink(ctx, r.o.DB, raw[:])
}

func (r *Room) findLink(ctx context.Context, read db.Reader, raw []byte) (Link, error) {
	for _, d := range r.o.Keys.Digests(linkLabel, raw) {
		l, err := scanLink(read.QueryRow(ctx, `SELECT `+linkColumns+` WHERE l.digest = $1 AND l.key_id = $2`, d.Sum[:], d.Key))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return Link{}, fmt.Errorf("read link: %w", err)
		}
		return l, r.stillGood(ctx, read, l)
	}
	return Link{}, gone()
}

// stillGood says whether l can be used now: it is in its time, what it is for
// is still to be done, and whoever made it may still make such links.
func (r *Room) stillGood(ctx context.Context, read db.Reader, l Link) error {
	if !l.UsedAt.IsZero() || !r.o.Now().Before(l.ExpiresAt) || (l.Kind == Reset && l.Login == "") {
		return gone()
	}
	if l.Kind == Setup {
		n, err := r.o.Account.Count(ctx, read)
		if err != nil {
			return err
		}
		if n > 0 {
			return gone()
		}
	}
	if l.By == 0 {
		return nil
	}
	by, err := r.o.Account.ByID(ctx, read, l.By)
	if problem.Is(err, problem.NotFound) || err == nil && (by.Suspended || !by.SiteAdmin) {
		return gone()
	}
	return err
}

// claim uses the link up in the caller's transaction. Of two that try at the
// same time one gets it.
func (r *Room) claim(ctx context.Context, tx *db.Tx, link secret.Value, kind LinkKind) (Link, error) {
	raw, ok := parseBearer(link)
	if !ok {
		return Link{}, gone()
	}
	l, err := r.findLink(ctx, tx, raw[:])
	if err != nil {
		return Link{}, err
	}
	if l.Kind != kind {
		return Link{}, gone()
	}
	now := db.Micros(r.o.Now())
	n, err := affected(tx.Exec(ctx, `UPDATE signin_links SET used_at = $1 WHERE id = $2 AND kind = $3 AND used_at = 0 AND expires_at > $1`,
		now, l.ID, string(kind)))
	if err != nil {
		return Link{}, fmt.Errorf("use link: %w", err)
	}
	if n != 1 {
		return Link{}, gone()
	}
	return l, nil
}

// UseSetup makes the first account, a site administrator, and signs it in.
func (r *Room) UseSetup(ctx context.Context, link secret.Value, login, email string, password secret.Value) (secret.Value, Session, error) {
	return r.join(ctx, link, Setup, login, email, password)
}

// UseInvite makes an account and signs it in. Where the link is for an address
// the account gets that one, whatever email says.
func (r *Room) UseInvite(ctx context.Context, link secret.Value, login, email string, password secret.Value) (secret.Value, Session, error) {
	return r.join(ctx, link, Invite, login, email, password)
}

func (r *Room) join(ctx context.Context, link secret.Value, kind LinkKind, login, email string, password secret.Value) (secret.Value, Session, error) {
	// Look before hashing: nobody without a link may make the server work.
	l, err := r.PeekLink(ctx, link)
	if err == nil && l.Kind != kind {
		err = gone()
	}
	if err != nil {
		return secret.Value{}, Session{}, err
	}
	login, email = strings.TrimSpace(login), strings.TrimSpace(email)
	if l.Email != "" {
		email = l.Email
	}
	if err := account.CheckLogin(login); err != nil {
		return secret.Value{}, Session{}, err
	}
	if err := account.CheckEmail(email); err != nil {
		return secret.Value{}, Session{}, err
	}
	h, err := r.HashPassword(ctx, password, login, email)
	if err != nil {
		return secret.Value{}, Session{}, err
	}
	var bearer secret.Value
	var s Session
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := r.claim(ctx, tx, link, kind); err != nil {
			return err
		}
		who, err := r.o.Account.CreateTx(ctx, tx, right.Actor{Login: login}, account.NewAccount{
			Login: login, Email: email, SiteAdmin: kind == Setup,
		})
		if err != nil {
			return err
		}
		if err := r.SetPasswordTx(ctx, tx, who.ID, h); err != nil {
			return err
		}
		if err := r.askFirstTx(ctx, tx, who.ID); err != nil {
			return err
		}
		bearer, s, err = r.insertSession(ctx, tx, who)
		return err
	})
	return bearer, s, err
}

// UseReset gives the link's account a new password and ends its sessions. It
// signs nobody in, and a suspended account stays suspended.
func (r *Room) UseReset(ctx context.Context, link secret.Value, password secret.Value) (account.Account, error) {
	l, err := r.PeekLink(ctx, link)
	if err == nil && l.Kind != Reset {
		err = gone()
	}
	if err != nil {
		return account.Account{}, err
	}
	who, names, err := r.names(ctx, l.Account)
	if err != nil {
		return account.Account{}, err
	}
	h, err := r.HashPassword(ctx, password, names...)
	if err != nil {
		return account.Account{}, err
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := r.claim(ctx, tx, link, Reset); err != nil {
			return err
		}
		if err := r.SetPasswordTx(ctx, tx, who.ID, h); err != nil {
			return err
		}
		return r.logPassword(ctx, tx, right.Anonymous(), who, "user.reset_password")
	})
	return who, err
}

// ListLinks returns the links that can still be used, the newest first.
func (r *Room) ListLinks(ctx context.Context) ([]Link, error) {
	rows, err := r.o.DB.Query(ctx, `SELECT `+linkColumns+` WHERE l.used_at = 0 AND l.expires_at > $1 ORDER BY l.id DESC LIMIT 500`,
		db.Micros(r.o.Now()))
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	defer rows.Close()
	var out []Link
	for rows.Next() {
		l, err := scanLink(rows)
		if err != nil {
			return nil, fmt.Errorf("list links: %w", err)
		}
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	return out, nil
}

// RevokeLink takes an unused link back, or gives problem.NotFound.
func (r *Room) RevokeLink(ctx context.Context, actor right.Actor, link int64) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		l, err := scanLink(tx.QueryRow(ctx, `SELECT `+linkColumns+` WHERE l.id = $1 AND l.used_at = 0`, link))
		if errors.Is(err, sql.ErrNoRows) {
			return problem.New(problem.NotFound, "There is no such link.", "")
		}
		if err != nil {
			return fmt.Errorf("read link: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM signin_links WHERE id = $1`, link); err != nil {
			return fmt.Errorf("revoke link: %w", err)
		}
		return r.o.Audit.Record(ctx, tx, audit.Entry{
			Action: "user.revoke_" + string(l.Kind) + "_link", Actor: actor, Account: l.Account, Target: max(l.Login, l.Email),
		})
	})
}
