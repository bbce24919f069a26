package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// BarTx shuts a token out of what is owner's, whoever's the token is, with a reason for
// both logs: it stays good for everything else. It fails with problem.NotFound for one
// that was revoked.
func (r *Room) BarTx(ctx context.Context, tx *db.Tx, actor right.Actor, owner id.Account, tid id.Token, reason string) error {
	return r.setBar(ctx, tx, actor, owner, tid, reason, true)
}

// UnbarTx takes a bar of owner's back, with a reason for both logs.
func (r *Room) UnbarTx(ctx context.Context, tx *db.Tx, actor right.Actor, owner id.Account, tid id.Token, reason string) error {
	return r.setBar(ctx, tx, actor, owner, tid, reason, false)
}

// setBar writes whether owner shuts a token out, and with it what was narrowed from
// it. Nothing is recorded where it was so already.
func (r *Room) setBar(ctx context.Context, tx *db.Tx, actor right.Actor, owner id.Account, tid id.Token, reason string, shut bool) error {
	t, err := anyones(ctx, tx, tid)
	if err != nil {
		return err
	}
	children, err := below(ctx, tx, tid)
	if err != nil {
		return err
	}
	for _, one := range append(children, t) {
		if slices.Contains(one.Barred, owner) == shut {
			continue
		}
		if err := r.writeBar(ctx, tx, &one, owner, shut); err != nil {
			return err
		}
	}
	if slices.Contains(t.Barred, owner) == shut {
		return nil
	}
	if !shut && t.Owner == owner { // what it was denied is asked again, or nobody could ever approve it
		t.Barred = without(t.Barred, owner)
		if err := r.ask(ctx, tx, actor, &t, asking{reason: reason}); err != nil {
			return err
		}
	}
	verb := map[bool]string{true: "shut_out", false: "let_in"}[shut]
	by, err := loginOf(ctx, tx, owner)
	if err != nil {
		return err
	}
	if err := r.recordWith(ctx, tx, actor, t.Kind.deed(verb), t, map[string]string{"owner": by, "why": reason}); err != nil {
		return err
	}
	return r.recordFor(ctx, tx, actor, "org."+verb+"_token", owner, t, reason)
}

func (r *Room) writeBar(ctx context.Context, tx *db.Tx, t *Token, owner id.Account, shut bool) error {
	barred := without(t.Barred, owner)
	if shut {
		barred = with(t.Barred, owner)
	}
	if _, err := tx.Exec(ctx, `UPDATE tokens SET barred = $1 WHERE id = $2`, numbersText(barred), t.ID); err != nil {
		return fmt.Errorf("write who shut a token out: %w", err)
	}
	return r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)})
}

// ParseBarred reads the stored list of the owners who shut a token out.
func ParseBarred(text string) []id.Account { return parseNumbers[id.Account](text) }

// EndTx ends a token for those who answer for what it can touch: for of, an
// organisation whose the token's reach is, or, if that is zero, for the site. The
// reason is for the logs of both sides. It reports whether the token lived until
// then; there must have been one.
func (r *Room) EndTx(ctx context.Context, tx *db.Tx, actor right.Actor, of id.Account, tid id.Token, reason string) (bool, error) {
	t, err := anyones(ctx, tx, tid)
	if problem.Is(err, problem.NotFound) {
		return false, nil // it ended meanwhile, or with what it was narrowed from
	}
	if err != nil {
		return false, err
	}
	if of != 0 && (t.Owner != of || t.Access == Anywhere) {
		return false, problem.New(problem.NotFound, "There is no such token.", "")
	}
	why, deed, log := "an administrator of the site ended it", "site.end_token", actor.Account
	if of != 0 {
		why, deed, log = "the organization revoked its access", "org.end_token", of
	}
	if reason != "" {
		why += ": " + reason
	}
	if err := r.revokeTx(ctx, tx, actor, t, why); err != nil {
		return false, err
	}
	if log == t.Account {
		return true, nil // one's own: the line is there
	}
	return true, r.recordFor(ctx, tx, actor, deed, log, t, reason)
}

// recordFor writes what was done to somebody's token into the log of those who did
// it. A note is its owner's and stays out.
func (r *Room) recordFor(ctx context.Context, tx *db.Tx, actor right.Actor, deed string, log id.Account, t Token, reason string) error {
	login, err := loginOf(ctx, tx, t.Account)
	if err != nil {
		return err
	}
	detail := map[string]string{"token_id": strconv.FormatInt(int64(t.ID), 10), "kind": t.Kind.String(), "last_eight": t.LastEight}
	if reason != "" {
		detail["reason"] = reason
	}
	return r.o.Audit.Record(ctx, tx, audit.Entry{Action: deed, Actor: actor, Account: log, Target: login, Detail: detail})
}

func loginOf(ctx context.Context, read db.Reader, a id.Account) (login string, err error) {
	if err = read.QueryRow(ctx, `SELECT login FROM accounts WHERE id = $1`, a).Scan(&login); err != nil {
		return "", fmt.Errorf("read an account's login: %w", err)
	}
	return login, nil
}

// anyones reads a token that was not revoked, whoever's it is.
func anyones(ctx context.Context, read db.Reader, tid id.Token) (Token, error) {
	t, err := scan(read.QueryRow(ctx, `SELECT `+columns+` FROM tokens WHERE id = $1 AND revoked_at = 0`, tid))
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, problem.New(problem.NotFound, "There is no such token.", "It may have been deleted.")
	}
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", err)
	}
	return t, nil
}
