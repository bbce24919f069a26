// Package application is the room of the programs that people let act for them:
// who registered them, their secrets, what each was allowed by whom, and the
// codes, device codes and refresh tokens on the way to a token (RFC 6749, 7636,
// 8628). Of every secret it keeps a keyed digest alone. It must never give an
// application more than a person agreed to, nor lead anybody to an address that
// the application did not register.
package application

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// App is an application.
type App struct {
	ID          id.App     // zero for one that every host knows
	Owner       id.Account // zero for one that every host knows
	ClientID    string
	Name        string
	Homepage    string
	Description string
	Callback    string // where people are led back to; the known ones have several, see Redirect
	DeviceFlow  bool   // it may sign in devices
	Expiring    bool   // its tokens end after a while and are renewed
	CreatedAt   time.Time
	UpdatedAt   time.Time

	callbacks []string // of a known one
}

// Public reports whether everybody holds the application's secret, so that it
// proves nothing: the programs that every host knows.
func (a *App) Public() bool { return a.ID == 0 }

// Options are what the room needs. All but Now are required.
type Options struct {
	DB       *db.DB
	Keys     *keys.Ring
	Change   *change.Bus
	Audit    *audit.Log
	Accounts *account.Room
	Tokens   *token.Room
	Limit    *limit.Limiter
	Now      func() time.Time // nil: time.Now
}

// Room holds applications and what they were allowed.
type Room struct{ o Options }

// New makes the room.
func New(o Options) *Room {
	if o.DB == nil || o.Keys == nil || o.Change == nil || o.Audit == nil || o.Accounts == nil || o.Tokens == nil || o.Limit == nil {
		panic("application: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o}
}

// Form is what an application is registered with.
type Form struct {
	Name, Homepage, Description, Callback string
	DeviceFlow, Expiring                  bool
}

// The most bytes that a field keeps, and the most applications of one account.
const (
	maxName     = 100
	maxText     = 500
	maxURL      = 1000
	maxApps     = 100
	maxSecrets  = 10
	clientIDLen = 20
)

func (f *Form) check() error {
	f.Name, f.Homepage = strings.TrimSpace(f.Name), strings.TrimSpace(f.Homepage)
	f.Description, f.Callback = strings.TrimSpace(f.Description), strings.TrimSpace(f.Callback)
	switch {
	case f.Name == "":
		return problem.Field("name", "Name can't be blank")
	case len(f.Name) > maxName:
		return problem.Field("name", fmt.Sprintf("Name is too long (maximum is %d bytes)", maxName))
	case len(f.Description) > maxText:
		return problem.Field("description", fmt.Sprintf("Description is too long (maximum is %d bytes)", maxText))
	case !utf8.ValidString(f.Name) || !utf8.ValidString(f.Description):
		return problem.Field("name", "Name and description must be valid UTF-8")
	}
	for _, known := range known() {
		// Nobody may look like one of the programs that people know.
		if bones(f.Name) == bones(known.Name) {
			return problem.Field("name", "This name belongs to another application")
		}
	}
	if !goodHomepage(f.Homepage) {
		return problem.Field("homepage", "Homepage must be an http:// or https:// address")
	}
	return checkCallback(f.Callback)
}

// bones is what is left of a name for somebody who looks at a page in haste: a page
// shows any number of spaces as one.
func bones(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(name))
}

// Register makes an application of owner.
func (r *Room) Register(ctx context.Context, actor right.Actor, owner id.Account, f Form) (App, error) {
	if err := f.check(); err != nil {
		return App{}, err
	}
	now := r.o.Now().UTC()
	a := App{Owner: owner, ClientID: randomHex(clientIDLen / 2), Name: f.Name, Homepage: f.Homepage, Description: f.Description, Callback: f.Callback,
		DeviceFlow: f.DeviceFlow, Expiring: f.Expiring, CreatedAt: now, UpdatedAt: now}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := countOwned(ctx, tx, owner)
		if err != nil {
			return err
		}
		if n >= maxApps {
			return problem.New(problem.Conflict, fmt.Sprintf("You have %d applications already.", n), "Delete one that you do not need.")
		}
		if a.ID, err = insertApp(ctx, tx, a); err != nil {
			return err
		}
		return r.record(ctx, tx, actor, "oauth_application.create", owner, a.Name, map[string]string{"client_id": a.ClientID})
	})
	return a, err
}

// Update changes what an application of owner says of itself.
func (r *Room) Update(ctx context.Context, actor right.Actor, owner id.Account, app id.App, f Form) (App, error) {
	if err := f.check(); err != nil {
		return App{}, err
	}
	var a App
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if a, err = ownedByID(ctx, tx, owner, app); err != nil {
			return err
		}
		detail := map[string]string{"client_id": a.ClientID}
		if f.Callback != a.Callback {
			detail["callback"], detail["old_callback"] = f.Callback, a.Callback
		}
		a.Name, a.Homepage, a.Description, a.Callback, a.DeviceFlow, a.Expiring = f.Name, f.Homepage, f.Description, f.Callback, f.DeviceFlow, f.Expiring
		a.UpdatedAt = r.o.Now().UTC()
		if err := updateApp(ctx, tx, a); err != nil {
			return err
		}
		return r.record(ctx, tx, actor, "oauth_application.update", owner, a.Name, detail)
	})
	return a, err
}

// Delete ends an application of owner with everything that it was allowed by
// anybody.
func (r *Room) Delete(ctx context.Context, actor right.Actor, owner id.Account, app id.App) (App, error) {
	var a App
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if a, err = ownedByID(ctx, tx, owner, app); err != nil {
			return err
		}
		return r.deleteTx(ctx, tx, actor, a)
	})
	return a, err
}

func (r *Room) deleteTx(ctx context.Context, tx *db.Tx, actor right.Actor, a App) error {
	if _, err := r.o.Tokens.RevokeAppTx(ctx, tx, actor, 0, a.ClientID, "the application was deleted"); err != nil {
		return err
	}
	if err := forget(ctx, tx, 0, a.ClientID); err != nil {
		return err
	}
	if err := removeApp(ctx, tx, a.ID); err != nil {
		return err
	}
	return r.record(ctx, tx, actor, "oauth_application.destroy", a.Owner, a.Name, map[string]string{"client_id": a.ClientID})
}

// RevokeUsers ends everything that an application of owner was allowed, by
// everybody. It returns how many tokens ended.
func (r *Room) RevokeUsers(ctx context.Context, actor right.Actor, owner id.Account, app id.App) (int, error) {
	n := 0
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := ownedByID(ctx, tx, owner, app)
		if err != nil {
			return err
		}
		if n, err = r.o.Tokens.RevokeAppTx(ctx, tx, actor, 0, a.ClientID, "the application's owner ended the access of all users"); err != nil {
			return err
		}
		if err := forget(ctx, tx, 0, a.ClientID); err != nil {
			return err
		}
		return r.record(ctx, tx, actor, "oauth_application.revoke_all_tokens", owner, a.Name, map[string]string{"client_id": a.ClientID})
	})
	return n, err
}

// Owned lists the applications of owner, by name.
func (r *Room) Owned(ctx context.Context, owner id.Account) ([]App, error) {
	return owned(ctx, r.o.DB, owner)
}

// OwnedByID returns one application of owner, or problem.NotFound.
func (r *Room) OwnedByID(ctx context.Context, owner id.Account, app id.App) (App, error) {
	return ownedByID(ctx, r.o.DB, owner, app)
}

// ByClientID returns the application of that client id, or problem.NotFound. One
// whose owner is suspended is not there.
func (r *Room) ByClientID(ctx context.Context, clientID string) (App, error) {
	for _, a := range known() {
		if a.ClientID == clientID {
			return a, nil
		}
	}
	a, err := byClientID(ctx, r.o.DB, clientID)
	if errors.Is(err, sql.ErrNoRows) {
		return App{}, noApp()
	}
	if err != nil {
		return App{}, fmt.Errorf("read application: %w", err)
	}
	f, err := r.o.Accounts.Facts(ctx, r.o.DB, a.Owner)
	if err != nil {
		return App{}, fmt.Errorf("read the owner of an application: %w", err)
	}
	if f.Suspended {
		return App{}, noApp()
	}
	return a, nil
}

func noApp() *problem.Error {
	return problem.New(problem.NotFound, "There is no such application here.", "Its owner may have deleted it. Check the client id.")
}

// DeleteAccountTx takes the applications of an account along, and what it
// allowed others'. Its tokens are the token room's to delete.
func (r *Room) DeleteAccountTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account) error {
	apps, err := owned(ctx, tx, account)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if err := r.deleteTx(ctx, tx, actor, a); err != nil {
			return err
		}
	}
	return forget(ctx, tx, account, "")
}

func (r *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, account id.Account, target string, detail map[string]string) error {
	return r.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: account, Target: target, Detail: detail})
}
