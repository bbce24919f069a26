package gate

import (
	"context"
	"fmt"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/event"
	"jeton/internal/ledger"
	"jeton/internal/narrow"
	"jeton/internal/right"
)

// noticeRefusal writes into the owner's security log that a token which is no
// longer good was presented: somebody still has it.
func (g *Gate) noticeRefusal(ctx context.Context, r *Refusal) {
	if r.of.ID == 0 {
		return
	}
	ev := event.From(ctx)
	g.o.Ledger.Refused(ledger.Use{Token: r.of.ID, Node: r.node, Account: r.of.Account, Address: ev.Address, Client: ev.Client}, "refused: "+r.Why.String())
	actor := right.Actor{Account: r.of.Account, Kind: r.of.Kind.Credential(), Token: r.of.ID, App: r.of.App, Note: r.of.Note, Node: r.node}
	detail := map[string]string{"why": r.Why.String()}
	if r.manager != "" {
		detail["suspended"] = r.manager
	}
	g.notice(ctx, fmt.Sprintf("%d %s %s", r.of.ID, r.top, r.Why), audit.Entry{
		Action: "oauth_access.refused", Actor: actor, Account: r.of.Account, Target: r.of.Note, Detail: detail,
	})
}

// noticeDenial writes into the owner's security log that a good token was used
// for what it may not do. asked is the repository's name as it was asked for.
func (g *Gate) noticeDenial(ctx context.Context, actor *right.Actor, d *Denied, r *Repo, asked string) {
	if !actor.IsToken() {
		return
	}
	e := audit.Entry{
		Action: "oauth_access.denied", Actor: *actor, Account: actor.Account, Target: asked,
		Detail: map[string]string{"why": d.Reason.String(), "for": d.Action.String()},
	}
	if d.Tell {
		e.Repo = r.ID
	}
	if actor.Kind.Fine() && d.Reason == right.GrantMissing {
		e.Detail["needs"] = d.Permission
	} else if len(d.Scopes) > 0 {
		e.Detail["needs"] = strings.Join(d.Scopes, " or ")
	}
	g.notice(ctx, fmt.Sprintf("%d %s %s %s", actor.Token, narrow.First(actor.Links), d.Action, d.Reason), e)
}

// notice writes e unless the same was written within the hour: a script that
// asks again and again must not fill the log. What was narrowed out of a token
// counts by the first narrowing, which the token's holder made: the holder of one
// hides nothing of the others, and fills nothing with those that they make of it.
func (g *Gate) notice(ctx context.Context, key string, e audit.Entry) {
	if g.refusals.noticed.Add(key) > 1 {
		return
	}
	if err := g.o.Audit.RecordAlone(context.WithoutCancel(ctx), e); err != nil { // whoever hangs up does not take the line away
		g.o.Log.ErrorContext(ctx, "the security log can't be written", "err", err)
	}
}
