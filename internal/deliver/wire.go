package deliver

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

type repoRow = repo.Repo

func (f *Flow) api(path string) string { return f.o.Gate.URL("/api/v3" + path) }

func nodeID(kind string, n int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%02d:%s%d", len(kind), kind, n))
}

// user is GitHub's "simple user". One who was deleted is named as at the time.
func (f *Flow) user(ctx context.Context, who id.Account, login string) (map[string]any, error) {
	admin := false
	facts, err := f.o.Accounts.Facts(ctx, f.o.DB, who)
	switch {
	case err == nil:
		login, admin = facts.Login, facts.SiteAdmin
	case !problem.Is(err, problem.NotFound):
		return nil, err
	}
	if login == "" {
		login = "ghost" // nobody did it, or nobody who is known any more: GitHub's name for those
	}
	u := f.simpleUser(who, login, admin)
	if facts.Machine {
		u["type"], u["node_id"] = "Bot", nodeID("Bot", int64(who))
	}
	return u, nil
}

func (f *Flow) simpleUser(who id.Account, login string, admin bool) map[string]any {
	name := url.PathEscape(login) // the brackets of "deploy-1[bot]"
	u := f.api("/users/" + name)
	return map[string]any{
		"login": login, "id": who, "node_id": nodeID("User", int64(who)), "avatar_url": f.o.Gate.URL("/avatars/u/" + id.Text(who)), "gravatar_id": "",
		"url": u, "html_url": f.o.Gate.URL("/" + name), "followers_url": u + "/followers", "following_url": u + "/following{/other_user}",
		"gists_url": u + "/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}", "subscriptions_url": u + "/subscriptions",
		"organizations_url": u + "/orgs", "repos_url": u + "/repos", "events_url": u + "/events{/privacy}", "received_events_url": u + "/received_events",
		"type": "User", "user_view_type": "public", "site_admin": admin,
	}
}

// owner is who owns a repository: a user, or an organisation.
func (f *Flow) owner(r *repoRow) map[string]any {
	u := f.simpleUser(r.Owner, r.OwnerLogin, false)
	if r.OwnerIsOrg {
		u["type"], u["node_id"] = "Organization", nodeID("Organization", int64(r.Owner))
	}
	return u
}

// organization is what payloads say of the organisation in which something happened.
func (f *Flow) organization(ctx context.Context, in id.Account) (map[string]any, error) {
	o, err := f.o.Orgs.ByID(ctx, f.o.DB, in, 0)
	if err != nil {
		return nil, err
	}
	u := f.api("/orgs/" + o.Login)
	out := map[string]any{
		"login": o.Login, "id": in, "node_id": nodeID("Organization", int64(in)), "url": u, "repos_url": u + "/repos", "events_url": u + "/events",
		"hooks_url": u + "/hooks", "issues_url": u + "/issues", "members_url": u + "/members{/member}", "public_members_url": u + "/public_members{/member}",
		"avatar_url": f.o.Gate.URL("/avatars/u/" + id.Text(in)), "description": nil,
	}
	if o.Bio != "" {
		out["description"] = o.Bio
	}
	return out, nil
}

// templates are the addresses of a repository's parts, as GitHub writes them.
var templates = map[string]string{
	"forks_url": "/forks", "keys_url": "/keys{/key_id}", "collaborators_url": "/collaborators{/collaborator}", "teams_url": "/teams", "hooks_url": "/hooks",
	"issue_events_url": "/issues/events{/number}", "events_url": "/events", "assignees_url": "/assignees{/user}", "branches_url": "/branches{/branch}",
	"tags_url": "/tags", "blobs_url": "/git/blobs{/sha}", "git_tags_url": "/git/tags{/sha}", "git_refs_url": "/git/refs{/sha}", "trees_url": "/git/trees{/sha}",
	"statuses_url": "/statuses/{sha}", "languages_url": "/languages", "stargazers_url": "/stargazers", "contributors_url": "/contributors",
	"subscribers_url": "/subscribers", "subscription_url": "/subscription", "commits_url": "/commits{/sha}", "git_commits_url": "/git/commits{/sha}",
	"comments_url": "/comments{/number}", "issue_comment_url": "/issues/comments{/number}", "contents_url": "/contents/{+path}",
	"compare_url": "/compare/{base}...{head}", "merges_url": "/merges", "archive_url": "/{archive_format}{/ref}", "downloads_url": "/downloads",
	"issues_url": "/issues{/number}", "pulls_url": "/pulls{/number}", "milestones_url": "/milestones{/number}",
	"notifications_url": "/notifications{?since,all,participating}", "labels_url": "/labels{/name}", "releases_url": "/releases{/id}",
	"deployments_url": "/deployments",
}

// repository is GitHub's "repository" as webhooks have it.
func (f *Flow) repository(r *repoRow) map[string]any {
	page, u := f.o.Gate.URL("/"+r.FullName()), f.api("/repos/"+r.FullName())
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	out := map[string]any{
		"id": r.ID, "node_id": nodeID("Repository", int64(r.ID)), "name": r.Name, "full_name": r.FullName(), "private": r.Private,
		"owner": f.owner(r), "html_url": page, "description": nil, "fork": r.ForkOf != 0, "url": u,
		"created_at": stamp(r.CreatedAt), "updated_at": stamp(r.UpdatedAt), "pushed_at": stamp(r.PushedAt),
		"git_url": page + ".git", "ssh_url": page + ".git", "clone_url": page + ".git", "svn_url": page, "homepage": nil, "mirror_url": nil,
		"size": r.Size, "stargazers_count": 0, "watchers_count": 0, "watchers": 0, "forks_count": 0, "forks": 0, "open_issues_count": 0, "open_issues": 0,
		"language": nil, "license": nil, "has_issues": false, "has_projects": false, "has_downloads": false, "has_wiki": false, "has_pages": false,
		"has_discussions": false, "archived": r.Archived, "disabled": false, "allow_forking": !r.NoForking, "is_template": r.Template,
		"web_commit_signoff_required": false, "topics": strings.Fields(r.Topics), "visibility": visibility, "default_branch": r.DefaultBranch, "custom_properties": map[string]any{},
	}
	if r.Homepage != "" {
		out["homepage"] = r.Homepage
	}
	if r.Description != "" {
		out["description"] = r.Description
	}
	for name, path := range templates {
		out[name] = u + path
	}
	return out
}
