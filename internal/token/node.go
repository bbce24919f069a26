package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/right"
)

// Node is a token that somebody narrowed out of another one.
type Node struct {
	Token     id.Token
	Node      string // its number, in hexadecimal
	Parent    string // the node from which it was made; empty: the token itself
	Top       string // the first node of its chain, which may be itself
	Depth     int    // how many nodes are above it
	Note      string
	Limits    []right.Limit // of all steps from the token on; what it is allowed at most
	CreatedAt time.Time     // when the server first heard of it
	ExpiresAt time.Time     // zero: with the token
	RevokedAt time.Time     // zero: live, unless one above it was revoked
	Ended     bool          // it, or one above it, was revoked
	Seen      bool          // false: the server was told to refuse it before it saw it
	Minted    bool          // by API; then Address and Client are whose until it is used
	Used      time.Time     // zero: never
	Address   string
	Client    string
}

// What a token's holder can make the server remember. Whoever holds a narrowed one
// can make many others, and shall hide none by it that was made beside it: so what
// is below one of the first ones has a bound of its own.
const (
	MaxTop    = 500 // narrowings of the token itself
	MaxBelow  = 100 // of one of these, itself included
	maxUnseen = 500 // that were revoked before they were seen

	keptOver   = 24 * time.Hour      // after its end
	keptUnused = 90 * 24 * time.Hour // when there is no room for others
)

// step is what a chain says of one of its nodes.
type step struct {
	node, parent, top, note string
	limits                  []right.Limit
}

func stepsOf(c *narrow.Chain) []step {
	var out []step
	var limits []right.Limit
	parent := ""
	for _, s := range c.Steps() {
		for _, text := range s.Limits {
			limits = append(limits, right.ParseLimit(text))
		}
		one := step{node: s.Node.String(), parent: parent, note: s.Note, limits: limits[:len(limits):len(limits)]}
		if one.top = one.node; len(out) > 0 {
			one.top = out[0].top
		}
		out = append(out, one)
		parent = one.node
	}
	return out
}

// ends is when limits end what they limit; zero: they don't.
func ends(limits []right.Limit) time.Time {
	l, err := right.NewLimits(limits)
	if err != nil || l == nil {
		return time.Time{}
	}
	return l.Until
}

// state is what is stored of a node, for decisions.
type state struct {
	parent, limits string
	seen, revoked  bool
}

// nodeState reads what is known of a node; ok is false when nothing is.
func nodeState(ctx context.Context, r db.Reader, tid id.Token, node string) (s state, ok bool, err error) {
	rows, err := r.Query(ctx, `SELECT parent, limits, seen, revoked_at FROM token_nodes WHERE token_id = $1 AND node = $2`, tid, node)
	if err != nil {
		return state{}, false, fmt.Errorf("look for a narrowed token: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var seen, revoked int64
		if err := rows.Scan(&s.parent, &s.limits, &seen, &revoked); err != nil {
			return state{}, false, fmt.Errorf("look for a narrowed token: %w", err)
		}
		s.seen, s.revoked, ok = seen != 0, revoked != 0, true
	}
	return s, ok, rows.Err()
}

// ended reports whether a node of the chain was revoked: with it ends whatever was
// made from it. elsewhere reports that one has a number that is known as another
// one's: who looks at the list must find there what the number may do.
func ended(ctx context.Context, r db.Reader, tid id.Token, steps []step) (over, elsewhere bool, err error) {
	for _, one := range steps {
		s, ok, err := nodeState(ctx, r, tid, one.node)
		if err != nil {
			return false, false, err
		}
		over = over || ok && s.revoked
		elsewhere = elsewhere || ok && s.seen && s.parent != one.parent
	}
	return over, elsewhere, nil
}

// remember keeps the nodes of a chain. It reports whether one has the number of
// another that was seen before: then the room's memory holds what must not be.
func remember(ctx context.Context, tx *db.Tx, tid id.Token, steps []step, now time.Time) (elsewhere bool, err error) {
	for _, one := range steps {
		s, known, err := nodeState(ctx, tx, tid, one.node)
		switch {
		case err != nil:
			return elsewhere, err
		case known && s.seen && s.parent != one.parent:
			return true, nil
		case known && s.seen:
			err = widen(ctx, tx, tid, one, s.limits)
		case !known:
			var room bool
			if room, err = roomFor(ctx, tx, tid, one, now); err == nil && !room {
				return elsewhere, nil // nor for what is below it
			}
			if err == nil {
				err = insertNode(ctx, tx, tid, one, now)
			}
		}
		if err != nil {
			return elsewhere, err
		}
	}
	return elsewhere, nil
}

func insertNode(ctx context.Context, tx *db.Tx, tid id.Token, s step, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO token_nodes (token_id, node, parent, top, note, limits, created_at, ends_at, seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)`,
		tid, s.node, s.parent, s.top, s.note, limitsText(s.limits), db.Micros(now), db.Micros(ends(s.limits)))
	if err != nil {
		return fmt.Errorf("remember a narrowed token: %w", err)
	}
	return nil
}

// widen keeps of a node what all that was seen of it has in common: its holder can
// put limits behind without a new number, and must not look narrower by it.
func widen(ctx context.Context, tx *db.Tx, tid id.Token, s step, stored string) error {
	common := ParseLimits(stored)
	for i := range common {
		if i >= len(s.limits) || common[i].String() != s.limits[i].String() {
			common = common[:i]
			break
		}
	}
	text := limitsText(common)
	if text == stored {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE token_nodes SET limits = $1, ends_at = $2 WHERE token_id = $3 AND node = $4`, text, db.Micros(ends(common)), tid, s.node); err != nil {
		return fmt.Errorf("remember a narrowed token: %w", err)
	}
	return nil
}

// roomFor reports whether there is room for one more node where s is, and makes
// some by forgetting what is over and, among the first ones, what nobody uses.
// What was revoked is never forgotten: its number must stay refused.
func roomFor(ctx context.Context, tx *db.Tx, tid id.Token, s step, now time.Time) (bool, error) {
	query, arg, most := `SELECT COUNT(*) FROM token_nodes WHERE token_id = $1 AND parent = '' AND seen = 1 AND revoked_at = 0 AND node <> $2`, s.node, MaxTop
	if s.parent != "" {
		query, arg, most = `SELECT COUNT(*) FROM token_nodes WHERE token_id = $1 AND top = $2 AND seen = 1`, s.top, MaxBelow
	}
	for try := range 2 {
		var n int
		if err := tx.QueryRow(ctx, query, tid, arg).Scan(&n); err != nil {
			return false, fmt.Errorf("count narrowed tokens: %w", err)
		}
		if n < most || try == 1 {
			return n < most, nil
		}
		if err := forget(ctx, tx, tid, now); err != nil {
			return false, err
		}
	}
	return false, nil
}

func forget(ctx context.Context, tx *db.Tx, tid id.Token, now time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM token_nodes WHERE token_id = $1 AND revoked_at = 0 AND seen = 1 AND (ends_at <> 0 AND ends_at < $2
		OR top IN (SELECT top FROM token_nodes WHERE token_id = $1 AND seen = 1 GROUP BY top HAVING MAX(created_at) < $3 AND MAX(used_at) < $3))`,
		tid, db.Micros(now.Add(-keptOver)), db.Micros(now.Add(-keptUnused)))
	if err != nil {
		return fmt.Errorf("forget narrowed tokens: %w", err)
	}
	return nil
}

// recordNodeUse reports whether the node is listed.
func recordNodeUse(ctx context.Context, tx *db.Tx, n Holder, u Use) (bool, error) {
	res, err := tx.Exec(ctx, `UPDATE token_nodes SET used_at = $1, used_address = $2, used_client = $3 WHERE token_id = $4 AND node = $5 AND used_at <= $1`,
		db.Micros(u.At), u.Address, u.Client, n.Token, n.Node)
	if err != nil {
		return false, fmt.Errorf("record use of a narrowed token: %w", err)
	}
	rows, err := res.RowsAffected()
	return rows > 0, err
}

// Nodes lists what was narrowed out of a token of account, as far as the server
// has heard of it: each after the one from which it was made.
func (r *Room) Nodes(ctx context.Context, account id.Account, tid id.Token) ([]Node, error) {
	if _, err := byID(ctx, r.o.DB, account, tid, anyKind); err != nil {
		return nil, err
	}
	return nodesOf(ctx, r.o.DB, tid)
}

func nodesOf(ctx context.Context, r db.Reader, tid id.Token) ([]Node, error) {
	rows, err := r.Query(ctx, `
		SELECT node, parent, top, note, limits, created_at, ends_at, revoked_at, seen, used_at, used_address, used_client, made_address, made_client
		FROM token_nodes WHERE token_id = $1 ORDER BY created_at DESC, node`, tid)
	if err != nil {
		return nil, fmt.Errorf("list narrowed tokens: %w", err)
	}
	defer rows.Close()
	children := map[string][]Node{}
	for rows.Next() {
		n := Node{Token: tid}
		var limits, address, client string
		var created, ends, revoked, seen, used int64
		if err := rows.Scan(&n.Node, &n.Parent, &n.Top, &n.Note, &limits, &created, &ends, &revoked, &seen, &used, &n.Address, &n.Client, &address, &client); err != nil {
			return nil, fmt.Errorf("list narrowed tokens: %w", err)
		}
		n.Limits, n.CreatedAt, n.ExpiresAt, n.RevokedAt, n.Used, n.Seen = ParseLimits(limits), db.Time(created), db.Time(ends), db.Time(revoked), db.Time(used), seen != 0
		if n.Minted = address != "" || client != ""; used == 0 {
			n.Address, n.Client = address, client
		}
		children[n.Parent] = append(children[n.Parent], n)
	}
	return tree(children, "", 0, false, nil), rows.Err()
}

// tree puts each node behind its parent. A circle of parents is never reached from
// the token, since each has one.
func tree(children map[string][]Node, parent string, depth int, ended bool, out []Node) []Node {
	for _, n := range children[parent] {
		n.Depth, n.Ended = depth, ended || !n.RevokedAt.IsZero()
		out = append(out, n)
		out = tree(children, n.Node, depth+1, n.Ended, out)
	}
	return out
}
