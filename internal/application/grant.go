package application

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	accounts "jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// How long the tokens of an application that asked for expiring ones live, and
// how long they can be renewed: GitHub's times.
const (
	TokenLife   = 8 * time.Hour
	RefreshLife = 184 * 24 * time.Hour
)

// Authorization is what a person allowed an application.
type Authorization struct {
	App       App
	Scopes    right.ScopeSet // all that were ever agreed to since it began
	CreatedAt time.Time
	UpdatedAt time.Time
	Tokens    []token.Token // newest first
}

// LastUse is the latest use of any of its tokens.
func (a *Authorization) LastUse() token.Use {
	var last token.Use
	for i := range a.Tokens {
		if u := a.Tokens[i].LastUse; u.At.After(last.At) {
			last = u
		}
	}
	return last
}

// Authorizations lists what account allowed applications, the latest first.
func (r *Room) Authorizations(ctx context.Context, account id.Account) ([]Authorization, error) {
	apps, err := listApps(ctx, r.o.DB, `SELECT `+appColumns+` FROM oauth_apps WHERE client_id IN (
		SELECT client_id FROM oauth_authorizations WHERE account_id = $1)`, account)
	if err != nil {
		return nil, err
	}
	byID := map[string]App{}
	for _, a := range append(apps, known()...) {
		byID[a.ClientID] = a
	}
	tokens, err := r.o.Tokens.ListApps(ctx, account)
	if err != nil {
		return nil, err
	}
	rows, err := r.o.DB.Query(ctx, `SELECT client_id, scopes, created_at, updated_at FROM oauth_authorizations WHERE account_id = $1 ORDER BY updated_at DESC, id DESC`, account)
	if err != nil {
		return nil, fmt.Errorf("list authorizations: %w", err)
	}
	defer rows.Close()
	var out []Authorization
	for rows.Next() {
		var clientID, scopes string
		var created, updated int64
		if err := rows.Scan(&clientID, &scopes, &created, &updated); err != nil {
			return nil, fmt.Errorf("list authorizations: %w", err)
		}
		one := Authorization{App: byID[clientID], Scopes: parseScopes(scopes), CreatedAt: db.Time(created), UpdatedAt: db.Time(updated)}
		for _, t := range tokens {
			if t.App == clientID {
				one.Tokens = append(one.Tokens, t)
			}
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// Authorization returns what account allowed one application, or
// problem.NotFound.
func (r *Room) Authorization(ctx context.Context, account id.Account, clientID string) (Authorization, error) {
	all, err := r.Authorizations(ctx, account)
	if err != nil {
		return Authorization{}, err
	}
	for _, a := range all {
		if a.App.ClientID == clientID {
			return a, nil
		}
	}
	return Authorization{}, noAuthorization()
}

func noAuthorization() *problem.Error {
	return problem.New(problem.NotFound, "You have not authorized such an application.", "It may have been revoked already.")
}

// Allowed returns the scopes that account agreed to for an application, and
// whether it agreed to anything.
func (r *Room) Allowed(ctx context.Context, account id.Account, clientID string) (right.ScopeSet, bool, error) {
	return allowed(ctx, r.o.DB, account, clientID)
}

func allowed(ctx context.Context, r db.Reader, account id.Account, clientID string) (right.ScopeSet, bool, error) {
	var scopes string
	err := r.QueryRow(ctx, `SELECT scopes FROM oauth_authorizations WHERE account_id = $1 AND client_id = $2`, account, clientID).Scan(&scopes)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read authorization: %w", err)
	}
	return parseScopes(scopes), true, nil
}

// Revoke ends what account allowed an application: its tokens, what they are
// renewed with, and what is under way. It ends at once.
func (r *Room) Revoke(ctx context.Context, actor right.Actor, account id.Account, clientID, why string) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error { return r.revokeTx(ctx, tx, actor, account, clientID, why) })
}

func (r *Room) revokeTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, clientID, why string) error {
	_, was, err := allowed(ctx, tx, account, clientID)
	if err != nil {
		return err
	}
	n, err := r.o.Tokens.RevokeAppTx(ctx, tx, actor, account, clientID, why)
	if err != nil {
		return err
	}
	if !was && n == 0 {
		return noAuthorization()
	}
	if err := forget(ctx, tx, account, clientID); err != nil {
		return err
	}
	return r.record(ctx, tx, actor, "oauth_authorization.destroy", account, r.nameTx(ctx, tx, clientID), map[string]string{"client_id": clientID})
}

// RevokeEvery is Revoke for all applications of account; it returns how many
// there were.
func (r *Room) RevokeEvery(ctx context.Context, actor right.Actor, account id.Account) (int, error) {
	n := 0
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		ids, err := clientIDs(ctx, tx, account)
		if err != nil {
			return err
		}
		for _, clientID := range ids {
			if err := r.revokeTx(ctx, tx, actor, account, clientID, ""); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	return n, err
}

func clientIDs(ctx context.Context, r db.Reader, account id.Account) ([]string, error) {
	rows, err := r.Query(ctx, `SELECT client_id FROM oauth_authorizations WHERE account_id = $1`, account)
	if err != nil {
		return nil, fmt.Errorf("list authorizations: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, fmt.Errorf("list authorizations: %w", err)
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// nameTx is an application's name for the log, or its client id.
func (r *Room) nameTx(ctx context.Context, tx *db.Tx, clientID string) string {
	for _, a := range known() {
		if a.ClientID == clientID {
			return a.Name
		}
	}
	if a, err := byClientID(ctx, tx, clientID); err == nil {
		return a.Name
	}
	return clientID
}

// allowTx notes that account agreed to scopes for a. It fails with problem.Forbidden
// where applications get no tokens.
func (r *Room) allowTx(ctx context.Context, tx *db.Tx, actor right.Actor, a *App, account id.Account, scopes right.ScopeSet) error {
	if manager, _, err := accounts.Manager(ctx, tx, account); err != nil {
		return err
	} else if manager != 0 {
		return problem.New(problem.Invalid, "A service account authorizes no applications.", "Make a token for it on its page.")
	}
	if err := r.o.Tokens.ForApps(ctx, tx); err != nil {
		return err
	}
	before, was, err := allowed(ctx, tx, account, a.ClientID)
	if err != nil {
		return err
	}
	all := (before | scopes).Normal()
	now := db.Micros(r.o.Now())
	_, err = tx.Exec(ctx, `
		INSERT INTO oauth_authorizations (account_id, client_id, scopes, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (account_id, client_id) DO UPDATE SET scopes = excluded.scopes, updated_at = excluded.updated_at`,
		account, a.ClientID, joinScopes(all), now)
	if err != nil {
		return fmt.Errorf("write authorization: %w", err)
	}
	action := "oauth_authorization.create"
	if was {
		action = "oauth_authorization.update"
	}
	return r.record(ctx, tx, actor, action, account, a.Name, map[string]string{"client_id": a.ClientID, "scopes": scopes.String()})
}

// Granted is what an application gets at the end of a flow.
type Granted struct {
	Token          token.Token
	Plain          secret.Value
	Refresh        secret.Value // zero unless the token can be renewed
	RefreshExpires time.Time
}

// issueTx makes the token, and what renews it where the application asked for
// expiring ones.
func (r *Room) issueTx(ctx context.Context, tx *db.Tx, a *App, account id.Account, scopes right.ScopeSet, device bool) (Granted, error) {
	actor, err := r.actingTx(ctx, tx, a, account)
	if err != nil {
		return Granted{}, err
	}
	var g Granted
	n := token.NewOAuth{App: a.ClientID, Note: a.Name, Scopes: scopes, ExpiresAt: r.end(a)}
	if g.Token, g.Plain, err = r.o.Tokens.IssueTx(ctx, tx, actor, account, n); err != nil {
		return Granted{}, outOfPolicy(err)
	}
	return r.renewableTx(ctx, tx, a, g, device)
}

// renewTx gives a token a new secret and what renews it the next time.
func (r *Room) renewTx(ctx context.Context, tx *db.Tx, a *App, old token.Token, device bool) (Granted, error) {
	actor, err := r.actingTx(ctx, tx, a, old.Account)
	if err != nil {
		return Granted{}, err
	}
	var g Granted
	if g.Token, g.Plain, err = r.o.Tokens.ResetTx(ctx, tx, actor, old, r.end(a)); err != nil {
		return Granted{}, outOfPolicy(err)
	}
	return r.renewableTx(ctx, tx, a, g, device)
}

func (r *Room) renewableTx(ctx context.Context, tx *db.Tx, a *App, g Granted, device bool) (Granted, error) {
	if !a.Expiring {
		return g, nil
	}
	g.Refresh, g.RefreshExpires = token.Generate(token.Refresh), r.o.Now().Add(RefreshLife)
	return g, r.insertRefresh(ctx, tx, a, g, device)
}

// end is when a token ends that the application gets now.
func (r *Room) end(a *App) time.Time {
	if !a.Expiring {
		return time.Time{}
	}
	return r.o.Now().Add(TokenLife)
}

// actingTx is the application that acts for an account, which must be in good
// standing.
func (r *Room) actingTx(ctx context.Context, tx *db.Tx, a *App, account id.Account) (right.Actor, error) {
	who, err := r.o.Accounts.ByID(ctx, tx, account)
	if problem.Is(err, problem.NotFound) || err == nil && who.Suspended {
		return right.Actor{}, fault("access_denied", "The account can't sign in at the moment.")
	}
	if err != nil {
		return right.Actor{}, err
	}
	return actorOf(a, account, who.Login), nil
}

// actorOf is the application that acts for an account, for the log.
func actorOf(a *App, account id.Account, login string) right.Actor {
	return right.Actor{Account: account, Login: login, Kind: right.AppCredential, App: a.ClientID, Note: a.Name}
}

func parseScopes(s string) right.ScopeSet { return right.KnownScopes(right.SplitScopes(s)) }

func joinScopes(s right.ScopeSet) string { return strings.Join(s.Names(), ",") }
