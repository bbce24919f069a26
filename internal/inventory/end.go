package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Most is how many tokens one request ends.
const Most = 1000

// together is how many are ended in one transaction, so that it holds nobody up.
const together = 50

const maxReason = 300

// Done is what became of the tokens that were to end.
type Done struct {
	Ended  int
	Barred int // shut out of what is the organisation's
	LetIn  int
	Gone   int // they had ended, or are not for those who ask
}

// Count returns how many tokens a reason for their end was given for.
func (d Done) Count() int { return d.Ended + d.Barred + d.LetIn }

// Choose returns up to Most tokens that match, for a question whether to end them:
// the lines of those that ids names, or, without ids, the first that are found. more
// says that others match too, or were not looked at.
func (r *Room) Choose(ctx context.Context, v View, f Filter, ids []id.Token) (lines []Line, more bool, err error) {
	q, err := r.terms(ctx, v, f)
	if err != nil {
		return nil, false, err
	}
	var found []row
	if ids != nil {
		found, err = r.named(ctx, r.o.DB, &q, ids[:min(len(ids), Most)])
		more = len(ids) > Most
	} else {
		var end *cursor
		found, end, _, err = r.find(ctx, &q, q.drive(), nil, Most)
		more = end != nil
	}
	if err != nil {
		return nil, false, err
	}
	lines, err = r.lines(ctx, v, found)
	return lines, more, err
}

// named returns those of some tokens that are asked for, in the order of ids.
func (r *Room) named(ctx context.Context, read db.Reader, q *terms, ids []id.Token) ([]row, error) {
	at := map[id.Token]row{}
	err := db.Batches(ids, func(in string, args []any) error {
		inside := `1`
		if q.org != 0 {
			args = append(args, int64(q.org))
			inside = fmt.Sprintf(insideSQL, fmt.Sprintf("$%d", len(args)))
		}
		some, err := gather(ctx, read, `SELECT `+columns+`, `+inside+` FROM tokens t WHERE t.id IN (`+in+`) AND t.revoked_at = 0`, args)
		for _, t := range some {
			if q.match(&t) && q.touches(&t) {
				at[t.id] = t
			}
		}
		return err
	})
	var out []row
	for _, one := range ids {
		if t, ok := at[one]; ok {
			out = append(out, t)
			delete(at, one)
		}
	}
	return out, err
}

// End ends those of the tokens that are still what v and the filter ask for. To an
// organisation a token that is for it alone ends, and any other is shut out of what
// is the organisation's. Tokens are ended some at a time: what Done tells is done,
// also beside an error. It fails with problem.Invalid for more than Most.
func (r *Room) End(ctx context.Context, actor right.Actor, v View, f Filter, ids []id.Token, reason string) (Done, error) {
	return r.each(ctx, v, f, ids, reason, func(tx *db.Tx, t *row, why string, done *Done) error {
		if v.Org != 0 && (t.access == token.Anywhere || t.owner != v.Org) {
			done.Barred++
			return r.o.Tokens.BarTx(ctx, tx, actor, v.Org, t.id, why)
		}
		live, err := r.o.Tokens.EndTx(ctx, tx, actor, v.Org, t.id, why)
		if live {
			done.Ended++
		}
		return err
	})
}

// LetIn takes back that an organisation shut some tokens out.
func (r *Room) LetIn(ctx context.Context, actor right.Actor, v View, ids []id.Token, reason string) (Done, error) {
	if v.Org == 0 {
		return Done{}, problem.New(problem.Invalid, "A token that has ended does not come back.", "Its owner can make a new one.")
	}
	return r.each(ctx, v, Filter{Barred: "yes"}, ids, reason, func(tx *db.Tx, t *row, why string, done *Done) error {
		done.LetIn++
		return r.o.Tokens.UnbarTx(ctx, tx, actor, v.Org, t.id, why)
	})
}

func (r *Room) each(ctx context.Context, v View, f Filter, ids []id.Token, reason string, one func(*db.Tx, *row, string, *Done) error) (Done, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case !utf8.ValidString(reason) || strings.ContainsRune(reason, 0): // PostgreSQL keeps neither
		return Done{}, problem.Field("reason", "The reason must be valid UTF-8 without a NUL.")
	case utf8.RuneCountInString(reason) > maxReason:
		return Done{}, problem.Field("reason", fmt.Sprintf("The reason is too long (maximum is %d characters)", maxReason))
	case len(ids) > Most:
		return Done{}, problem.Field("ids", fmt.Sprintf("These are more than %d tokens: choose fewer at once", Most))
	}
	q, err := r.terms(ctx, v, f)
	if err != nil {
		return Done{}, err
	}
	var all Done
	for some := range slices.Chunk(ids, together) {
		var done Done
		err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
			done = Done{} // it may be called again
			found, err := r.named(ctx, tx, &q, some)
			if err != nil {
				return err
			}
			for i := range found {
				if err := one(tx, &found[i], reason, &done); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return all, err
		}
		all.Ended, all.Barred, all.LetIn = all.Ended+done.Ended, all.Barred+done.Barred, all.LetIn+done.LetIn
		all.Gone += len(some) - done.Count()
	}
	return all, nil
}
