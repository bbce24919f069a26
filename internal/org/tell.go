package org

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/right"
)

// object is a part of what webhooks are told.
type object = map[string]any

// tell has the organisation's webhooks told, if the transaction is committed. repo
// is zero where no repository has part in it.
func (m *Room) tell(ctx context.Context, tx *db.Tx, actor right.Actor, org id.Account, repo id.Repo, event, action string, body object) error {
	return m.o.Hooks.Emit(ctx, tx, hook.Deed{Event: event, Action: action, Repo: repo, Org: org, Actor: actor, Body: body})
}

func (x *Membership) user() object { return object{"id": x.Account, "login": x.Login} }

// tellMember says that somebody belongs to the organisation now, or no more, with
// their places in its teams, which count only beside it.
func (m *Room) tellMember(ctx context.Context, tx *db.Tx, actor right.Actor, x *Membership, teams []FoundTeam, action string) error {
	body := object{"membership": object{"state": "active", "role": x.Role.String(), "user": x.user()}}
	if err := m.tell(ctx, tx, actor, x.Org, 0, "organization", "member_"+action, body); err != nil {
		return err
	}
	for i := range teams {
		if err := m.tellMate(ctx, tx, actor, &teams[i].Team, x.user(), action); err != nil {
			return err
		}
	}
	return nil
}

// teamsIn are the organisation's teams that an account has a place in, also while
// its membership is not active.
func (m *Room) teamsIn(ctx context.Context, r db.Reader, org, who id.Account) ([]FoundTeam, error) {
	return m.teams(ctx, r, `WHERE t.org_id = $1 AND tm.role IS NOT NULL ORDER BY t.slug`, org, who)
}

func (m *Room) tellInvited(ctx context.Context, tx *db.Tx, actor right.Actor, x *Membership) error {
	role := "direct_member"
	if x.Role == Owner {
		role = "admin"
	}
	return m.tell(ctx, tx, actor, x.Org, 0, "organization", "member_invited", object{"user": x.user(), "invitation": object{
		"id": x.ID, "login": x.Login, "email": nil, "role": role, "created_at": x.Since, "failed_at": nil, "failed_reason": nil,
		"inviter": object{"id": x.InvitedBy, "login": x.ByLogin}, "team_count": 0, "invitation_source": "member",
	}})
}

// tellMate says that somebody is in a team now, or no more.
func (m *Room) tellMate(ctx context.Context, tx *db.Tx, actor right.Actor, t *Team, user object, action string) error {
	return m.tell(ctx, tx, actor, t.Org, 0, "membership", action, object{"scope": "team", "member": user, "team": t.told()})
}

// tellTeam says what became of a team.
func (m *Room) tellTeam(ctx context.Context, tx *db.Tx, actor right.Actor, t *Team, repo id.Repo, action string, changes object) error {
	body := object{"team": t.told()}
	if changes != nil {
		body["changes"] = changes
	}
	return m.tell(ctx, tx, actor, t.Org, repo, "team", action, body)
}

func (t *Team) told() object {
	out := object{"id": t.ID, "name": t.Name, "slug": t.Slug, "description": nil, "privacy": t.privacy(), "permission": "pull", "notification_setting": "notifications_disabled"}
	if t.Description != "" {
		out["description"] = t.Description
	}
	return out
}

// privacy is GitHub's word.
func (t *Team) privacy() string {
	if t.Secret {
		return "secret"
	}
	return "closed"
}

// changes are what is different of a team from before.
func (t *Team) changes(now *Team) object {
	out := object{}
	for name, one := range map[string][2]string{"name": {t.Name, now.Name}, "description": {t.Description, now.Description}, "privacy": {t.privacy(), now.privacy()}} {
		if one[0] != one[1] {
			out[name] = object{"from": one[0]}
		}
	}
	return out
}

// permissions are GitHub's words for a level on a repository.
func permissions(l right.Level) object {
	return object{"pull": l >= right.Read, "push": l >= right.Write, "admin": l >= right.Admin}
}
