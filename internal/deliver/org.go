package deliver

import (
	"context"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// orgURL is where the API has the organisation in which the event happened.
func (f *Flow) orgURL(fields map[string]any) string {
	in, _ := fields["organization"].(map[string]any)
	u, _ := in["url"].(string)
	return u
}

// belongs adds addresses and people to a membership or an invitation.
func (f *Flow) belongs(ctx context.Context, j *hook.Job, fields map[string]any) error {
	in := f.orgURL(fields)
	if j.Event.Action == "member_invited" {
		invited, err := part(fields, "invitation")
		if err == nil {
			err = f.by(ctx, invited, "inviter")
		}
		if err != nil {
			return err
		}
		invited["node_id"] = nodeID("OrganizationInvitation", numberOf(invited))
		invited["invitation_teams_url"] = in + "/invitations/" + number(invited) + "/teams"
		return f.whole(ctx, fields, "user")
	}
	m, err := part(fields, "membership")
	if err == nil {
		err = f.by(ctx, m, "user")
	}
	if err != nil {
		return err
	}
	user, _ := m["user"].(map[string]any)
	login, _ := user["login"].(string)
	m["url"], m["organization_url"] = in+"/memberships/"+login, in
	return nil
}

// mate adds addresses and people to a place in a team.
func (f *Flow) mate(ctx context.Context, j *hook.Job, fields map[string]any) error {
	if err := f.whole(ctx, fields, "member"); err != nil {
		return err
	}
	return f.team(ctx, j, fields)
}

// team adds addresses to a team.
func (f *Flow) team(_ context.Context, _ *hook.Job, fields map[string]any) error {
	t, err := part(fields, "team")
	if err != nil {
		return err
	}
	in, _ := fields["organization"].(map[string]any)
	login, _ := in["login"].(string)
	slug, _ := t["slug"].(string)
	u := f.orgURL(fields) + "/teams/" + slug
	t["node_id"], t["parent"] = nodeID("Team", numberOf(t)), nil
	t["url"], t["html_url"], t["members_url"], t["repositories_url"] = u, f.o.Gate.URL("/orgs/"+login+"/teams/"+slug), u+"/members{/member}", u+"/repos"
	return nil
}

// whole puts the whole user in the place of a number and name.
func (f *Flow) whole(ctx context.Context, fields map[string]any, name string) error {
	who, err := part(fields, name)
	if err != nil {
		return err
	}
	fields[name] = who
	return f.by(ctx, fields, name)
}

// token says in full whose the token is.
func (f *Flow) token(ctx context.Context, fields map[string]any) error {
	t, err := part(fields, "personal_access_token")
	if err != nil {
		return err
	}
	owner, _ := t["owner"].(float64)
	if t["owner"], err = f.user(ctx, id.Account(owner), ""); err != nil {
		return err
	}
	return nil
}

// request says in full whose token an organisation's owners were asked about, and for
// which of its repositories: as they are called now, without what it owns no more.
func (f *Flow) request(ctx context.Context, j *hook.Job, fields map[string]any) error {
	q, err := part(fields, "personal_access_token_request")
	if err != nil {
		return err
	}
	if err := f.by(ctx, q, "owner"); err != nil {
		return err
	}
	numbers, chosen := q["repositories"].([]any)
	if !chosen {
		return nil
	}
	repos := []map[string]any{}
	for _, one := range numbers {
		n, _ := one.(float64)
		r, err := f.o.Repos.ByID(ctx, f.o.DB, id.Repo(n))
		switch {
		case problem.Is(err, problem.NotFound) || err == nil && r.Owner != j.Event.Org:
			continue
		case err != nil:
			return err
		}
		repos = append(repos, map[string]any{"id": r.ID, "node_id": nodeID("Repository", int64(r.ID)), "name": r.Name, "full_name": r.FullName(), "private": r.Private})
	}
	q["repositories"] = repos
	return nil
}

// transferred says in full which organisation a repository was transferred from.
func (f *Flow) transferred(ctx context.Context, fields map[string]any) error {
	changes, err := part(fields, "changes")
	if err != nil || len(changes) == 0 {
		delete(fields, "changes")
		return err
	}
	owner, _ := changes["owner"].(map[string]any)
	from, _ := owner["from"].(map[string]any)
	was, ok := from["organization"].(map[string]any)
	if !ok {
		return nil
	}
	whole, err := f.organization(ctx, id.Account(numberOf(was)))
	if problem.Is(err, problem.NotFound) {
		return nil // deleted meanwhile
	}
	from["organization"] = whole
	return err
}
