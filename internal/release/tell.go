package release

import (
	"context"
	"time"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/right"
)

// tell has webhooks told what became of a release: old is nil for a new one, now
// for one that is gone. Of drafts nobody is told: few may see them. Package deliver
// adds the addresses and who made it.
func (r *Room) tell(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, old, now *Release) error {
	out := func(prerelease bool) string {
		if prerelease {
			return "prereleased"
		}
		return "released"
	}
	var actions []string
	rel := now
	switch {
	case now == nil && !old.Draft:
		actions, rel = []string{"deleted"}, old
	case now == nil || now.Draft:
		return nil
	case old == nil:
		actions = []string{"created", "published", out(now.Prerelease)}
	case old.Draft:
		actions = []string{"published", out(now.Prerelease)}
	case old.Prerelease && !now.Prerelease:
		actions = []string{"edited", "released"}
	default:
		actions = []string{"edited"}
	}
	for _, action := range actions {
		if err := r.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "release", Action: action, Repo: repo, Actor: actor, Body: map[string]any{"release": rel.told()}}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Release) told() map[string]any {
	return map[string]any{
		"id": r.ID, "tag_name": r.Tag, "target_commitish": r.Target, "name": hook.OrNull(r.Name), "body": hook.OrNull(r.Body), "draft": r.Draft, "prerelease": r.Prerelease,
		"immutable": false, "created_at": r.CreatedAt.Format(time.RFC3339), "updated_at": r.UpdatedAt.Format(time.RFC3339), "published_at": r.PublishedAt.Format(time.RFC3339),
		"author": map[string]any{"id": r.Author, "login": r.Login}, "assets": []any{},
	}
}
