package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// forkBody is what lifecycle tells of a fork.
type forkBody struct {
	Fork id.Repo `json:"fork"`
}

// memberBody is what the room of repositories tells of a collaborator.
type memberBody struct {
	Member struct {
		ID    id.Account `json:"id"`
		Login string     `json:"login"`
	} `json:"member"`
}

// payload makes what is sent of an event: what it has to say by itself, the
// repository as it is now, and who did it.
func (f *Flow) payload(ctx context.Context, j *hook.Job) ([]byte, error) {
	fields := map[string]any{}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(j.Event.Body, &body); err != nil {
		return nil, fmt.Errorf("read the event %s: %w", j.Event.GUID, err)
	}
	for name, value := range body {
		fields[name] = value
	}
	r, err := f.o.Repos.ByID(ctx, f.o.DB, j.Event.Repo)
	if err != nil {
		return nil, err
	}
	fields["repository"] = f.repository(&r)
	if r.OwnerIsOrg {
		fields["organization"] = f.organization(&r)
	}
	if fields["sender"], err = f.user(ctx, id.Account(j.Event.Account), j.Event.Login); err != nil {
		return nil, err
	}
	switch j.Event.Name {
	case "push":
		err = f.push(ctx, j, &r, fields)
	case "ping":
		f.ping(j, &r, fields)
	case "fork":
		err = f.fork(ctx, j, fields)
	case "status":
		err = f.status(ctx, &r, fields)
	case "deployment", "deployment_status":
		err = f.deployment(ctx, &r, fields)
	case "release":
		err = f.release(ctx, &r, fields)
	case "secret_scanning_alert":
		err = f.alert(ctx, j, &r, fields)
	case "member":
		var m memberBody
		if err = json.Unmarshal(j.Event.Body, &m); err == nil {
			fields["member"], err = f.user(ctx, m.Member.ID, m.Member.Login)
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

func (f *Flow) fork(ctx context.Context, j *hook.Job, fields map[string]any) error {
	var body forkBody
	if err := json.Unmarshal(j.Event.Body, &body); err != nil {
		return err
	}
	delete(fields, "fork")
	made, err := f.o.Repos.ByID(ctx, f.o.DB, body.Fork)
	if problem.Is(err, problem.NotFound) {
		return nil // deleted meanwhile
	}
	fields["forkee"] = f.repository(&made)
	return err
}

// ping says what the hook is, as GitHub's first delivery does.
func (f *Flow) ping(j *hook.Job, r *repoRow, fields map[string]any) {
	u := f.api("/repos/" + r.FullName() + "/hooks/" + itoa(int64(j.ID)))
	config := map[string]any{"url": j.URL, "content_type": j.ContentType, "insecure_ssl": "0"}
	if j.HasSecret {
		config["secret"] = "********"
	}
	fields["zen"] = "Tell others once, and let them ask no more."
	fields["hook_id"] = j.ID
	fields["hook"] = map[string]any{
		"type": "Repository", "id": j.ID, "name": "web", "active": j.Active, "events": j.Events, "config": config,
		"updated_at": stamp(j.UpdatedAt), "created_at": stamp(j.CreatedAt), "url": u, "test_url": u + "/test", "ping_url": u + "/pings",
		"deliveries_url": u + "/deliveries", "last_response": map[string]any{"code": nil, "status": "unused", "message": nil},
	}
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
