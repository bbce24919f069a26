package token

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// The ways in which other systems keep a token. The names are stored.
const (
	// PBKDF2 is Gitea's and Forgejo's since 1.15: PBKDF2 with HMAC-SHA-256, a salt for
	// each token, and beside it the last eight characters (go-gitea/gitea,
	// models/auth/access_token.go).
	PBKDF2 Scheme = "pbkdf2"
	// SHA256 is that of Gogs since 0.13 and of Soft Serve: the sum of the token's text
	// (gogs/gogs, internal/database/access_tokens.go; charmbracelet/soft-serve,
	// pkg/backend/auth.go).
	SHA256 Scheme = "sha256"
)

// Scheme is a way of keeping a token.
type Scheme string

// Gitea's numbers.
const (
	pbkdf2Rounds = 10_000
	pbkdf2Bytes  = 50
)

// maxSalt is far above what any of the systems draws.
const maxSalt = 64

// Digest is what the scheme keeps of a token's text.
func (s Scheme) Digest(plain secret.Value, salt string) ([]byte, error) {
	if s == SHA256 {
		sum := sha256.Sum256([]byte(plain.Reveal()))
		return sum[:], nil
	}
	return pbkdf2.Key(sha256.New, plain.Reveal(), []byte(salt), pbkdf2Rounds, pbkdf2Bytes)
}

// size is how long a digest of the scheme is; 0: there is no such scheme.
func (s Scheme) size() int {
	switch s {
	case PBKDF2:
		return pbkdf2Bytes
	case SHA256:
		return sha256.Size
	}
	return 0
}

// The systems from which tokens are brought over. The names are stored.
const (
	Gitea     = "gitea"
	Gogs      = "gogs"
	SoftServe = "soft-serve"
)

// replaced stands where a system did, once the token has a secret of ours.
const replaced = "-"

// SystemName is what people call a system.
func SystemName(system string) string {
	switch system {
	case Gitea:
		return "Gitea"
	case Gogs:
		return "Gogs"
	case SoftServe:
		return "Soft Serve"
	}
	return system
}

// CarryFor is how long a token that was brought over may work at most.
const CarryFor = 366 * 24 * time.Hour

// NewCarried is a token of another system.
type NewCarried struct {
	From      string // Gitea, Gogs or SoftServe
	Note      string
	Scopes    right.ScopeSet
	Limits    []right.Limit
	CreatedAt time.Time // there
	ExpiresAt time.Time
	LastEight string // empty: not known before the first use
	Scheme    Scheme
	Salt      string
	Digest    []byte
}

func (r *Room) checkCarried(n *NewCarried) (err error) {
	if n.Note, err = checkNote(n.Note); err != nil {
		return err
	}
	now := r.o.Now()
	switch {
	case n.ExpiresAt.IsZero() || !n.ExpiresAt.After(now) || n.ExpiresAt.After(now.Add(CarryFor)):
		return problem.Field("expires_at", "A token that is brought over ends within a year")
	case n.Scheme.size() == 0 || len(n.Digest) != n.Scheme.size():
		return problem.Field("digest", "The digest has not the length that it should have")
	case n.Scheme == PBKDF2 && (n.Salt == "" || len(n.Salt) > maxSalt):
		return problem.Field("salt", "The token has no salt, or one that is too long")
	case n.Scheme == PBKDF2 && !hexadecimal(n.LastEight, 8):
		return problem.Field("last_eight", "The last eight characters are not known")
	}
	if n.CreatedAt.IsZero() || n.CreatedAt.After(now) {
		n.CreatedAt = now
	}
	return checkLimits(n.Limits)
}

// CheckCarried reports early what CarryTx would refuse of what n says.
func (r *Room) CheckCarried(n NewCarried) error { return r.checkCarried(&n) }

// CarryTx makes a token of account of what another system kept of one. It works by
// the text that its owner has; nobody knows another one. It fails with
// problem.Invalid, and with problem.Conflict when the token is there already.
func (r *Room) CarryTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, n NewCarried) (Token, error) {
	if err := r.checkCarried(&n); err != nil {
		return Token{}, err
	}
	if err := mayHold(ctx, tx, account, Personal); err != nil {
		return Token{}, err
	}
	var there int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM foreign_tokens WHERE digest = $1`, n.Digest).Scan(&there); err != nil {
		return Token{}, fmt.Errorf("look for the token: %w", err)
	}
	if there > 0 {
		return Token{}, problem.New(problem.Conflict, "A token with the same digest was brought over already.", "")
	}
	var err error
	if n.Note, err = r.unusedNote(ctx, tx, account, n.Note, SystemName(n.From)); err != nil {
		return Token{}, err
	}
	m, err := r.derive(Generate(Personal)) // holds the place of digest, look-up id and chain key, and is known to nobody
	if err != nil {
		return Token{}, err
	}
	m.chain = nil
	now := r.o.Now()
	t := Token{Account: account, Note: n.Note, Scopes: n.Scopes.Normal(), Limits: n.Limits, LastEight: n.LastEight,
		CreatedAt: n.CreatedAt.UTC(), ExpiresAt: n.ExpiresAt.UTC(), Carried: n.From, secretAt: now, personAt: now}
	if t.ID, err = insert(ctx, tx, t, m); err != nil {
		return Token{}, err
	}
	_, err = tx.Exec(ctx, `UPDATE tokens SET carried = $1, secret_at = $2, person_at = $2 WHERE id = $3`, t.Carried, db.Micros(now), t.ID)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO foreign_tokens (token_id, scheme, salt, digest, last_eight, stands, deadline) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			t.ID, string(n.Scheme), n.Salt, n.Digest, n.LastEight, m.digest[:], db.Micros(t.ExpiresAt))
	}
	if err != nil {
		return Token{}, fmt.Errorf("bring a token over: %w", err)
	}
	if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
		return Token{}, err
	}
	return t, r.recordWith(ctx, tx, actor, t.Kind.deed("create"), t, map[string]string{"from": SystemName(n.From)})
}

// unusedNote is note, or that with a word behind it, if the account has such a note.
func (r *Room) unusedNote(ctx context.Context, tx *db.Tx, account id.Account, note, system string) (string, error) {
	for i := 1; i <= 100; i++ {
		try := note
		if i > 1 {
			end := fmt.Sprintf(" (from %s, %d)", system, i)
			try = cutNote(note, maxNote-len(end)) + end
		}
		taken, err := noteTaken(ctx, tx, account, 0, try, Personal)
		if err != nil || !taken {
			return try, err
		}
	}
	return "", problem.Field("note", "Note has already been taken")
}

// cutNote is s, or as many whole characters of it as n bytes hold.
func cutNote(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// foreignForm reports whether s has exactly the form that a token of Gitea, Forgejo
// or Gogs has, or one of Soft Serve.
func foreignForm(s string) bool {
	if len(s) == 43 && s[:3] == "ss_" {
		s = s[3:]
	}
	return hexadecimal(s, 40)
}

// ForeignForm is foreignForm, for those who look where a token may stand.
func ForeignForm(s string) bool { return foreignForm(s) }

func hexadecimal(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// The bounds of what a string costs that may be a token of Gitea's: it is meant to
// take long.
const (
	maxCandidates = 8 // that end alike, of which one may be meant
	waitForTurn   = 3 * time.Second
	waiting       = 16 // of one network
)

// slowRate is how many times one network may have it computed in vain.
func slowRate() limit.Rate { return limit.Rate{Count: 60, Per: time.Minute, Burst: 64} }

// foreigners keeps the ways of other systems from costing more than they may.
type foreigners struct {
	line  *limit.Line    // one at a time
	rate  *limit.Limiter // by network
	tried atomic.Int64   // how often it was computed

	mu         sync.Mutex
	generation uint64 // guarded by mu
	known, any bool   // whether a token was brought over; guarded by mu
}

func newForeign(now func() time.Time) *foreigners {
	return &foreigners{line: limit.NewLine(limit.LineOptions{PerKey: 1, Total: 1, Waiting: waiting, Wait: waitForTurn}), rate: limit.New(limit.Options{Now: now, Size: 10_000})}
}

// changed forgets whether there are any.
func (f *foreigners) changed() {
	f.mu.Lock()
	f.generation++
	f.known = false
	f.mu.Unlock()
}

// carries reports whether any token was ever brought over. Where none was, strings of
// another system's form are as little looked at as ever.
func (r *Room) carries(ctx context.Context) (bool, error) {
	f := r.foreign
	f.mu.Lock()
	known, there, generation := f.known && r.o.Change.Fresh(), f.any, f.generation
	f.mu.Unlock()
	if known {
		return there, nil
	}
	var n int
	err := r.o.DB.QueryRow(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM tokens WHERE carried <> '') THEN 1 ELSE 0 END`).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for tokens that were brought over: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.generation == generation {
		f.known, f.any = true, n > 0
	}
	return n > 0, nil
}

// verifyForeign is Verify for a string of another system's form. What it does not
// find is as malformed as if nothing had ever been brought over.
func (r *Room) verifyForeign(ctx context.Context, plain secret.Value) (*Verified, error) {
	if there, err := r.carries(ctx); err != nil {
		return nil, err
	} else if !there {
		return nil, &Refused{Why: Malformed}
	}
	_, digest := r.o.Keys.Digest(digestLabel, stringBytes(plain.Reveal()))
	if v := r.remembered(&digest); v != nil && !(v.Old && r.over(v)) {
		return r.unlessOver(v)
	}
	v, err := r.lookUp(ctx, plain, digest)
	if !unknown(err) {
		return v, err
	}
	found, err := r.matching(ctx, plain)
	if err != nil {
		return nil, err
	}
	if found != 0 {
		if err := r.adopt(ctx, found, plain); err != nil {
			return nil, err
		}
	}
	// Where nothing was found, another request may have been first; where something
	// was, it may have been revoked in the same moment.
	if v, err = r.lookUp(ctx, plain, digest); unknown(err) {
		err = &Refused{Why: Malformed}
	}
	return v, err
}

func unknown(err error) bool {
	refused, ok := errors.AsType[*Refused](err)
	return ok && refused.Why == Unknown
}

// matching is the token that has plain as another system kept it; 0: none.
func (r *Room) matching(ctx context.Context, plain secret.Value) (found id.Token, err error) {
	sum, err := SHA256.Digest(plain, "")
	if err != nil {
		return 0, err
	}
	err = r.o.DB.QueryPoint(ctx, `SELECT token_id FROM foreign_tokens WHERE digest = $1 AND scheme = 'sha256'`, sum).Scan(&found)
	if !errors.Is(err, sql.ErrNoRows) {
		return found, err
	}
	s := plain.Reveal()
	if len(s) != 40 {
		return 0, nil
	}
	like, err := r.endingIn(ctx, s[len(s)-8:])
	if err != nil || len(like) == 0 {
		return 0, err
	}
	from := limit.Network(event.From(ctx).Address)
	if s := r.foreign.rate.Take(from, slowRate(), len(like)); !s.OK {
		return 0, &problem.Error{Kind: problem.Unavailable, Public: "Too many tokens that do not exist were tried from your network.", Remedy: "Try again in a moment.", After: int(s.RetryAfter/time.Second) + 1}
	}
	leave, err := r.foreign.line.Enter(ctx, from)
	if err != nil {
		r.foreign.rate.Return(from, slowRate(), len(like))
		return 0, err
	}
	defer leave()
	for _, c := range like {
		r.foreign.tried.Add(1)
		got, err := PBKDF2.Digest(plain, c.salt)
		if err != nil {
			return 0, err
		}
		if subtle.ConstantTimeCompare(got, c.digest) == 1 {
			r.foreign.rate.Return(from, slowRate(), len(like))
			return c.token, nil
		}
	}
	return 0, nil
}

// candidate is a token of Gitea's that ends as one does that was presented.
type candidate struct {
	token  id.Token
	salt   string
	digest []byte
}

func (r *Room) endingIn(ctx context.Context, lastEight string) ([]candidate, error) {
	rows, err := r.o.DB.Query(ctx, `SELECT token_id, salt, digest FROM foreign_tokens WHERE last_eight = $1 AND scheme = 'pbkdf2' ORDER BY token_id LIMIT $2`, lastEight, maxCandidates)
	if err != nil {
		return nil, fmt.Errorf("look for tokens that were brought over: %w", err)
	}
	defer rows.Close()
	var out []candidate
	for rows.Next() {
		var c candidate
		if err := rows.Scan(&c.token, &c.salt, &c.digest); err != nil {
			return nil, fmt.Errorf("look for tokens that were brought over: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// adopt gives a token that was brought over what we keep of our own, of the text by
// which it was used for the first time, and forgets what the other system kept. Of
// two who use it at the same time the second finds it done. If its secret was rotated
// before it was ever used, the text is that of the secret before.
func (r *Room) adopt(ctx context.Context, tid id.Token, plain secret.Value) error {
	m, err := r.derive(plain)
	if err != nil {
		return err
	}
	err = r.o.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error { // whoever hangs up does not have it computed again
		var stands []byte
		err := tx.QueryRow(ctx, `SELECT stands FROM foreign_tokens WHERE token_id = $1`, tid).Scan(&stands)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM foreign_tokens WHERE token_id = $1`, tid)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		for _, q := range []string{
			`UPDATE tokens SET key_id = $1, digest = $2, lookup_id = $3, chain_key = $4, last_eight = $5 WHERE digest = $6`,
			`UPDATE token_secrets SET key_id = $1, digest = $2, lookup_id = $3, chain_key = $4, last_eight = $5 WHERE digest = $6`,
		} {
			if _, err := tx.Exec(ctx, q, m.key, m.digest[:], m.lookup, m.chain, lastEight(plain), stands); err != nil {
				return err
			}
		}
		t, err := byNumber(ctx, tx, tid)
		if err != nil {
			return err
		}
		actor := right.Actor{Account: t.Account, Kind: t.Kind.Credential(), Token: t.ID, Note: t.Note}
		return r.recordWith(ctx, tx, actor, t.Kind.deed("first_use"), t, map[string]string{"from": SystemName(t.Carried)}) // of one that was rotated meanwhile it is not said
	})
	if err != nil {
		return fmt.Errorf("digest a token anew that was brought over: %w", err)
	}
	return nil
}

// dropForeign forgets what another system kept of a token.
func dropForeign(ctx context.Context, tx *db.Tx, tid id.Token) error {
	if _, err := tx.Exec(ctx, `DELETE FROM foreign_tokens WHERE token_id = $1`, tid); err != nil {
		return fmt.Errorf("forget another system's digest: %w", err)
	}
	return nil
}

// EndCarried forgets what other systems kept of tokens that were not used here in
// time.
func (r *Room) EndCarried(ctx context.Context) error {
	var n int
	if err := r.o.DB.QueryRow(ctx, `SELECT COUNT(*) FROM foreign_tokens WHERE deadline <= $1`, db.Micros(r.o.Now())).Scan(&n); err != nil || n == 0 {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM foreign_tokens WHERE deadline <= $1`, db.Micros(r.o.Now()))
		return err
	})
}
