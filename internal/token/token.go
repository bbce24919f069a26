package token

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/notice"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Token is an access token as its owner sees it, without its secret.
type Token struct {
	ID        id.Token
	Account   id.Account
	Kind      Kind   // Personal, FineGrained or OAuth
	App       string // the client id of the application that was given it; empty for personal ones
	Note      string // what its owner called it, or the application's name
	Scopes    right.ScopeSet
	LastEight string // the last eight characters of the secret
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: live
	LastUse   Use       // zero At: never used

	Description string
	Access      Access     // Anywhere for classic tokens and most of applications
	Owner       id.Account // whose repositories; zero with Anywhere
	Repos       []id.Repo  // with Selected, in ascending order
	Permissions right.Fine // within Access; with Anywhere they mean nothing
	Parent      id.Token   // from which it was narrowed, and with which it ends; zero: none
	Limits      []right.Limit

	ApprovedAt time.Time    // by the owners of the organisation that it reaches; zero: they did not
	ApprovedBy id.Account   // which of them; zero: the machine's administrator
	Barred     []id.Account // the owners that shut it out of what is theirs

	Carried   string    // the system that made the secret which the token has; empty: this one
	FrozenAt  time.Time // zero: it is not; see Alarm
	secretAt  time.Time // when the secret was made
	personAt  time.Time // when a person last made one, and not the token itself
	closesOld bool      // the first use of the secret ends those before it

	managed *managed // nil: nobody asked yet
}

// Expired reports whether the token's life is over at now.
func (t *Token) Expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// Use is one use of a token.
type Use struct {
	At      time.Time
	Address string
	Client  string
	Repo    string // "owner/name", or empty
	Action  string // the gate's name of what was done
}

// Options are what the room needs. All but Notices, Now, Log and CacheSize are required.
type Options struct {
	DB        *db.DB
	Keys      *keys.Ring
	Change    *change.Bus
	Audit     *audit.Log
	Notices   *notice.Room // nil: nobody is told of anything
	Policies  *policy.Room
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
	CacheSize int              // verified tokens kept in memory; 0: 65,536
}

// Room holds the tokens of all accounts.
type Room struct {
	o       Options
	cache   *cache
	uses    *uses
	foreign *foreigners
}

// New makes the room and listens for changes. Start begins its background work.
func New(o Options) *Room {
	if o.DB == nil || o.Keys == nil || o.Change == nil || o.Audit == nil || o.Policies == nil {
		panic("token: New without DB, Keys, Change, Audit or Policies")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.CacheSize == 0 {
		o.CacheSize = 1 << 16
	}
	r := &Room{o: o, cache: newCache(o.CacheSize), foreign: newForeign(o.Now)}
	r.uses = newUses(r)
	o.Change.Subscribe(r.changed)
	o.Policies.WhenSet(r.policySet)
	return r
}

// NewToken is what a token is made from.
type NewToken struct {
	Note      string
	Scopes    right.ScopeSet
	ExpiresAt time.Time // zero: never
	Limits    []right.Limit
}

// maxNote bounds a note, in bytes.
const maxNote = 255

// isText reports whether text is what every database keeps: PostgreSQL takes no NUL.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// checkNote trims and validates a note, with GitHub's sentences.
func checkNote(note string) (string, error) {
	note = strings.TrimSpace(note)
	switch {
	case note == "":
		return "", problem.Field("note", "Note can't be blank")
	case len(note) > maxNote:
		return "", problem.Field("note", "Note is too long (maximum is 255 bytes)")
	case !isText(note):
		return "", problem.Field("note", "Note must be valid UTF-8")
	}
	return note, nil
}

func (r *Room) checkExpiry(at time.Time) error {
	if !at.IsZero() && !at.After(r.o.Now()) {
		return problem.Field("expires_at", "The expiration must be in the future")
	}
	return nil
}

// Create makes a token for account and returns it with its secret, which is
// kept nowhere. It fails with problem.Invalid for a blank or taken note or a
// past expiration.
func (r *Room) Create(ctx context.Context, actor right.Actor, account id.Account, n NewToken) (Token, secret.Value, error) {
	note, err := checkNote(n.Note)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := r.checkExpiry(n.ExpiresAt); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := checkLimits(n.Limits); err != nil {
		return Token{}, secret.Value{}, err
	}
	plain := Generate(Personal)
	t := Token{Account: account, Limits: n.Limits, Note: note, Scopes: n.Scopes.Normal(), LastEight: lastEight(plain), CreatedAt: r.o.Now().UTC(), ExpiresAt: n.ExpiresAt.UTC()}
	material, err := r.derive(plain)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := mayHold(ctx, tx, account, Personal); err != nil {
			return err
		}
		if err := r.freeNote(ctx, tx, account, 0, note, Personal); err != nil {
			return err
		}
		if err := r.obey(ctx, tx, &t, wholly); err != nil {
			return err
		}
		t.ID, err = insert(ctx, tx, t, material)
		if err != nil {
			return err
		}
		return r.recordMade(ctx, tx, actor, t)
	})
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	return t, plain, nil
}

// Update changes note and scopes and keeps the secret.
func (r *Room) Update(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, note string, scopes right.ScopeSet) (Token, error) {
	note, err := checkNote(note)
	if err != nil {
		return Token{}, err
	}
	return r.rewrite(ctx, actor, account, tid, Personal, note, func(t *Token) { t.Scopes = scopes.Normal() })
}

// rewrite changes the note, which was checked, of a token of kind k and what change changes, as far as the
// policies let it. Its secret and its end stay.
func (r *Room) rewrite(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, k Kind, note string, change func(*Token)) (Token, error) {
	var t Token
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if t, err = byID(ctx, tx, account, tid, personals(k)); err != nil {
			return err
		}
		if err := r.freeNote(ctx, tx, account, tid, note, k); err != nil {
			return err
		}
		t.Note = note
		change(&t)
		if err := r.obey(ctx, tx, &t, inScope); err != nil {
			return err
		}
		if err := update(ctx, tx, t); err != nil {
			return err
		}
		return r.recordChange(ctx, tx, actor, t.Kind.deed("update"), t, "")
	})
	return t, err
}

// Regenerate gives the token a new secret and a new end. The old secret stops
// at once, and those of earlier rotations with it; note and scopes stay. It ends a
// freeze.
func (r *Room) Regenerate(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, expiresAt time.Time) (Token, secret.Value, error) {
	if err := r.checkExpiry(expiresAt); err != nil {
		return Token{}, secret.Value{}, err
	}
	var t Token
	var plain secret.Value
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if t, err = byID(ctx, tx, account, tid, made); err != nil {
			return err
		}
		t.secretAt, t.ExpiresAt = r.o.Now(), expiresAt.UTC()
		if err := r.obey(ctx, tx, &t, inTime); err != nil {
			return err
		}
		if t, plain, err = r.ResetTx(ctx, tx, actor, t, expiresAt); err != nil {
			return err
		}
		return r.tellMade(ctx, tx, actor, t, notice.Regenerated, t.secretAt)
	})
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	return t, plain, nil
}

// Revoke ends one personal token of account, at once and for good.
func (r *Room) Revoke(ctx context.Context, actor right.Actor, account id.Account, tid id.Token) (Token, error) {
	return r.revokeOne(ctx, actor, account, tid, personal)
}

// RevokeAny is Revoke for a token of whatever kind.
func (r *Room) RevokeAny(ctx context.Context, actor right.Actor, account id.Account, tid id.Token) (Token, error) {
	return r.revokeOne(ctx, actor, account, tid, anyKind)
}

func (r *Room) revokeOne(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, of kinds) (Token, error) {
	var t Token
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		if t, err = byID(ctx, tx, account, tid, of); err != nil {
			return err
		}
		return r.revokeTx(ctx, tx, actor, t, "")
	})
	return t, err
}

// RevokeAll ends every token of account of one of the kinds that people make for
// themselves, Personal or FineGrained, and returns how many there were.
func (r *Room) RevokeAll(ctx context.Context, actor right.Actor, account id.Account, k Kind) (int, error) {
	n := 0
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		n, err = r.revokeAllTx(ctx, tx, actor, account, personals(k))
		return err
	})
	return n, err
}

// RevokeEverything is RevokeAll for tokens of every kind.
func (r *Room) RevokeEverything(ctx context.Context, actor right.Actor, account id.Account) (int, error) {
	n := 0
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		n, err = r.RevokeAllTx(ctx, tx, actor, account)
		return err
	})
	return n, err
}

// RevokeAllTx ends every token of account, of whatever kind, inside the
// caller's transaction.
func (r *Room) RevokeAllTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account) (int, error) {
	return r.revokeAllTx(ctx, tx, actor, account, anyKind)
}

func (r *Room) revokeAllTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, of kinds) (int, error) {
	all, err := listOf(ctx, tx, account, of)
	if err != nil {
		return 0, err
	}
	for _, t := range all {
		if err := r.revokeTx(ctx, tx, actor, t, ""); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// DeleteAllTx removes every trace of account's tokens, as its deletion asks.
func (r *Room) DeleteAllTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account) error {
	if _, err := r.RevokeAllTx(ctx, tx, actor, account); err != nil {
		return err
	}
	if err := r.o.Notices.DropTx(ctx, tx, account); err != nil {
		return err
	}
	return deleteOf(ctx, tx, account)
}

// revokeTx ends t and what was narrowed from it. why is for its owner's log, where
// the deed does not say it.
func (r *Room) revokeTx(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, why string) error {
	live, err := revoke(ctx, tx, t.ID, r.o.Now())
	if err != nil || !live {
		return err // it may have ended with another of the same list
	}
	if err := settle(ctx, tx, t.ID, r.o.Now()); err != nil {
		return err
	}
	if _, err := r.takeBack(ctx, tx, actor, &t); err != nil {
		return err
	}
	children, err := below(ctx, tx, t.ID)
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := r.revokeTx(ctx, tx, actor, child, "the token from which it was narrowed ended"); err != nil {
			return err
		}
	}
	return r.recordChange(ctx, tx, actor, t.Kind.deed("destroy"), t, why)
}

// List returns the live and expired tokens of account of one of the kinds that
// people make, Personal, FineGrained or Deploy, newest first.
func (r *Room) List(ctx context.Context, account id.Account, k Kind) ([]Token, error) {
	return listOf(ctx, r.o.DB, account, personals(k))
}

// ListAll is List for tokens of every kind.
func (r *Room) ListAll(ctx context.Context, account id.Account) ([]Token, error) {
	return listOf(ctx, r.o.DB, account, anyKind)
}

// ByID returns one live or expired personal token of account, or
// problem.NotFound.
func (r *Room) ByID(ctx context.Context, account id.Account, tid id.Token) (Token, error) {
	return byID(ctx, r.o.DB, account, tid, personal)
}

// AnyByID is ByID for a token of whatever kind.
func (r *Room) AnyByID(ctx context.Context, account id.Account, tid id.Token) (Token, error) {
	return byID(ctx, r.o.DB, account, tid, anyKind)
}

// mayHold refuses an account that has no tokens of the kind: an organisation has
// none, a machine has those with permissions alone, and a repository's hidden one
// what is of that repository alone.
func mayHold(ctx context.Context, tx *db.Tx, a id.Account, k Kind) error {
	var kind string
	var place id.Repo
	if err := tx.QueryRow(ctx, `SELECT kind, managed_repo FROM accounts WHERE id = $1`, a).Scan(&kind, &place); err != nil {
		return fmt.Errorf("read the token's account: %w", err)
	}
	switch {
	case kind == account.KindOrg:
		return problem.New(problem.Invalid, "An organization has no tokens of its own.", "Make one for a person who belongs to it, or for a service account of it.")
	case kind == account.KindMachine && !k.Fine():
		return problem.New(problem.Invalid, "A service account has no classic tokens, and authorizes no applications.", "Make a fine-grained token on its page.")
	case (place != 0) != (k == Deploy) && k != Exchanged:
		return problem.New(problem.Invalid, "Only a repository's own account has deploy tokens, and it has no others.", "")
	}
	return nil
}

func (r *Room) freeNote(ctx context.Context, tx *db.Tx, account id.Account, except id.Token, note string, k Kind) error {
	taken, err := noteTaken(ctx, tx, account, except, note, k)
	switch {
	case err != nil:
		return err
	case taken && k == FineGrained:
		return problem.Field("name", "The token name has already been taken")
	case taken:
		return problem.Field("note", "Note has already been taken")
	}
	return nil
}

func (r *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, t Token, why string) error {
	return r.recordWith(ctx, tx, actor, action, t, map[string]string{"why": why})
}

// recordWith records what was done to t, with further details; empty ones are left
// out.
func (r *Room) recordWith(ctx context.Context, tx *db.Tx, actor right.Actor, action string, t Token, more map[string]string) error {
	detail := map[string]string{"token_id": strconv.FormatInt(int64(t.ID), 10), "expires_at": "never"}
	if !t.ExpiresAt.IsZero() {
		detail["expires_at"] = t.ExpiresAt.Format(time.RFC3339)
	}
	if t.Kind.Fine() && !t.Kind.Personal() {
		detail["kind"] = t.Kind.String()
	}
	if !t.Kind.Fine() {
		detail["scopes"] = t.Scopes.String()
	}
	if t.Access != Anywhere {
		detail["permissions"], detail["access"] = t.Permissions.String(), t.Access.String()
		if t.Access == Selected {
			detail["repository_ids"] = numbersText(t.Repos)
		}
	}
	if len(t.Limits) > 0 {
		detail["limits"] = limitsWords(t.Limits)
	}
	if t.App != "" {
		detail["application"] = t.App
	}
	for name, text := range more {
		if text != "" {
			detail[name] = text
		}
	}
	e := audit.Entry{Action: action, Actor: actor, Account: t.Account, Target: t.Note, Detail: detail}
	if (t.Kind == Deploy || t.Kind == Exchanged) && len(t.Repos) == 1 {
		e.Repo = t.Repos[0]
	}
	if err := r.o.Audit.Record(ctx, tx, e); err != nil {
		return err
	}
	manager, login, err := t.manager(ctx, tx)
	if err != nil || manager == 0 {
		return err
	}
	// Who answers for a machine finds it in their log as well.
	detail["service_account"] = login
	e.Account = manager
	return r.o.Audit.Record(ctx, tx, e)
}

// recordChange records and makes every process forget what it knows of t.
func (r *Room) recordChange(ctx context.Context, tx *db.Tx, actor right.Actor, action string, t Token, why string) error {
	if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
		return err
	}
	return r.record(ctx, tx, actor, action, t, why)
}

func lastEight(plain secret.Value) string {
	s := plain.Reveal()
	return s[len(s)-8:]
}
