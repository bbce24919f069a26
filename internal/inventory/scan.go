package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
)

// row is what of a token decides whether it is asked for.
type row struct {
	id                     id.Token
	account                id.Account
	kind                   token.Kind
	scopes, permissions    string
	created, expires, used int64
	usedDay                int64
	access                 token.Access
	owner                  id.Account
	barred, limits         string
	inside                 bool // the account has a place in the organisation that asks
}

// active is when a token was last used, or else made.
func (t *row) active() int64 {
	if t.used == 0 {
		return t.created
	}
	return t.used
}

// activeDay is the day of that, as it is indexed.
func (t *row) activeDay() int64 {
	if t.usedDay == 0 {
		return token.Day(t.created)
	}
	return t.usedDay
}

// shown are the scopes that are the business of those who ask.
func (t *row) shown(org id.Account) right.ScopeSet {
	s := right.KnownScopes(right.SplitScopes(t.scopes))
	if org != 0 {
		return s.Touching()
	}
	return s
}

// touches reports whether the token can touch what is the organisation's, by what
// its account, its reach, its scopes and its limits say.
func (q *terms) touches(t *row) bool {
	if q.org == 0 {
		return true
	}
	if !t.inside || slices.Contains(token.ParseBarred(t.barred), q.org) != q.barred {
		return false
	}
	if t.kind.Fine() || t.access != token.Anywhere {
		return t.owner == q.org
	}
	return t.shown(q.org) != 0 && withinLimits(t.limits, q.orgLogin)
}

// withinLimits reports whether limits leave a repository of that owner. What is not
// understood leaves none: the token opens nothing.
func withinLimits(text, owner string) bool {
	l, err := right.NewLimits(token.ParseLimits(text))
	if err != nil {
		return false
	}
	sets := l.Repos()
	if len(sets) == 0 {
		return true
	}
	return slices.ContainsFunc(sets[0], func(one [2]string) bool {
		if !strings.EqualFold(one[0], owner) {
			return false
		}
		for _, other := range sets[1:] {
			if !slices.Contains(other, one) {
				return false
			}
		}
		return true
	})
}

// drive is a way through the tokens: along an index, which narrows as far as it can.
type drive struct {
	key   string // what they are sorted by before their number; empty: the number alone
	of    func(*row) int64
	where string
	args  []any
	up    bool // ascending
	words string
}

// activeKey is the day, since an index of the moment would be written with each use.
const activeKey = `(CASE WHEN t.used_day = 0 THEN t.created_at / 86400000000 ELSE t.used_day END)`

func byMade(t *row) int64   { return t.created }
func byActive(t *row) int64 { return t.activeDay() }
func byEnd(t *row) int64    { return t.expires }
func byNumber(*row) int64   { return 0 }

// drive chooses the way that leaves the least to look at. By the day of use it leaves
// the whole day in which a span begins: match knows the moment.
func (q *terms) drive() drive {
	const newest, oldest, unused = "the newest first", "the oldest first", "by the day, the longest unused first"
	switch {
	case q.account != 0:
		return drive{of: byNumber, where: ` AND t.account_id = $1`, args: []any{q.account}, words: newest}
	case q.of != 0:
		return drive{of: byNumber, where: ` AND t.owner_id = $1 AND t.owner_id <> 0`, args: []any{q.of}, words: newest}
	case q.barred:
		return drive{of: byNumber, where: ` AND t.barred <> ''`, words: newest}
	case q.endsBefore != 0:
		return drive{key: `t.expires_at`, of: byEnd, where: ` AND t.expires_at > $1 AND t.expires_at <= $2`, args: []any{q.now, q.endsBefore}, up: true, words: "what ends first, first"}
	case q.neverUsed:
		return drive{key: `t.created_at`, of: byMade, where: ` AND t.used_day = 0`, up: true, words: oldest}
	case q.unusedBefore != 0 && q.endless:
		return drive{key: activeKey, of: byActive, where: ` AND t.expires_at = 0 AND ` + activeKey + ` <= $1`, args: []any{token.Day(q.unusedBefore)}, up: true, words: unused}
	case q.unusedBefore != 0:
		return drive{key: activeKey, of: byActive, where: ` AND ` + activeKey + ` <= $1`, args: []any{token.Day(q.unusedBefore)}, up: true, words: unused}
	case q.expired:
		return drive{key: `t.expires_at`, of: byEnd, where: ` AND t.expires_at > 0 AND t.expires_at <= $1`, args: []any{q.now}, words: "what ended last, first"}
	case q.madeBefore != 0 && !q.ofKind:
		return drive{key: `t.created_at`, of: byMade, where: ` AND t.created_at < $1`, args: []any{q.madeBefore}, up: true, words: oldest}
	case q.usedSince != 0:
		return drive{key: activeKey, of: byActive, where: ` AND ` + activeKey + ` >= $1`, args: []any{token.Day(q.usedSince)}, words: "by the day, the last used first"}
	case q.ofKind && q.madeBefore != 0:
		return drive{key: `t.created_at`, of: byMade, where: ` AND t.kind = $1 AND t.created_at < $2`, args: []any{int64(q.kind), q.madeBefore}, up: true, words: oldest}
	case q.ofKind:
		return drive{key: `t.created_at`, of: byMade, where: ` AND t.kind = $1`, args: []any{int64(q.kind)}, words: newest}
	case q.endless:
		return drive{of: byNumber, where: ` AND t.expires_at = 0`, words: newest}
	}
	return drive{key: `t.created_at`, of: byMade, words: newest}
}

const columns = `t.id, t.account_id, t.kind, t.scopes, t.permissions, t.created_at, t.expires_at, t.used_at, t.used_day, t.access, t.owner_id, t.barred, t.limits`

// insideSQL says of a token whether its account has a place in the organisation %s:
// as a member, or as a collaborator of one of its repositories. Without the LIMIT
// PostgreSQL reads all members at once, however few tokens are looked at.
const insideSQL = `CASE WHEN (SELECT 1 FROM org_members m WHERE m.org_id = %[1]s AND m.account_id = t.account_id AND m.state = 1 LIMIT 1) IS NOT NULL
	OR (SELECT 1 FROM collaborators c JOIN repositories p ON p.id = c.repo_id WHERE c.account_id = t.account_id AND p.owner_id = %[1]s LIMIT 1) IS NOT NULL THEN 1 ELSE 0 END`

func scanRow(rows *sql.Rows) (row, error) {
	var t row
	var inside int64
	err := rows.Scan(&t.id, &t.account, &t.kind, &t.scopes, &t.permissions, &t.created, &t.expires, &t.used, &t.usedDay, &t.access, &t.owner, &t.barred, &t.limits, &inside)
	t.inside = inside != 0
	return t, err
}

func gather(ctx context.Context, read db.Reader, query string, args []any) ([]row, error) {
	rows, err := read.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look through tokens: %w", err)
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		t, err := scanRow(rows)
		if err != nil {
			return nil, fmt.Errorf("look through tokens: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// next returns the next n tokens of a way, be they asked for or not.
func (q *terms) next(ctx context.Context, read db.Reader, d drive, at *cursor, n int) ([]row, error) {
	args := slices.Clone(d.args)
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	compare, order := `<`, ` DESC`
	if d.up {
		compare, order = `>`, ``
	}
	where, by := d.where, `t.id`+order
	if d.key != "" {
		by = d.key + order + `, ` + by
	}
	switch {
	case at == nil:
	case d.key == "":
		where += ` AND t.id ` + compare + ` ` + arg(at.id)
	default:
		where += ` AND (` + d.key + `, t.id) ` + compare + ` (` + arg(at.key) + `, ` + arg(at.id) + `)`
	}
	inside := `1`
	if q.org != 0 {
		inside = fmt.Sprintf(insideSQL, arg(q.org))
	}
	return gather(ctx, read, `SELECT `+columns+`, `+inside+` FROM tokens t WHERE t.revoked_at = 0`+where+` ORDER BY `+by+` LIMIT `+arg(n), args)
}

// find looks along a way for up to limit tokens that are asked for. end is where to
// go on, nil if there is nothing more.
func (r *Room) find(ctx context.Context, q *terms, d drive, at *cursor, limit int) (found []row, end *cursor, looked int, err error) {
	if q.nobody {
		return nil, nil, 0, nil
	}
	if q.org != 0 && q.account == 0 && !q.barred && r.o.Few > 0 {
		all, few, err := r.fewOf(ctx, q)
		if err != nil {
			return nil, nil, 0, err
		}
		if few {
			found, end = q.cut(all, d, at, limit)
			return found, end, len(all), nil
		}
	}
	begun := time.Now()
	for n := max(64, 2*limit); ; n = min(2*n, 500) {
		n = min(n, r.o.Look-looked)
		some, err := q.next(ctx, r.o.DB, d, at, n)
		if err != nil {
			return nil, nil, 0, err
		}
		for i := range some {
			t := &some[i]
			if q.match(t) && q.touches(t) {
				if len(found) == limit { // there is at least one more
					return found, &cursor{d.of(&found[limit-1]), int64(found[limit-1].id)}, looked, nil
				}
				found = append(found, *t)
			}
			looked++
			at = &cursor{d.of(t), int64(t.id)}
		}
		switch {
		case len(some) < n:
			return found, nil, looked, nil
		case looked >= r.o.Look || time.Since(begun) >= r.o.Patience:
			return found, at, looked, nil
		}
	}
}

// A few tokens of an organisation's people are read whole. Beyond, it is walked
// along an index, and most of what is met is the organisation's.
const fewAccounts = 1000

// fewOf returns every token that can touch the organisation, if its people and their
// tokens are few.
func (r *Room) fewOf(ctx context.Context, q *terms) (out []row, few bool, err error) {
	people, err := r.people(ctx, q.org)
	if err != nil || len(people) > fewAccounts {
		return nil, false, err
	}
	err = db.Batches(people, func(in string, args []any) error {
		if len(out) > r.o.Few {
			return nil
		}
		some, err := gather(ctx, r.o.DB, `SELECT `+columns+`, 1 FROM tokens t WHERE t.account_id IN (`+in+`) AND t.revoked_at = 0 LIMIT `+strconv.Itoa(r.o.Few+1), args)
		out = append(out, some...)
		return err
	})
	return out, len(out) <= r.o.Few, err
}

// people are the accounts that have a place in the organisation, or more than
// fewAccounts of something when there are too many to read.
func (r *Room) people(ctx context.Context, org id.Account) ([]id.Account, error) {
	out, err := r.accounts(ctx, `SELECT account_id FROM org_members WHERE org_id = $1 AND state = 1 LIMIT $2`, org)
	if err != nil || len(out) > fewAccounts {
		return out, err
	}
	repos, err := r.accounts(ctx, `SELECT id FROM repositories WHERE owner_id = $1 LIMIT $2`, org)
	if err != nil || len(repos) > fewAccounts {
		return repos, err
	}
	outside, err := r.accounts(ctx, `SELECT c.account_id FROM repositories p JOIN collaborators c ON c.repo_id = p.id WHERE p.owner_id = $1 LIMIT $2`, org)
	if err != nil || len(outside) > fewAccounts {
		return outside, err
	}
	out = append(out, outside...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (r *Room) accounts(ctx context.Context, query string, org id.Account) ([]id.Account, error) {
	rows, err := r.o.DB.Query(ctx, query, org, fewAccounts+1)
	if err != nil {
		return nil, fmt.Errorf("who belongs to an organization: %w", err)
	}
	defer rows.Close()
	var out []id.Account
	for rows.Next() {
		var a id.Account
		if err := rows.Scan(&a); err != nil {
			return nil, fmt.Errorf("who belongs to an organization: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// cut is find for tokens that were read already.
func (q *terms) cut(all []row, d drive, at *cursor, limit int) ([]row, *cursor) {
	sign := -1
	if d.up {
		sign = 1
	}
	order := func(a, b cursor) int { return sign * cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id)) }
	place := func(t *row) cursor { return cursor{d.of(t), int64(t.id)} }
	all = slices.DeleteFunc(all, func(t row) bool {
		return !q.match(&t) || !q.touches(&t) || at != nil && order(place(&t), *at) <= 0
	})
	slices.SortFunc(all, func(a, b row) int { return order(place(&a), place(&b)) })
	if len(all) <= limit {
		return all, nil
	}
	end := place(&all[limit-1])
	return all[:limit], &end
}
