package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/secret"
)

// outgoing is a secret that a rotation took out of its token.
type outgoing struct {
	digest     []byte
	token      id.Token
	chain      []byte // sealed; nil once the secret was ended before its time
	lastEight  string
	madeAt     time.Time // zero: it was taken out before that was kept
	rotatedAt  time.Time
	endsAt     time.Time
	settledAt  time.Time // zero: its use after the end alarms and freezes
	closes     bool      // the first use of the new secret ends it
	requestKey []byte    // empty: a person rotated
	used       Use
}

func (o *outgoing) over(now time.Time) bool { return !now.Before(o.endsAt) }

// as is the token by this secret: it is the same, is older and ends sooner.
func (o *outgoing) as(t Token) Token {
	t.LastEight, t.ExpiresAt = o.lastEight, soonest(t.ExpiresAt, o.endsAt)
	if !o.madeAt.IsZero() {
		t.secretAt = o.madeAt
	}
	return t
}

const oldColumns = `digest, token_id, chain_key, last_eight, made_at, rotated_at, ends_at, settled_at, closes, request_key, used_at, used_address, used_client`

func scanOld(row interface{ Scan(...any) error }) (outgoing, error) {
	var o outgoing
	var made, rotated, ends, settled, closes, used int64
	err := row.Scan(&o.digest, &o.token, &o.chain, &o.lastEight, &made, &rotated, &ends, &settled, &closes, &o.requestKey, &used, &o.used.Address, &o.used.Client)
	if err != nil {
		return outgoing{}, err
	}
	o.madeAt, o.rotatedAt, o.endsAt, o.settledAt, o.closes, o.used.At = db.Time(made), db.Time(rotated), db.Time(ends), db.Time(settled), closes != 0, db.Time(used)
	return o, nil
}

// takeOut keeps what a token has of its secret, as an outgoing one.
func takeOut(ctx context.Context, tx *db.Tx, o outgoing) error {
	closes := 0
	if o.closes {
		closes = 1
	}
	// Of two who rotate at once one must wait for the other at the token, and not fail
	// at the secret that both take out.
	if _, err := tx.Exec(ctx, `UPDATE tokens SET closes_old = $1 WHERE id = $2`, closes, o.token); err != nil {
		return fmt.Errorf("keep old secret: %w", err)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO token_secrets (digest, token_id, key_id, lookup_id, chain_key, last_eight, made_at, rotated_at, ends_at, closes, request_key)
		SELECT digest, id, key_id, lookup_id, chain_key, last_eight, CASE WHEN secret_at = 0 THEN created_at ELSE secret_at END, $2, $3, $4, $5 FROM tokens WHERE id = $1`,
		o.token, db.Micros(o.rotatedAt), db.Micros(o.endsAt), closes, o.requestKey)
	if err != nil {
		return fmt.Errorf("keep old secret: %w", err)
	}
	return nil
}

// oldOf lists what rotations took out of a token, the newest first.
func oldOf(ctx context.Context, read db.Reader, tid id.Token) ([]outgoing, error) {
	rows, err := read.Query(ctx, `SELECT `+oldColumns+` FROM token_secrets WHERE token_id = $1 ORDER BY rotated_at DESC, ends_at DESC`, tid)
	if err != nil {
		return nil, fmt.Errorf("list old secrets: %w", err)
	}
	defer rows.Close()
	var out []outgoing
	for rows.Next() {
		o, err := scanOld(rows)
		if err != nil {
			return nil, fmt.Errorf("list old secrets: %w", err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// lookUpOld is lookUp for a secret that a rotation took out.
func (r *Room) lookUpOld(ctx context.Context, plain secret.Value) (*Verified, error) {
	for _, s := range r.o.Keys.Digests(digestLabel, stringBytes(plain.Reveal())) {
		o, err := scanOld(r.o.DB.QueryPoint(ctx, `SELECT `+oldColumns+` FROM token_secrets WHERE digest = $1`, s.Sum[:]))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("verify old secret: %w", err)
		}
		t, err := byNumber(ctx, r.o.DB, o.token)
		if err != nil {
			return nil, fmt.Errorf("verify old secret: %w", err)
		}
		if t.RevokedAt.IsZero() && o.over(r.o.Now()) {
			return nil, &Refused{Why: Replaced, Token: t, RotatedAt: o.rotatedAt, old: &o}
		}
		v, err := r.verified(o.as(t))
		if err == nil {
			v.Old, v.Closes = true, false
		}
		return v, err
	}
	return nil, &Refused{Why: Unknown}
}

func byNumber(ctx context.Context, read db.Reader, tid id.Token) (Token, error) {
	return scan(read.QueryRow(ctx, `SELECT `+columns+` FROM tokens WHERE id = $1`, tid))
}

// oldByLookup is byLookup for such a secret; its key is with it.
func (r *Room) oldByLookup(ctx context.Context, lookup []byte) (Token, outgoing, error) {
	o, err := scanOld(r.o.DB.QueryPoint(ctx, `SELECT `+oldColumns+` FROM token_secrets WHERE lookup_id = $1`, lookup))
	if err != nil {
		return Token{}, outgoing{}, err
	}
	t, err := byNumber(ctx, r.o.DB, o.token)
	return t, o, err
}

// oldByEnding is t by the secret with this ending, if that works still. It fails
// with problem.NotFound.
func (r *Room) oldByEnding(ctx context.Context, t Token, ending string) (Token, error) {
	all, err := oldOf(ctx, r.o.DB, t.ID)
	if err != nil {
		return Token{}, err
	}
	for i := range all {
		if o := &all[i]; o.lastEight == ending && !o.over(r.o.Now()) {
			t = o.as(t)
			t.closesOld = false
			return t, nil
		}
	}
	return Token{}, noSuch(sql.ErrNoRows)
}

// endOld ends the old secrets of a token that still work, and reports whether there
// were any; only those that the first use of the new one ends, if closing.
func endOld(ctx context.Context, tx *db.Tx, tid id.Token, closing bool, now time.Time) (bool, error) {
	only := ``
	if closing {
		only = ` AND closes = 1`
	}
	res, err := tx.Exec(ctx, `UPDATE token_secrets SET ends_at = $1, chain_key = NULL WHERE token_id = $2 AND ends_at > $1`+only, db.Micros(now), tid)
	if err != nil {
		return false, fmt.Errorf("end old secret: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// settle ends all old secrets of a token, whose use shall mean nothing from now on.
func settle(ctx context.Context, tx *db.Tx, tid id.Token, now time.Time) error {
	if _, err := endOld(ctx, tx, tid, false, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE token_secrets SET settled_at = $1, chain_key = NULL WHERE token_id = $2 AND settled_at = 0`, db.Micros(now), tid)
	if err != nil {
		return fmt.Errorf("settle old secrets: %w", err)
	}
	return nil
}

// settleEnded is settle for those that do not work any more.
func settleEnded(ctx context.Context, tx *db.Tx, tid id.Token, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE token_secrets SET settled_at = $1, chain_key = NULL WHERE token_id = $2 AND settled_at = 0 AND ends_at <= $1`, db.Micros(now), tid)
	if err != nil {
		return fmt.Errorf("settle old secrets: %w", err)
	}
	return nil
}

// dropOld forgets the old secrets of a token of which nothing follows any more,
// beyond some by which their holders can still be told what became of them.
func dropOld(ctx context.Context, tx *db.Tx, all []outgoing, now time.Time) error {
	for i := range all {
		if i < keptOld || now.Before(all[i].rotatedAt.Add(FreezeWithin)) {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM token_secrets WHERE digest = $1`, all[i].digest); err != nil {
			return fmt.Errorf("drop old secret: %w", err)
		}
	}
	return nil
}

func setFrozen(ctx context.Context, tx *db.Tx, tid id.Token, at time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE tokens SET frozen_at = $1 WHERE id = $2`, db.Micros(at), tid); err != nil {
		return fmt.Errorf("freeze token: %w", err)
	}
	return nil
}

func recordOldUse(ctx context.Context, tx *db.Tx, tid id.Token, ending string, u Use) error {
	_, err := tx.Exec(ctx, `UPDATE token_secrets SET used_at = $1, used_address = $2, used_client = $3 WHERE token_id = $4 AND last_eight = $5 AND used_at < $1`,
		db.Micros(u.At), u.Address, u.Client, tid, ending)
	if err != nil {
		return fmt.Errorf("record use of old secret: %w", err)
	}
	return nil
}

// OldSecret is a secret that a rotation took out of a token and that works still.
type OldSecret struct {
	LastEight string
	RotatedAt time.Time
	EndsAt    time.Time
	Closes    bool // the first use of the new secret ends it
	LastUse   Use  // zero At: not since the rotation
}

// OldSecrets returns, by token, those that still work: one at most for each.
func (r *Room) OldSecrets(ctx context.Context, read db.Reader, ids ...id.Token) (map[id.Token]OldSecret, error) {
	out := map[id.Token]OldSecret{}
	for len(ids) > 0 {
		some := ids[:min(len(ids), 500)]
		ids = ids[len(some):]
		args := []any{db.Micros(r.o.Now())}
		arg := func(v any) string {
			args = append(args, v)
			return fmt.Sprintf("$%d", len(args))
		}
		in := marks(arg, some)
		rows, err := read.Query(ctx, `SELECT `+oldColumns+` FROM token_secrets WHERE ends_at > $1 AND token_id IN (`+in+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("list old secrets: %w", err)
		}
		for rows.Next() {
			o, err := scanOld(rows)
			if err != nil {
				rows.Close()
				return nil, fmt.Errorf("list old secrets: %w", err)
			}
			out[o.token] = OldSecret{o.lastEight, o.rotatedAt, o.endsAt, o.closes, o.used}
		}
		err = rows.Err()
		rows.Close()
		if err != nil {
			return nil, fmt.Errorf("list old secrets: %w", err)
		}
	}
	return out, nil
}
