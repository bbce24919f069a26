package deployment

import (
	"context"
	"time"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/right"
)

// told is what webhooks are told of a deployment; package deliver adds the
// addresses and who made it.
func (d *Deployment) told() map[string]any {
	return map[string]any{
		"id": d.ID, "sha": d.SHA, "ref": d.Ref, "task": d.Task, "payload": d.Payload, "original_environment": d.OriginalEnvironment, "environment": d.Environment,
		"description": hook.OrNull(d.Description), "created_at": d.CreatedAt.Format(time.RFC3339), "updated_at": d.UpdatedAt.Format(time.RFC3339),
		"transient_environment": d.Transient, "production_environment": d.Production, "creator": map[string]any{"id": d.Creator, "login": d.Login},
	}
}

// tellStatus has them told of a status, with the deployment as it is then.
func (r *Room) tellStatus(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, dep id.Deployment, s *Status) error {
	d, err := r.Get(ctx, tx, repo, dep)
	if err != nil {
		return err
	}
	at := s.CreatedAt.Format(time.RFC3339)
	return r.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "deployment_status", Action: "created", Repo: repo, Actor: actor, At: s.CreatedAt, Body: map[string]any{
		"deployment": d.told(), "deployment_status": map[string]any{
			"id": s.ID, "state": s.State, "description": s.Description, "environment": s.Environment, "target_url": s.LogURL, "log_url": s.LogURL,
			"environment_url": s.EnvironmentURL, "created_at": at, "updated_at": at, "creator": map[string]any{"id": s.Creator, "login": s.Login}},
		"check_run": nil, "workflow": nil, "workflow_run": nil}})
}
