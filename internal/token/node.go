package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Node is a token that somebody narrowed out of another one.
type Node struct {
	Token     id.Token
	Node      string // its number, in hexadecimal
	Parent    string // the node from which it was made; empty: the token itself
	Note      string
	Limits    []right.Limit // of all steps from the token on
	CreatedAt time.Time     // when the server first heard of it
	RevokedAt time.Time     // zero: live
	Used      time.Time     // zero: never
	Address   string
	Client    string
}

// maxNodes bounds what a token's holder can make the server remember.
const maxNodes = 1000

// step is what a chain says of one of its nodes.
type step struct {
	node, parent, note string
	limits             []right.Limit
}

func stepsOf(c *narrow.Chain) []step {
	var out []step
	var limits []right.Limit
	parent := ""
	for _, s := range c.Steps() {
		for _, text := range s.Limits {
			limits = append(limits, right.ParseLimit(text))
		}
		out = append(out, step{node: s.Node.String(), parent: parent, note: s.Note, limits: limits[:len(limits):len(limits)]})
		parent = s.Node.String()
	}
	return out
}

// ended reports whether a node of the chain was revoked: with it ends whatever was
// made from it.
func ended(ctx context.Context, r db.Reader, tid id.Token, steps []step) (bool, error) {
	for _, s := range steps {
		var at int64
		err := r.QueryRow(ctx, `SELECT COALESCE(MAX(revoked_at), 0) FROM token_nodes WHERE token_id = $1 AND node = $2`, tid, s.node).Scan(&at)
		if err != nil {
			return false, fmt.Errorf("look for a narrowed token: %w", err)
		}
		if at != 0 {
			return true, nil
		}
	}
	return false, nil
}

// remember keeps the nodes of a chain that the server sees for the first time.
func remember(ctx context.Context, tx *db.Tx, tid id.Token, steps []step, now time.Time) error {
	for _, s := range steps {
		_, err := tx.Exec(ctx, `
			INSERT INTO token_nodes (token_id, node, parent, note, limits, created_at)
			SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT COUNT(*) FROM token_nodes WHERE token_id = $1) < $7
			ON CONFLICT (token_id, node) DO NOTHING`, tid, s.node, s.parent, s.note, limitsText(s.limits), db.Micros(now), maxNodes)
		if err != nil {
			return fmt.Errorf("remember a narrowed token: %w", err)
		}
	}
	return nil
}

func recordNodeUse(ctx context.Context, tx *db.Tx, tid id.Token, node string, u Use) error {
	_, err := tx.Exec(ctx, `UPDATE token_nodes SET used_at = $1, used_address = $2, used_client = $3 WHERE token_id = $4 AND node = $5 AND used_at < $1`,
		db.Micros(u.At), u.Address, u.Client, tid, node)
	if err != nil {
		return fmt.Errorf("record use of a narrowed token: %w", err)
	}
	return nil
}

// Nodes lists what was narrowed out of a token of account, as far as the server
// has heard of it: each after the one from which it was made.
func (r *Room) Nodes(ctx context.Context, account id.Account, tid id.Token) ([]Node, error) {
	if _, err := byID(ctx, r.o.DB, account, tid, anyKind); err != nil {
		return nil, err
	}
	rows, err := r.o.DB.Query(ctx, `
		SELECT node, parent, note, limits, created_at, revoked_at, used_at, used_address, used_client
		FROM token_nodes WHERE token_id = $1 ORDER BY created_at, node`, tid)
	if err != nil {
		return nil, fmt.Errorf("list narrowed tokens: %w", err)
	}
	defer rows.Close()
	children := map[string][]Node{}
	for rows.Next() {
		n := Node{Token: tid}
		var limits string
		var created, revoked, used int64
		if err := rows.Scan(&n.Node, &n.Parent, &n.Note, &limits, &created, &revoked, &used, &n.Address, &n.Client); err != nil {
			return nil, fmt.Errorf("list narrowed tokens: %w", err)
		}
		n.Limits, n.CreatedAt, n.RevokedAt, n.Used = parseLimits(limits), db.Time(created), db.Time(revoked), db.Time(used)
		children[n.Parent] = append(children[n.Parent], n)
	}
	return tree(children, "", nil), rows.Err()
}

// tree puts each node behind its parent. A parent that names itself, or a circle,
// is never reached from the token.
func tree(children map[string][]Node, parent string, out []Node) []Node {
	for _, n := range children[parent] {
		out = append(out, n)
		if n.Node != "" {
			out = tree(children, n.Node, out)
		}
	}
	return out
}

// RevokeNode ends a narrowed token, and what was made from it, at once and for
// good. The server need not have seen it: who made it knows its number.
func (r *Room) RevokeNode(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, node string) error {
	if _, ok := narrow.ParseNode(node); !ok {
		return problem.Field("node", "The number of a narrowed token has 32 hexadecimal digits")
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := byID(ctx, tx, account, tid, anyKind)
		if err != nil {
			return err
		}
		return r.revokeNodeTx(ctx, tx, actor, t, node, "")
	})
}

func (r *Room) revokeNodeTx(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, node, why string) error {
	now := db.Micros(r.o.Now())
	_, err := tx.Exec(ctx, `
		INSERT INTO token_nodes (token_id, node, parent, note, limits, created_at, revoked_at) VALUES ($1, $2, '', '', '', $3, $3)
		ON CONFLICT (token_id, node) DO UPDATE SET revoked_at = CASE WHEN token_nodes.revoked_at = 0 THEN $3 ELSE token_nodes.revoked_at END`, t.ID, node, now)
	if err != nil {
		return fmt.Errorf("revoke a narrowed token: %w", err)
	}
	if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
		return err
	}
	return r.recordWith(ctx, tx, actor, t.Kind.deed("revoke_narrowed"), t, map[string]string{"node": node, "why": why})
}
