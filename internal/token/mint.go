package token

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Mint narrows a token for its holder, who cannot run the command: the same as they
// would do themselves, and the server remembers it at once, with who asked and from
// where. The actor must have come by plain itself; one that was narrowed already
// mints nothing. It fails with problem.Invalid for limits that say nothing.
func (r *Room) Mint(ctx context.Context, actor right.Actor, plain secret.Value, note string, limits []right.Limit) (secret.Value, Node, error) {
	if actor.Node != "" {
		return secret.Value{}, Node{}, problem.New(problem.Forbidden, "A narrowed token makes no tokens here.", "Narrow it yourself: jeton token narrow does it without a server.")
	}
	checked, err := right.NewLimits(limits)
	switch {
	case err != nil:
		return secret.Value{}, Node{}, problem.Field("limits", err.Error())
	case checked == nil:
		return secret.Value{}, Node{}, problem.Field("limits", "nothing was said by which the token becomes weaker")
	case !checked.Until.IsZero() && !checked.Until.After(r.o.Now()):
		return secret.Value{}, Node{}, problem.Field("expires_at", "The expiration must be in the future")
	}
	texts := make([]string, len(limits))
	for i, l := range limits {
		texts[i] = l.String()
	}
	number := narrow.NewNode()
	out, err := narrow.Cut(plain, number, strings.TrimSpace(note), texts...)
	if errors.Is(err, narrow.ErrTooLong) {
		return secret.Value{}, Node{}, problem.Field("limits", "the token would be too long: give fewer limits")
	}
	if err != nil {
		return secret.Value{}, Node{}, problem.Field("note", err.Error())
	}
	chain, err := narrow.Parse(out)
	if err != nil {
		return secret.Value{}, Node{}, fmt.Errorf("mint a narrowed token: %w", err)
	}
	made := stepsOf(chain)[0]
	ev := event.From(ctx)
	n := Node{Token: actor.Token, Node: made.node, Top: made.node, Note: made.note, CreatedAt: r.o.Now().UTC(), ExpiresAt: checked.Until, Seen: true, Minted: true,
		Address: ev.Address.Unmap().String(), Client: ev.Client}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := byID(ctx, tx, actor.Account, actor.Token, anyKind)
		if err != nil {
			return err
		}
		n.Limits = append(t.Limits[:len(t.Limits):len(t.Limits)], limits...)
		room, err := roomFor(ctx, tx, t.ID, made, r.o.Now())
		if err != nil {
			return err
		}
		if !room {
			return problem.Field("limits", fmt.Sprintf("%d tokens were narrowed from this one and are live: revoke some, or let them end", MaxTop))
		}
		if err := insertNode(ctx, tx, t.ID, made, r.o.Now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE token_nodes SET made_address = $1, made_client = $2 WHERE token_id = $3 AND node = $4`, n.Address, n.Client, t.ID, made.node); err != nil {
			return fmt.Errorf("mint a narrowed token: %w", err)
		}
		return r.recordWith(ctx, tx, actor, t.Kind.deed("narrow"), t, map[string]string{"node": made.node, "node_note": made.note, "limits": limitsWords(n.Limits)})
	})
	if err != nil {
		return secret.Value{}, Node{}, err
	}
	return out, n, nil
}

// Lineage are the numbers and notes of the narrowings that links tell of, from the
// token on.
func Lineage(links []string) (out []Node) {
	if len(links) == 0 {
		return nil
	}
	for i, s := range stepsOf(&narrow.Chain{Links: links}) {
		out = append(out, Node{Node: s.node, Parent: s.parent, Top: s.top, Note: s.note, Depth: i, Limits: s.limits})
	}
	return out
}
