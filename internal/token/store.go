package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Labels keep what is derived from one token apart. They are part of the
// stored form and never change.
const (
	// Short on purpose: with it, a token and its padding fill one block of SHA-256.
	digestLabel  = "token/1"
	chainPurpose = "token chain key"
)

// material is what the database keeps of a secret.
type material struct {
	key    int64 // the server key of digest
	digest [32]byte
	lookup []byte // names the token without telling it
	chain  []byte // the key with which a holder narrows the token offline, sealed
}

func (r *Room) derive(plain secret.Value) (material, error) {
	var m material
	m.key, m.digest = r.o.Keys.Digest(digestLabel, []byte(plain.Reveal()))
	m.lookup = narrow.Lookup(plain)
	var err error
	m.chain, err = r.o.Keys.Seal(chainPurpose, narrow.Key(plain), m.lookup)
	if err != nil {
		return material{}, fmt.Errorf("seal chain key: %w", err)
	}
	return m, nil
}

// kinds narrows a query to some kinds of token.
type kinds string

const (
	anyKind  kinds = ""
	deploys  kinds = " AND kind = 6"
	classic  kinds = " AND kind = 0"
	ofApps   kinds = " AND kind = 1"
	fine     kinds = " AND kind = 4"
	personal kinds = " AND kind IN (0, 4)"
	made     kinds = " AND kind IN (0, 4, 6)" // those that people make, for themselves or for a machine
)

// ofOwner finds the fine-grained tokens for what is $1's. Its index holds those that have
// an owner, and kind + 0 keeps SQLite away from that of all tokens of a kind.
const ofOwner = ` WHERE owner_id = $1 AND owner_id <> 0 AND revoked_at = 0 AND kind + 0 = 4`

// personals are the kinds that people make, each by its own.
func personals(k Kind) kinds {
	switch k {
	case FineGrained:
		return fine
	case Deploy:
		return deploys
	}
	return classic
}

const columns = `id, account_id, kind, app, note, scopes, last_eight, created_at, expires_at, revoked_at,
	used_at, used_address, used_client, used_repo, used_action, description, permissions, access, owner_id, repos, parent_id, limits,
	secret_at, person_at, frozen_at, closes_old, approved_at, approved_by, barred, carried`

func scan(row interface{ Scan(...any) error }) (Token, error) {
	var t Token
	var scopes, permissions, repos, limits, barred string
	var created, expires, revoked, used, made, person, frozen, closes, approved int64
	err := row.Scan(&t.ID, &t.Account, &t.Kind, &t.App, &t.Note, &scopes, &t.LastEight, &created, &expires, &revoked,
		&used, &t.LastUse.Address, &t.LastUse.Client, &t.LastUse.Repo, &t.LastUse.Action, &t.Description, &permissions, &t.Access, &t.Owner, &repos, &t.Parent, &limits,
		&made, &person, &frozen, &closes, &approved, &t.ApprovedBy, &barred, &t.Carried)
	if err != nil {
		return Token{}, err
	}
	t.CreatedAt, t.ExpiresAt, t.RevokedAt, t.LastUse.At = db.Time(created), db.Time(expires), db.Time(revoked), db.Time(used)
	t.ApprovedAt, t.Barred = db.Time(approved), parseNumbers[id.Account](barred)
	t.FrozenAt, t.secretAt, t.personAt, t.closesOld = db.Time(frozen), t.CreatedAt, t.CreatedAt, closes != 0
	if t.Carried == replaced {
		t.Carried = ""
	}
	if made != 0 {
		t.secretAt = db.Time(made)
	}
	if person != 0 {
		t.personAt = db.Time(person)
	}
	// A scope that this program no longer knows gives nothing: dropping it is
	// the safe reading.
	t.Scopes = right.KnownScopes(right.SplitScopes(scopes))
	if t.Access != Anywhere || t.Kind.Fine() {
		t.Permissions, t.Repos = right.ParseFine(permissions), parseNumbers[id.Repo](repos)
	}
	t.Limits = ParseLimits(limits)
	return t, nil
}

// put writes t, whose secret plain is, and gives it its number.
func (r *Room) put(ctx context.Context, tx *db.Tx, t *Token, plain secret.Value) error {
	m, err := r.derive(plain)
	if err == nil {
		t.ID, err = insert(ctx, tx, *t, m)
	}
	return err
}

func insert(ctx context.Context, tx *db.Tx, t Token, m material) (id.Token, error) {
	var tid id.Token
	err := tx.QueryRow(ctx, `
		INSERT INTO tokens (account_id, kind, app, note, scopes, last_eight, created_at, expires_at, key_id, digest, lookup_id, chain_key,
			description, permissions, access, owner_id, repos, parent_id, limits, approved_at, approved_by, barred)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		RETURNING id`,
		t.Account, int64(t.Kind), t.App, t.Note, strings.Join(t.Scopes.Names(), ","), t.LastEight, db.Micros(t.CreatedAt), db.Micros(t.ExpiresAt),
		m.key, m.digest[:], m.lookup, m.chain, t.Description, t.Permissions.String(), int64(t.Access), t.Owner, numbersText(t.Repos), t.Parent, limitsText(t.Limits), db.Micros(t.ApprovedAt), t.ApprovedBy, numbersText(t.Barred)).Scan(&tid)
	if err != nil {
		return 0, fmt.Errorf("insert token: %w", err)
	}
	return tid, nil
}

func update(ctx context.Context, tx *db.Tx, t Token) error {
	_, err := tx.Exec(ctx, `UPDATE tokens SET note = $1, scopes = $2, description = $3, permissions = $4, access = $5, repos = $6, limits = $7, approved_at = $8, approved_by = $9 WHERE id = $10`,
		t.Note, strings.Join(t.Scopes.Names(), ","), t.Description, t.Permissions.String(), int64(t.Access), numbersText(t.Repos), limitsText(t.Limits), db.Micros(t.ApprovedAt), t.ApprovedBy, t.ID)
	if err != nil {
		return fmt.Errorf("update token: %w", err)
	}
	return nil
}

// replaceSecret gives t the secret of m, with all that belongs to it.
func replaceSecret(ctx context.Context, tx *db.Tx, t Token, m material) error {
	closes := 0
	if t.closesOld {
		closes = 1
	}
	_, err := tx.Exec(ctx, `
		UPDATE tokens SET expires_at = $1, last_eight = $2, key_id = $3, digest = $4, lookup_id = $5, chain_key = $6,
			secret_at = $7, person_at = $8, frozen_at = $9, closes_old = $10,
			carried = CASE WHEN carried = '' THEN '' ELSE '-' END
		WHERE id = $11`,
		db.Micros(t.ExpiresAt), t.LastEight, m.key, m.digest[:], m.lookup, m.chain, db.Micros(t.secretAt), db.Micros(t.personAt), db.Micros(t.FrozenAt), closes, t.ID)
	if err != nil {
		return fmt.Errorf("replace token secret: %w", err)
	}
	return nil
}

// revoke keeps the row, so that the token can still be named when it is
// presented again, and drops the key with which it could be narrowed.
// It reports whether the token was live until then.
func revoke(ctx context.Context, tx *db.Tx, tid id.Token, now time.Time) (bool, error) {
	res, err := tx.Exec(ctx, `UPDATE tokens SET revoked_at = $1, chain_key = NULL WHERE id = $2 AND revoked_at = 0`, db.Micros(now), tid)
	if err != nil {
		return false, fmt.Errorf("revoke token: %w", err)
	}
	if err := dropForeign(ctx, tx, tid); err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func deleteOf(ctx context.Context, tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(ctx, `DELETE FROM token_nodes WHERE token_id IN (SELECT id FROM tokens WHERE account_id = $1)`, account); err != nil {
		return fmt.Errorf("delete narrowed tokens: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM token_secrets WHERE token_id IN (SELECT id FROM tokens WHERE account_id = $1)`, account); err != nil {
		return fmt.Errorf("delete old secrets: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM token_requests WHERE token_id IN (SELECT id FROM tokens WHERE account_id = $1)`, account); err != nil {
		return fmt.Errorf("delete token requests: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM foreign_tokens WHERE token_id IN (SELECT id FROM tokens WHERE account_id = $1)`, account); err != nil {
		return fmt.Errorf("forget other systems' digests: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM tokens WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("delete tokens: %w", err)
	}
	return nil
}

func noteTaken(ctx context.Context, r db.Reader, account id.Account, except id.Token, note string, k Kind) (bool, error) {
	var n int
	err := r.QueryRow(ctx, `SELECT COUNT(1) FROM tokens WHERE account_id = $1 AND note = $2 AND revoked_at = 0 AND id <> $3`+string(personals(k)),
		account, note, except).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for note: %w", err)
	}
	return n > 0, nil
}

// below lists the live tokens that were narrowed from one, newest first.
func below(ctx context.Context, r db.Reader, parent id.Token) ([]Token, error) {
	return list(ctx, r, `SELECT `+columns+` FROM tokens WHERE parent_id = $1 AND revoked_at = 0 ORDER BY id DESC`, parent)
}

func byID(ctx context.Context, r db.Reader, account id.Account, tid id.Token, of kinds) (Token, error) {
	t, err := scan(r.QueryRow(ctx, `SELECT `+columns+` FROM tokens WHERE id = $1 AND account_id = $2 AND revoked_at = 0`+string(of), tid, account))
	if err != nil {
		return Token{}, noSuch(err)
	}
	return t, nil
}

// noSuch is err of reading one token, for people if there is none.
func noSuch(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return problem.New(problem.NotFound, "There is no such token.", "It may have been deleted. Your tokens are listed under Settings.")
	}
	return fmt.Errorf("read token: %w", err)
}

func listOf(ctx context.Context, r db.Reader, account id.Account, of kinds) ([]Token, error) {
	return list(ctx, r, `SELECT `+columns+` FROM tokens WHERE account_id = $1 AND revoked_at = 0`+string(of)+` ORDER BY id DESC`, account)
}

func list(ctx context.Context, r db.Reader, query string, args ...any) ([]Token, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// byDigest is the one indexed read of a verification.
func byDigest(ctx context.Context, d *db.DB, digest [32]byte) (Token, error) {
	return scan(d.QueryPoint(ctx, `SELECT `+columns+` FROM tokens WHERE digest = $1`, digest[:]))
}

// byLookup reads the token that a narrowed one comes from, with its sealed key.
func byLookup(ctx context.Context, d *db.DB, lookup []byte) (t Token, chain []byte, err error) {
	t, err = scan(withChain{d.QueryPoint(ctx, `SELECT `+columns+`, chain_key FROM tokens WHERE lookup_id = $1`, lookup), &chain})
	return t, chain, err
}

// withChain scans the chain key behind the columns of a token.
type withChain struct {
	row   interface{ Scan(...any) error }
	chain *[]byte
}

// Scan reads the row.
func (w withChain) Scan(to ...any) error { return w.row.Scan(append(to, w.chain)...) }

func redigest(ctx context.Context, tx *db.Tx, tid id.Token, old, sum [32]byte, key int64) error {
	_, err := tx.Exec(ctx, `UPDATE tokens SET digest = $1, key_id = $2 WHERE id = $3 AND digest = $4`, sum[:], key, tid, old[:])
	if err != nil {
		return fmt.Errorf("re-digest token: %w", err)
	}
	return nil
}

// Day is the day of a moment in microseconds, as the column used_day has it: counted from
// 1970 in UTC.
func Day(micros int64) int64 { return micros / (24 * time.Hour).Microseconds() }

// recordUse names the day only where it changes: that is indexed, and SQLite writes the
// indexes of all columns that a statement sets.
func recordUse(ctx context.Context, tx *db.Tx, tid id.Token, u Use) error {
	at := db.Micros(u.At)
	args := []any{at, u.Address, u.Client, u.Repo, u.Action, tid, Day(at)}
	const set, where = `UPDATE tokens SET used_at = $1, used_address = $2, used_client = $3, used_repo = $4, used_action = $5`, ` WHERE id = $6 AND used_at < $1`
	res, err := tx.Exec(ctx, set+where+` AND used_day = $7`, args...)
	if err != nil {
		return fmt.Errorf("record use of token: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if _, err := tx.Exec(ctx, set+`, used_day = $7`+where, args...); err != nil {
		return fmt.Errorf("record first use of a day of token: %w", err)
	}
	return nil
}

// ByIDs returns the tokens of those numbers, whoever's they are: for rooms that
// know of a token by its number. One that is not there is left out.
func (r *Room) ByIDs(ctx context.Context, read db.Reader, ids []id.Token) (map[id.Token]Token, error) {
	out := map[id.Token]Token{}
	err := db.Batches(ids, func(in string, args []any) error {
		some, err := list(ctx, read, `SELECT `+columns+` FROM tokens WHERE id IN (`+in+`)`, args...)
		for _, t := range some {
			out[t.ID] = t
		}
		return err
	})
	return out, err
}
