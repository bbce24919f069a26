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
// repository and the organisation as they are now, and who did it.
func (f *Flow) payload(ctx context.Context, j *hook.Job) ([]byte, error) {
	fields := map[string]any{}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(j.Event.Body, &body); err != nil {
		return nil, fmt.Errorf("read the event %s: %w", j.Event.GUID, err)
	}
	for name, value := range body {
		fields[name] = value
	}
	r, err := f.where(ctx, j, fields)
	if err != nil {
		return nil, err
	}
	if fields["sender"], err = f.user(ctx, id.Account(j.Event.Account), j.Event.Login); err != nil {
		return nil, err
	}
	switch j.Event.Name {
	case "push":
		err = f.push(ctx, j, &r, fields)
	case "ping":
		err = f.ping(ctx, j, &r, fields)
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
	case "repository":
		err = f.transferred(ctx, fields)
	case "organization":
		err = f.belongs(ctx, j, fields)
	case "membership":
		err = f.mate(ctx, j, fields)
	case "team":
		err = f.team(ctx, j, fields)
	case "personal_access_token":
		err = f.token(ctx, fields)
	case "personal_access_token_request":
		err = f.request(ctx, j, fields)
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

// where says in which repository and organisation it happened. Of what is no
// repository's the one returned is empty.
func (f *Flow) where(ctx context.Context, j *hook.Job, fields map[string]any) (r repoRow, err error) {
	in := j.Event.Org
	if j.Event.Repo != 0 {
		if goneBy(j) {
			was, _ := fields["repository"].(json.RawMessage) // kept with the event
			err = json.Unmarshal(was, &r)
		} else {
			r, err = f.o.Repos.ByID(ctx, f.o.DB, j.Event.Repo)
		}
		if err != nil {
			return repoRow{}, err
		}
		fields["repository"] = f.repository(&r)
		if r.OwnerIsOrg {
			in = r.Owner
		}
	}
	if in != 0 {
		fields["organization"], err = f.organization(ctx, in)
	}
	return r, err
}

// goneBy reports whether the event is the end of its repository.
func goneBy(j *hook.Job) bool { return j.Event.Name == "repository" && j.Event.Action == "deleted" }

// ping says what the hook is, as GitHub's first delivery does.
func (f *Flow) ping(ctx context.Context, j *hook.Job, r *repoRow, fields map[string]any) error {
	kind, in := "Repository", "/repos/"+r.FullName()
	switch {
	case j.Hook.Org != 0:
		o, err := f.o.Orgs.ByID(ctx, f.o.DB, j.Hook.Org, 0)
		if err != nil {
			return err
		}
		kind, in = "Organization", "/orgs/"+o.Login
	case j.Hook.Person != 0:
		kind = "User"
	}
	u := f.api(in + "/hooks/" + id.Text(j.ID))
	config := map[string]any{"url": j.URL, "content_type": j.ContentType, "insecure_ssl": "0"}
	if j.HasSecret {
		config["secret"] = "********"
	}
	fields["zen"] = "Tell others once, and let them ask no more."
	fields["hook_id"] = j.ID
	what := map[string]any{
		"type": kind, "id": j.ID, "name": "web", "active": j.Active, "events": j.Events, "config": config,
		"updated_at": stamp(j.UpdatedAt), "created_at": stamp(j.CreatedAt), "url": u, "ping_url": u + "/pings",
		"deliveries_url": u + "/deliveries",
	}
	if j.Hook.Person != 0 { // the API has none of these
		for _, name := range []string{"url", "ping_url", "deliveries_url"} {
			delete(what, name)
		}
	}
	if j.Hook.Repo != 0 {
		what["test_url"], what["last_response"] = u+"/test", map[string]any{"code": nil, "status": "unused", "message": nil}
	}
	fields["hook"] = what
	return nil
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
