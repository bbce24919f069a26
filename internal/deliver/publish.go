package deliver

import (
	"context"
	"encoding/json"
	"net/url"

	"jeton/internal/gitstore/object"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// part reads an object of the event that is told, to add to it.
func part(fields map[string]any, name string) (map[string]any, error) {
	raw, ok := fields[name].(json.RawMessage)
	if !ok {
		return map[string]any{}, nil
	}
	out := map[string]any{}
	err := json.Unmarshal(raw, &out)
	fields[name] = out
	return out, err
}

// by puts the whole user in the place of an account's number and name.
func (f *Flow) by(ctx context.Context, of map[string]any, name string) (err error) {
	who, _ := of[name].(map[string]any)
	login, _ := who["login"].(string)
	of[name], err = f.user(ctx, id.Account(numberOf(who)), login)
	return err
}

// numberOf is the id of a part.
func numberOf(of map[string]any) int64 {
	n, _ := of["id"].(float64)
	return int64(n)
}

// number is the id of a part, as addresses have it.
func number(of map[string]any) string { return id.Text(numberOf(of)) }

// status adds the commit that a status is of, and the branches that are there.
func (f *Flow) status(ctx context.Context, r *repoRow, fields map[string]any) error {
	var sha string
	if raw, ok := fields["sha"].(json.RawMessage); ok {
		if err := json.Unmarshal(raw, &sha); err != nil {
			return err
		}
	}
	u, page := f.api("/repos/"+r.FullName()+"/commits/"), f.o.Gate.URL("/"+r.FullName()+"/commit/")
	commit := map[string]any{"sha": sha, "url": u + sha, "html_url": page + sha}
	branches := []any{}
	v, err := f.o.Git.Repo(r.ID).View(ctx, sha)
	if problem.Is(err, problem.Unavailable) {
		return err // later
	}
	if err == nil { // a commit that nothing reaches any more is told without what it says
		defer v.Close()
		c := &v.Commit
		commit["commit"] = map[string]any{"author": identify(c.Author), "committer": identify(c.Committer), "message": c.Message, "tree": map[string]any{"sha": c.Tree}}
		for _, b := range v.Refs.Branches() {
			if b.Commit() == object.ID(sha) && len(branches) < 10 { // GitHub's bound
				branches = append(branches, map[string]any{"name": b.Short(), "commit": map[string]any{"sha": sha, "url": u + sha}, "protected": false})
			}
		}
	}
	fields["name"], fields["commit"], fields["branches"] = r.FullName(), commit, branches
	return nil
}

// deployment adds addresses and people to a deployment and its status.
func (f *Flow) deployment(ctx context.Context, r *repoRow, fields map[string]any) error {
	d, err := part(fields, "deployment")
	if err == nil {
		err = f.by(ctx, d, "creator")
	}
	if err != nil {
		return err
	}
	in := f.api("/repos/" + r.FullName())
	u := in + "/deployments/" + number(d)
	d["url"], d["statuses_url"], d["repository_url"] = u, u+"/statuses", in
	if _, has := fields["deployment_status"]; !has {
		return nil
	}
	s, err := part(fields, "deployment_status")
	if err == nil {
		err = f.by(ctx, s, "creator")
	}
	s["url"], s["deployment_url"], s["repository_url"] = u+"/statuses/"+number(s), u, in
	return err
}

// release adds addresses and people to a release.
func (f *Flow) release(ctx context.Context, r *repoRow, fields map[string]any) error {
	rel, err := part(fields, "release")
	if err == nil {
		err = f.by(ctx, rel, "author")
	}
	if err != nil {
		return err
	}
	tag, _ := rel["tag_name"].(string)
	if rel["target_commitish"] == "" {
		rel["target_commitish"] = r.DefaultBranch
	}
	in := f.api("/repos/" + r.FullName())
	u := in + "/releases/" + number(rel)
	rel["url"], rel["assets_url"], rel["html_url"] = u, u+"/assets", f.o.Gate.URL("/"+r.FullName()+"/releases/tag/"+url.PathEscape(tag))
	rel["upload_url"] = f.o.Gate.URL("/api/uploads/repos/" + r.FullName() + "/releases/" + number(rel) + "/assets{?name,label}")
	rel["tarball_url"], rel["zipball_url"] = in+"/tarball/"+url.PathEscape(tag), in+"/zipball/"+url.PathEscape(tag)
	return nil
}
