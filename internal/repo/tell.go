package repo

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/right"
)

// object is a part of what webhooks are told.
type object = map[string]any

// tell has the webhooks of the repository, and of the organisation that owns it,
// told, if the transaction is committed.
func (m *Room) tell(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, event, action string, body object) error {
	return m.o.Hooks.Emit(ctx, tx, hook.Deed{Event: event, Action: action, Repo: repo, Actor: actor, Body: body})
}

// tellDeleted tells the organisation's webhooks: the repository's are gone with it.
// There is nothing to look up any more when it is told, so that it is kept here.
func (m *Room) tellDeleted(ctx context.Context, tx *db.Tx, actor right.Actor, was *Repo) error {
	if !was.OwnerIsOrg {
		return nil
	}
	return m.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "repository", Action: "deleted", Repo: was.ID, Org: was.Owner, Actor: actor, Body: object{"repository": was}})
}

// tellTransferred says whose the repository was. It is told to the new owner's
// webhooks, as on GitHub.
func (m *Room) tellTransferred(ctx context.Context, tx *db.Tx, actor right.Actor, old *Repo) error {
	kind := "user"
	if old.OwnerIsOrg {
		kind = "organization"
	}
	body := object{"changes": object{"owner": object{"from": object{kind: object{"id": old.Owner, "login": old.OwnerLogin}}}}}
	return m.tell(ctx, tx, actor, old.ID, "repository", "transferred", body)
}

// from is how GitHub writes that something was another before.
func from(field string, was any) object { return object{"changes": object{field: object{"from": was}}} }

// tellUpdate says what is different from before.
func (m *Room) tellUpdate(ctx context.Context, tx *db.Tx, actor right.Actor, old, now *Repo) error {
	visible := "privatized"
	if old.Private {
		visible = "publicized"
	}
	archived := "archived"
	if old.Archived {
		archived = "unarchived"
	}
	for _, one := range []struct {
		did           bool
		event, action string
		body          object
	}{
		{old.Name != now.Name, "repository", "renamed", object{"changes": object{"repository": object{"name": object{"from": old.Name}}}}},
		{old.Description != now.Description, "repository", "edited", from("description", old.Description)},
		{old.DefaultBranch != now.DefaultBranch, "repository", "edited", from("default_branch", old.DefaultBranch)},
		{old.Private != now.Private, "repository", visible, nil},
		{old.Private && !now.Private, "public", "", nil},
		{old.Archived != now.Archived, "repository", archived, nil},
	} {
		if !one.did {
			continue
		}
		if err := m.tell(ctx, tx, actor, now.ID, one.event, one.action, one.body); err != nil {
			return err
		}
	}
	return nil
}

// tellMember says that somebody's access is another. No level is none.
func (m *Room) tellMember(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, who id.Account, login string, before, level right.Level) error {
	body, action := object{"member": object{"id": who, "login": login}}, "edited"
	switch {
	case level == right.None:
		action = "removed"
	case before == right.None:
		action = "added"
		body["changes"] = object{"permission": object{"to": level.String()}}
	default:
		body["changes"] = object{"permission": object{"from": before.String(), "to": level.String()}}
	}
	return m.tell(ctx, tx, actor, repo, "member", action, body)
}
