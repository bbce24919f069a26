package pubkey

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/signature"
)

// Signed is a commit or a tag whose signature shall be checked.
type Signed struct {
	ID      string    // the object's name
	Email   string    // the committer's or the tagger's
	When    time.Time // when they say to have made it
	Text    string    // the signature; empty when there is none
	Payload []byte    // what was signed
}

// Verdict is what is known of a signature.
type Verdict struct {
	Reason signature.Reason
	Kind   signature.Kind // of the signature; empty when there is none that can be read
	KeyID  string         // of the key that says to have made it
	Since  time.Time      // for a valid one: since when the commit and the key have both been there
}

// Verified reports whether the object was signed by a key of the account whose
// verified address its committer or tagger has.
func (v Verdict) Verified() bool { return v.Reason == signature.Valid }

const (
	// atOnce is how many objects one query asks about: a page of any list.
	atOnce = 100
	// maxCandidates bounds how many keys of an account with the same id are tried.
	maxCandidates = 4
	// budget is how long one call may compute: a key of many parts takes a while.
	// What is checked by then is remembered, so that the next call gets on.
	budget = 2 * time.Second
)

// clock ends a call's computing.
type clock struct {
	ctx context.Context
	end time.Time
}

func (c clock) over() bool { return c.ctx.Err() != nil || time.Now().After(c.end) }

// Verify checks signatures. Whatever their number up to a hundred, it costs one
// query, and one more when a signature is seen for the first time with a key.
// When ctx ends meanwhile, or it takes too long, the rest is
// signature.VerifyUnavailable.
func (r *Room) Verify(ctx context.Context, read db.Reader, signed []Signed) ([]Verdict, error) {
	out := make([]Verdict, len(signed))
	c := clock{ctx, time.Now().Add(budget)}
	for from := 0; from < len(signed); from += atOnce {
		to := min(from+atOnce, len(signed))
		if err := r.verify(c, read, signed[from:to], out[from:to]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *Room) verify(c clock, read db.Reader, signed []Signed, out []Verdict) error {
	parsed := make([]*signature.Signature, len(signed))
	emails, keys := map[string]bool{}, map[string]bool{}
	for i := range signed {
		if signed[i].Text == "" {
			out[i].Reason = signature.Unsigned
			continue
		}
		s, err := signature.Parse(signed[i].Text)
		switch {
		case err == signature.ErrUnknownType:
			out[i].Reason = signature.UnknownType
		case err != nil:
			out[i].Reason = signature.Malformed
		case signed[i].Email == "" || len(signed[i].Email) > account.MaxEmail:
			out[i] = Verdict{Reason: signature.NoUser, Kind: s.Kind, KeyID: s.KeyID}
		default:
			out[i] = Verdict{Kind: s.Kind, KeyID: s.KeyID}
			parsed[i] = s
			emails[account.EmailKey(signed[i].Email)], keys[s.KeyID] = true, true
		}
	}
	if len(emails) == 0 {
		return nil
	}
	owners, err := candidates(c.ctx, read, emails, keys)
	if err != nil {
		return err
	}
	if err := r.fetch(c, read, signed, parsed, owners); err != nil {
		return err
	}
	for i, s := range parsed {
		if s != nil {
			out[i].Reason, out[i].Since = r.judge(c, &signed[i], s, owners[account.EmailKey(signed[i].Email)])
		}
	}
	return nil
}

// owner is the account that has an address, with those of its keys that were
// asked for.
type owner struct {
	verified bool
	keys     []*candidate
}

// candidate is a key that may have made a signature.
type candidate struct {
	row    id.PublicKey // of the key that has the material
	kind   signature.Kind
	keyID  string
	emails []string
	added  time.Time
	ssh    *signature.SSHKey // read when it is needed
	pgp    *signature.PGPKey
}

func marks(from int) string {
	var b strings.Builder
	for i := range atOnce {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}

// fill makes exactly atOnce arguments of a set that is not empty, so that one
// text of the query does for any number.
func fill(set map[string]bool) []any {
	out := make([]any, 0, atOnce)
	for s := range set {
		out = append(out, s)
	}
	for len(out) < atOnce {
		out = append(out, out[0])
	}
	return out
}

func candidates(ctx context.Context, read db.Reader, emails, keys map[string]bool) (map[string]*owner, error) {
	rows, err := read.Query(ctx, `
		SELECT e.email_key, e.verified, COALESCE(p.id, k.id, 0), COALESCE(k.kind, ''), COALESCE(k.key_id, ''), COALESCE(p.emails, k.emails, ''), COALESCE(k.added_at, 0)
		FROM account_emails e
		LEFT JOIN public_keys k ON k.account_id = e.account_id AND k.key_id IN (`+marks(1)+`)
		LEFT JOIN public_keys p ON p.id = k.parent_id
		WHERE e.email_key IN (`+marks(1+atOnce)+`)`, append(fill(keys), fill(emails)...)...)
	if err != nil {
		return nil, fmt.Errorf("look for keys: %w", err)
	}
	defer rows.Close()
	out := map[string]*owner{}
	for rows.Next() {
		var email, mails string
		var o owner
		var c candidate
		var added int64
		if err := rows.Scan(&email, &o.verified, &c.row, &c.kind, &c.keyID, &mails, &added); err != nil {
			return nil, fmt.Errorf("look for keys: %w", err)
		}
		if out[email] == nil {
			out[email] = &o
		}
		if c.emails, c.added = strings.Fields(mails), db.Time(added); c.row != 0 {
			out[email].keys = append(out[email].keys, &c)
		}
	}
	return out, rows.Err()
}

// matching are the owner's keys that may have made the signature.
func (o *owner) matching(s *signature.Signature) []*candidate {
	var out []*candidate
	if o == nil || !o.verified {
		return nil
	}
	for _, c := range o.keys {
		if c.kind == s.Kind && c.keyID == s.KeyID && len(out) < maxCandidates {
			out = append(out, c)
		}
	}
	return out
}

// fetch reads the material of the keys by which a signature must still be
// checked.
func (r *Room) fetch(c clock, read db.Reader, signed []Signed, parsed []*signature.Signature, owners map[string]*owner) error {
	need := map[id.PublicKey][]*candidate{}
	for i, s := range parsed {
		if s == nil {
			continue
		}
		for _, one := range owners[account.EmailKey(signed[i].Email)].matching(s) {
			if _, ok := r.known.get(knownKey{signed[i].ID, one.row}); !ok {
				need[one.row] = append(need[one.row], one)
			}
		}
	}
	for len(need) > 0 {
		args := make([]any, 0, atOnce)
		for row := range need {
			if len(args) < atOnce {
				args = append(args, row)
			}
		}
		for len(args) < atOnce {
			args = append(args, args[0])
		}
		texts, err := materials(c.ctx, read, args)
		if err != nil {
			return fmt.Errorf("read keys: %w", err)
		}
		for _, m := range texts {
			for _, one := range need[m.row] {
				if !c.over() {
					one.read(m.kind, m.text, need[m.row][0])
				}
			}
		}
		for _, row := range args {
			delete(need, row.(id.PublicKey))
		}
	}
	return nil
}

// material is the text of a key.
type material struct {
	row  id.PublicKey
	kind signature.Kind
	text string
}

func materials(ctx context.Context, read db.Reader, args []any) ([]material, error) {
	rows, err := read.Query(ctx, `SELECT id, kind, material FROM public_keys WHERE id IN (`+marks(1)+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []material
	for rows.Next() {
		var m material
		if err := rows.Scan(&m.row, &m.kind, &m.text); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// read takes the key from its text, or from another candidate that has.
func (c *candidate) read(kind signature.Kind, text string, first *candidate) {
	switch {
	case c != first:
		c.ssh, c.pgp = first.ssh, first.pgp
	case kind == signature.SSH:
		if k, err := signature.ParseSSHKey(text); err == nil {
			c.ssh = &k
		}
	default:
		c.pgp, _ = signature.ParsePGPKey(text) // what is nil then cannot be checked
	}
}

// judge says what a signature is worth, given who has the address.
func (r *Room) judge(late clock, in *Signed, s *signature.Signature, o *owner) (signature.Reason, time.Time) {
	if o == nil {
		return signature.NoUser, time.Time{}
	}
	if !o.verified {
		return signature.UnverifiedEmail, time.Time{}
	}
	now := r.o.Now()
	reason := signature.UnknownKey
	for _, c := range o.matching(s) {
		reason = r.check(late, in, s, c).At(now)
		if reason == signature.Valid && c.kind == signature.OpenPGP && !c.names(in.Email) {
			reason = signature.BadEmail
		}
		if reason == signature.Valid {
			since := c.added
			if in.When.After(since) && in.When.Before(now) {
				since = in.When
			}
			return reason, since
		}
	}
	return reason, time.Time{}
}

// names reports whether the address is one of the key's identities.
func (c *candidate) names(email string) bool {
	for _, m := range c.emails {
		if account.EmailKey(m) == account.EmailKey(email) {
			return true
		}
	}
	return false
}

// check checks a signature by a key once, and remembers what came of it: neither
// an object nor a key's row ever changes.
func (r *Room) check(late clock, in *Signed, s *signature.Signature, c *candidate) signature.Outcome {
	key := knownKey{in.ID, c.row}
	if o, ok := r.known.get(key); ok {
		return o
	}
	var o signature.Outcome
	switch {
	case late.over():
		return signature.Outcome{Reason: signature.VerifyUnavailable}
	case c.ssh != nil:
		o = s.CheckSSH(in.Payload, *c.ssh)
	case c.pgp != nil:
		o = s.CheckPGP(in.Payload, c.pgp)
	default:
		return signature.Outcome{Reason: signature.VerifyError}
	}
	r.known.put(key, o)
	return o
}
