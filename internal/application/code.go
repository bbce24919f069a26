package application

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// CodeLife is how long a code of the browser's flow is good.
const CodeLife = 10 * time.Minute

// keepCodes is how long a used or lapsed code is remembered, so that its second
// use is noticed.
const keepCodes = 24 * time.Hour

// Client is an application at the end of a flow.
type Client struct {
	App
	Proven bool // it presented its secret
}

// Client returns the application with that client id. A secret that is given
// must be its own; that of a public one proves nothing and is not looked at.
func (r *Room) Client(ctx context.Context, clientID string, plain secret.Value) (Client, error) {
	a, err := r.ByClientID(ctx, clientID)
	if err != nil {
		return Client{}, err
	}
	if a.Public() || plain.IsZero() {
		return Client{App: a}, nil
	}
	if a, err = r.Authenticate(ctx, clientID, plain); err != nil {
		return Client{}, err
	}
	return Client{App: a, Proven: true}, nil
}

// Request is what a person agreed to.
type Request struct {
	App       App
	Scopes    right.ScopeSet
	Redirect  string // the address that they are led to
	Challenge string // PKCE's, by S256; empty when the application sent none
}

// GoodChallenge reports whether s can be a challenge by S256.
func GoodChallenge(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

// Authorize notes that the actor's person agreed, and returns the code that the
// application exchanges for a token.
func (r *Room) Authorize(ctx context.Context, actor right.Actor, q Request) (secret.Value, error) {
	code := secret.New(randomHex(20))
	key, sum := r.digest(codeLabel, code)
	now := r.o.Now()
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.allowTx(ctx, tx, actor, &q.App, actor.Account, q.Scopes); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM oauth_codes WHERE id IN (SELECT id FROM oauth_codes WHERE expires_at < $1 LIMIT 1000)`, db.Micros(now.Add(-keepCodes)))
		if err != nil {
			return fmt.Errorf("delete old codes: %w", err)
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO oauth_codes (key_id, digest, account_id, client_id, scopes, redirect, challenge, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			key, sum[:], actor.Account, q.App.ClientID, joinScopes(q.Scopes), q.Redirect, q.Challenge, db.Micros(now.Add(CodeLife)))
		if err != nil {
			return fmt.Errorf("insert code: %w", err)
		}
		return nil
	})
	return code, err
}

// code is a row of oauth_codes.
type code struct {
	id        int64
	account   id.Account
	client    string
	scopes    string
	redirect  string
	challenge string
	expires   int64
	used      int64
	token     id.Token
}

func (r *Room) readCode(ctx context.Context, read db.Reader, plain secret.Value) (code, bool, error) {
	var c code
	found, err := r.find(codeLabel, plain, func(sum []byte) error {
		return read.QueryRow(ctx, `SELECT id, account_id, client_id, scopes, redirect, challenge, expires_at, used_at, token_id FROM oauth_codes WHERE digest = $1`, sum).
			Scan(&c.id, &c.account, &c.client, &c.scopes, &c.redirect, &c.challenge, &c.expires, &c.used, &c.token)
	})
	return c, found, err
}

// Exchange gives a token for a code. A code is good once, for the application
// that it was made for, with the address that it went to and the verifier of its
// challenge. Who uses it twice ends what it gave: one of the two stole it. What
// the application is told is a *Fault.
func (r *Room) Exchange(ctx context.Context, c *Client, plain secret.Value, redirect string, verifier secret.Value) (Granted, error) {
	if !c.Public() && !c.Proven {
		return Granted{}, BadClient()
	}
	// What is no code must cost no transaction.
	if found, ok, err := r.readCode(ctx, r.o.DB, plain); err != nil || !ok || found.client != c.ClientID {
		return Granted{}, orFault(err, badCode())
	}
	return r.give(ctx, func(tx *db.Tx) (Granted, *Fault, error) {
		k, ok, err := r.readCode(ctx, tx, plain)
		if err != nil {
			return Granted{}, nil, err
		}
		switch {
		case !ok || k.client != c.ClientID:
			return Granted{}, badCode(), nil
		case k.used != 0:
			return Granted{}, badCode(), r.o.Tokens.RevokeTx(ctx, tx, actorOf(&c.App, k.account, ""), k.account, k.token, "its code was used twice")
		case !r.o.Now().Before(db.Time(k.expires)):
			return Granted{}, badCode(), nil
		case redirect != "" && redirect != k.redirect:
			return Granted{}, fault("redirect_uri_mismatch", "The redirect_uri is not the one that the code was sent to."), nil
		case !verified(k.challenge, verifier):
			return Granted{}, fault("bad_verification_code", "The code_verifier does not belong to the code_challenge."), nil
		}
		g, err := r.issueTx(ctx, tx, &c.App, k.account, parseScopes(k.scopes), false)
		if err != nil {
			return Granted{}, nil, err
		}
		_, err = tx.Exec(ctx, `UPDATE oauth_codes SET used_at = $1, token_id = $2 WHERE id = $3`, db.Micros(r.o.Now()), g.Token.ID, k.id)
		if err != nil {
			return Granted{}, nil, fmt.Errorf("use code: %w", err)
		}
		return g, nil, nil
	})
}

// give commits what f did even when f refuses with a *Fault: what a theft had to
// end stays ended. f may run more than once.
func (r *Room) give(ctx context.Context, f func(*db.Tx) (Granted, *Fault, error)) (Granted, error) {
	var g Granted
	var refused *Fault
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		g, refused, err = f(tx)
		return err
	})
	if err != nil {
		return Granted{}, err
	}
	if refused != nil {
		return Granted{}, refused
	}
	return g, nil
}

// verified compares a verifier with the challenge of its code (RFC 7636). A
// verifier without a challenge is refused too: somebody took the challenge out
// of the request (RFC 9700, 4.8.2).
func verified(challenge string, verifier secret.Value) bool {
	v := verifier.Reveal()
	if challenge == "" {
		return v == ""
	}
	if len(v) < 43 || len(v) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(v))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

func orFault(err error, f *Fault) error {
	if err != nil {
		return err
	}
	return f
}
