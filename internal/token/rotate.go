package token

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/notice"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// The bounds of a rotation.
const (
	MinWindow     = time.Minute
	MaxWindow     = 7 * 24 * time.Hour
	DefaultWindow = 24 * time.Hour

	// FreezeWithin is for how long after a rotation the use of the old secret, once
	// its time is over, freezes the token. Later it is refused and no more, so that
	// an old leak cannot stop programs for ever.
	FreezeWithin = 30 * 24 * time.Hour
	// underWay is for how long after its end an old secret may still be on its way
	// in requests that began before: they are refused, and nobody is alarmed.
	underWay = 5 * time.Minute
	// ByItself is for how long after a person last made its secret a token may move
	// its own end.
	ByItself = 366 * 24 * time.Hour

	maxRotations = 100 // of one token within FreezeWithin
	keptOld      = 10
)

// Labels of what a rotation derives. They never change while a window may be open.
const (
	rotatedLabel    = "rotated token/1"
	requestKeyLabel = "rotation request/1"
)

// RequestKey is what a program draws for one rotation, so that it can ask again
// when the answer was lost.
type RequestKey [16]byte

// ParseRequestKey reads 32 hexadecimal digits. A key that can't have been drawn is
// refused: whoever guesses it and has the old secret gets the new one.
func ParseRequestKey(s string) (RequestKey, error) {
	var k RequestKey
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, problem.Field("idempotency_key", "idempotency_key has 32 hexadecimal digits, drawn at random for this rotation")
	}
	copy(k[:], b)
	if n := distinct(s); n < 6 { // of 32 digits that were drawn there are fewer once in 10^12
		return k, problem.Field("idempotency_key", "idempotency_key must be drawn at random")
	}
	return k, nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, c := range s {
		seen[c] = true
	}
	return len(seen)
}

// Rotation says how a secret is replaced.
type Rotation struct {
	Window time.Duration // for how long the old one works on; never beyond its own end
	Closes bool          // the first use of the new one ends it at once
	// ExpiresAt is the new secret's end. For a person's rotation zero means never,
	// for a token's own as long again as before.
	ExpiresAt time.Time
}

// Rotated is what a rotation gave.
type Rotated struct {
	Token     Token
	Plain     secret.Value
	OldEndsAt time.Time
	Closes    bool
}

func (n *Rotation) check() error {
	if n.Window < MinWindow || n.Window > MaxWindow {
		return problem.Field("window", fmt.Sprintf("window is between %d seconds and %d", int(MinWindow.Seconds()), int(MaxWindow.Seconds())))
	}
	return nil
}

// Rotate gives a token of account a new secret, as a person asks; the old one works
// on for a while. It fails with problem.Conflict while another old one does.
func (r *Room) Rotate(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, n Rotation) (Rotated, error) {
	if err := n.check(); err != nil {
		return Rotated{}, err
	}
	if err := r.checkExpiry(n.ExpiresAt); err != nil {
		return Rotated{}, err
	}
	var out Rotated
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := byID(ctx, tx, account, tid, made)
		if err != nil {
			return err
		}
		all, err := oldOf(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		switch now := r.o.Now(); {
		case !t.FrozenAt.IsZero():
			return problem.New(problem.Conflict, "This token is frozen.", "Say first whether it was you who used the old secret.")
		case t.Expired(now):
			return problem.New(problem.Conflict, "This token has expired: no secret of it works.", "Regenerate it.")
		case len(all) > 0 && !all[0].over(now):
			return problem.New(problem.Conflict, "The secret before this one still works.", "End it first, or regenerate the token, which ends both.")
		}
		t.personAt = r.o.Now()
		next := t
		next.secretAt, next.ExpiresAt = r.o.Now(), n.ExpiresAt.UTC()
		if err := r.obey(ctx, tx, &next, inTime); err != nil {
			return err
		}
		out, err = r.rotateTx(ctx, tx, actor, t, Generate(t.Kind), all, n, nil)
		return err
	})
	return out, err
}

// RotateItself gives the token that plain is a new secret, as whoever holds it
// asks. Asked again by the same key while the old secret works, it gives the same;
// another key is refused then, and leaves a line in its owner's log.
func (r *Room) RotateItself(ctx context.Context, actor right.Actor, plain secret.Value, key RequestKey, n Rotation) (Rotated, error) {
	if err := n.check(); err != nil {
		return Rotated{}, err
	}
	var out Rotated
	var refusal error
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		out, refusal = Rotated{}, nil
		t, err := byID(ctx, tx, actor.Account, actor.Token, personal)
		if err != nil {
			return err
		}
		all, err := oldOf(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		if _, err := r.verified(t); err != nil { // it was good when the request came
			return problem.Wrap(err, problem.Unauthenticated, "The token ended meanwhile.", "")
		}
		now := r.o.Now()
		current, err := r.isSecretOf(ctx, tx, t.ID, plain)
		if err != nil {
			return err
		}
		open := len(all) > 0 && !all[0].over(now)
		switch {
		case open && r.isKey(all[0], key):
			if out, err = r.again(ctx, tx, t, all[0], plain, key, current); err != nil {
				return err
			}
			return nil
		case open:
			refusal = problem.New(problem.Conflict, "This token was rotated already, by another idempotency_key.",
				"If it was not you, somebody else has the token: its owner should revoke it. The next rotation is possible when the old secret has ended.")
			which := "new"
			if !current {
				which = "old"
			}
			return r.recordWith(ctx, tx, actor, t.Kind.deed("rotate_refused"), t, map[string]string{"why": "another idempotency key", "secret": which})
		case !current:
			return problem.New(problem.Unauthenticated, "The token ended meanwhile.", "")
		}
		recent := 0
		for _, o := range all {
			if r.isKey(o, key) {
				return problem.Field("idempotency_key", "idempotency_key was used for an earlier rotation: draw a new one")
			}
			if now.Before(o.rotatedAt.Add(FreezeWithin)) {
				recent++
			}
		}
		if recent >= maxRotations {
			return problem.New(problem.TooMany, fmt.Sprintf("This token was rotated %d times within 30 days.", recent), "Rotate it less often.")
		}
		if n.ExpiresAt, err = t.nextEnd(now, n.ExpiresAt); err != nil {
			return err
		}
		policies, err := r.o.Policies.CurrentIn(ctx, tx)
		if err != nil {
			return err
		}
		n.ExpiresAt = soonest(n.ExpiresAt, latest(policies, t.Owner, now))
		_, digest := r.o.Keys.Digest(requestKeyLabel, key[:])
		next := derived(t, r.o.Keys.Digests(rotatedLabel, derivation(t.ID, key, plain))[0].Sum)
		out, err = r.rotateTx(ctx, tx, actor, t, next, all, n, digest[:])
		return err
	})
	if err != nil {
		return Rotated{}, err
	}
	return out, refusal
}

// nextEnd is the end of a secret that its token gives itself: want, or as long again
// as the secret before. It is never a longer life than that had, and never later
// than a year after a person last made one, unless the end was later already.
func (t *Token) nextEnd(now, want time.Time) (time.Time, error) {
	most := time.Time{}
	if !t.ExpiresAt.IsZero() {
		most = soonest(now.Add(t.ExpiresAt.Sub(t.secretAt)), t.personAt.Add(ByItself))
		if most.Before(t.ExpiresAt) {
			most = t.ExpiresAt
		}
	}
	switch {
	case want.IsZero():
		return most, nil
	case !want.After(now):
		return most, problem.Field("expires_at", "expires_at must be in the future")
	case !most.IsZero() && want.After(most):
		return most, problem.Field("expires_at", "expires_at can be "+most.UTC().Format(time.RFC3339)+" at most: a token does not lengthen its own life")
	}
	return want, nil
}

// rotateTx puts plain in the place of t's secret.
func (r *Room) rotateTx(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, plain secret.Value, all []outgoing, n Rotation, requestKey []byte) (Rotated, error) {
	now := r.o.Now()
	if requestKey == nil {
		requestKey = []byte{}
	}
	o := outgoing{token: t.ID, rotatedAt: now, endsAt: soonest(t.ExpiresAt, now.Add(n.Window)), closes: n.Closes, requestKey: requestKey}
	if err := takeOut(ctx, tx, o); err != nil {
		return Rotated{}, err
	}
	if err := dropOld(ctx, tx, all, now); err != nil {
		return Rotated{}, err
	}
	m, err := r.derive(plain)
	if err != nil {
		return Rotated{}, err
	}
	old := t.LastEight
	t.LastEight, t.ExpiresAt, t.secretAt, t.closesOld = lastEight(plain), n.ExpiresAt.UTC(), now, n.Closes
	t.Carried = ""
	if err := replaceSecret(ctx, tx, t, m); err != nil {
		return Rotated{}, err
	}
	if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
		return Rotated{}, err
	}
	detail := map[string]string{"old_secret": old, "old_ends_at": o.endsAt.UTC().Format(time.RFC3339)}
	if n.Closes {
		detail["old_ends_at"] += ", or at the first use of the new secret"
	}
	if err := r.tellMade(ctx, tx, actor, t, notice.Rotated, now); err != nil {
		return Rotated{}, err
	}
	return Rotated{t, plain, o.endsAt, o.closes}, r.recordWith(ctx, tx, actor, t.Kind.deed("rotate"), t, detail)
}

// again answers a rotation that was done already. By the old secret the new one is
// derived once more; by the new one it is known.
func (r *Room) again(ctx context.Context, read db.Reader, t Token, o outgoing, plain secret.Value, key RequestKey, current bool) (Rotated, error) {
	out := Rotated{t, plain, o.endsAt, o.closes}
	if current {
		return out, nil
	}
	for _, s := range r.o.Keys.Digests(rotatedLabel, derivation(t.ID, key, plain)) {
		out.Plain = derived(t, s.Sum)
		is, err := r.isSecretOf(ctx, read, t.ID, out.Plain)
		if err != nil || is {
			return out, err
		}
	}
	return Rotated{}, problem.New(problem.Conflict, "The answer can't be given again: the server's key was replaced meanwhile.", "Its owner can regenerate the token.")
}

// derivation is what a new secret comes from: beside the server's key the token,
// the key of the request and the old secret. Neither is stored, so that the database
// with the server's keys gives no secret either.
func derivation(tid id.Token, key RequestKey, old secret.Value) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(tid))
	b = append(b, key[:]...)
	return append(b, old.Reveal()...)
}

// derived writes a sum as a token of t's kind. That 62^30 does not divide 2^256
// favours some secrets by less than one in 2^77.
func derived(t Token, sum [32]byte) secret.Value {
	var b [Length]byte
	n := copy(b[:], t.Kind.Prefix())
	v, base, digit := new(big.Int).SetBytes(sum[:]), big.NewInt(int64(len(alphabet))), new(big.Int)
	for ; n < len(Prefix)+randomLen; n++ {
		v.DivMod(v, base, digit)
		b[n] = alphabet[digit.Int64()]
	}
	end := checksum(b[len(Prefix):n])
	copy(b[n:], end[:])
	return secret.New(string(b[:]))
}

// isSecretOf reports whether plain is the secret that the token has now.
func (r *Room) isSecretOf(ctx context.Context, read db.Reader, tid id.Token, plain secret.Value) (bool, error) {
	var digest []byte
	if err := read.QueryRow(ctx, `SELECT digest FROM tokens WHERE id = $1`, tid).Scan(&digest); err != nil {
		return false, fmt.Errorf("read digest: %w", err)
	}
	for _, s := range r.o.Keys.Digests(digestLabel, stringBytes(plain.Reveal())) {
		if bytes.Equal(s.Sum[:], digest) {
			return true, nil
		}
	}
	return false, nil
}

// isKey reports whether o was rotated by the key.
func (r *Room) isKey(o outgoing, key RequestKey) bool {
	for _, s := range r.o.Keys.Digests(requestKeyLabel, key[:]) {
		if bytes.Equal(s.Sum[:], o.requestKey) {
			return true
		}
	}
	return false
}

// EndOld ends the old secret of a token of account before its time. What uses it
// still is refused, and alarms.
func (r *Room) EndOld(ctx context.Context, actor right.Actor, account id.Account, tid id.Token) (Token, error) {
	var t Token
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if t, err = byID(ctx, tx, account, tid, made); err != nil {
			return err
		}
		ended, err := endOld(ctx, tx, tid, false, r.o.Now())
		if err != nil || !ended {
			return err
		}
		return r.recordChange(ctx, tx, actor, t.Kind.deed("end_old_secret"), t, "")
	})
	return t, err
}

// CloseOld ends the old secrets that the first use of the new one ends: v, which
// Closes, is in use.
func (r *Room) CloseOld(ctx context.Context, v *Verified) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, live, err := r.LiveTx(ctx, tx, v.Account, v.Token)
		if err != nil || !live || !t.closesOld || t.LastEight != v.LastEight {
			return err // somebody else was first
		}
		if _, err := tx.Exec(ctx, `UPDATE tokens SET closes_old = 0 WHERE id = $1`, t.ID); err != nil {
			return fmt.Errorf("close old secret: %w", err)
		}
		if _, err := endOld(ctx, tx, t.ID, true, r.o.Now()); err != nil {
			return err
		}
		actor := right.Actor{Account: t.Account, Kind: t.Kind.Credential(), Token: t.ID, Note: t.Note}
		return r.recordChange(ctx, tx, actor, t.Kind.deed("end_old_secret"), t, "the new one was used")
	})
}
