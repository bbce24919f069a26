package foreign

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/right"
)

// ability is what a token of Gitea needs for an action of ours, by the routes of its
// API (go-gitea/gitea, routers/api/v1/api.go) and by git: a level in some categories.
type ability struct {
	repos, orgs, users right.Level
	never              bool // there is no such thing there
}

// abilities is written by hand, and says nothing of what a stranger may do.
var abilities = map[right.Action]ability{
	right.SelfRead:        {}, // whose token it is, which every answer tells
	right.SelfToken:       {}, // about itself, to make it weaker or to replace it
	right.TokenRotate:     {},
	right.RepoRead:        {repos: right.Read},
	right.RepoFetch:       {repos: right.Read},
	right.RepoRules:       {repos: right.Read},
	right.RepoTeams:       {repos: right.Read},
	right.RepoPeople:      {repos: right.Read},
	right.RepoInvitations: {repos: right.Read}, // who was asked: there, who was let in
	right.StatusRead:      {repos: right.Read},
	right.ReleaseRead:     {repos: right.Read},
	right.HookRead:        {repos: right.Read},
	right.RepoFork:        {repos: right.Read}, // to read what is forked; that it is made is asked beside
	right.RepoPush:        {repos: right.Write},
	right.RepoWorkflow:    {repos: right.Write},
	right.StatusWrite:     {repos: right.Write},
	right.ReleaseWrite:    {repos: right.Write},
	right.ReleaseDrafts:   {repos: right.Write},
	right.HookEdit:        {repos: right.Write},
	right.HookDelete:      {repos: right.Write},
	right.RepoEdit:        {repos: right.Write},
	right.RepoUnarchive:   {repos: right.Write},
	right.RepoAccess:      {repos: right.Write},
	right.RepoVisibility:  {repos: right.Write},
	right.RepoTransfer:    {repos: right.Write},
	right.RepoDelete:      {repos: right.Write},

	right.RepoCreate:           {repos: right.Write, users: right.Write},
	right.RepoCreatePrivate:    {repos: right.Write, users: right.Write},
	right.OrgCreateSome:        {repos: right.Write, orgs: right.Write},
	right.OrgCreateRepo:        {repos: right.Write, orgs: right.Write},
	right.OrgCreateRepoPrivate: {repos: right.Write, orgs: right.Write},

	right.SelfEdit:      {users: right.Write},
	right.SelfEmails:    {users: right.Read},
	right.SSHKeysRead:   {users: right.Read},
	right.GPGKeysRead:   {users: right.Read},
	right.SSHKeysWrite:  {users: right.Write},
	right.SSHKeysDelete: {users: right.Write},
	right.GPGKeysWrite:  {users: right.Write},
	right.GPGKeysDelete: {users: right.Write},

	right.SelfMemberships:    {orgs: right.Read},
	right.OrgMembers:         {orgs: right.Read},
	right.OrgInvitations:     {orgs: right.Read},
	right.TeamRead:           {orgs: right.Read},
	right.SelfMembershipEdit: {orgs: right.Write}, // there nobody is asked: owners put people in
	right.OrgManageMembers:   {orgs: right.Write},
	right.OrgPublicize:       {orgs: right.Write},
	right.OrgLeave:           {orgs: right.Write},
	right.OrgEdit:            {orgs: right.Write},
	right.OrgDelete:          {orgs: right.Write},
	right.TeamEdit:           {orgs: right.Write},
	right.TeamShare:          {orgs: right.Write},
	right.OrgHookRead:        {orgs: right.Read},
	right.OrgHookEdit:        {orgs: right.Write},
	right.OrgHookDelete:      {orgs: right.Write},
}

// of is what is needed for a; what is not listed is not known there.
func of(a right.Action) ability {
	if n, ok := abilities[a]; ok {
		return n
	}
	info := a.Info()
	return ability{never: info.Level > right.None}
}

// actorOf is somebody who may do everything, by a token of those rights.
func actorOf(r Rights) (right.Actor, error) {
	l, err := right.NewLimits(r.Limits)
	g := r.Scopes.Grant()
	g.Limits = l
	return right.Actor{Account: 1, Login: "ada", Kind: right.ClassicToken, Token: 1, Grant: g}, err
}

func everywhere(public bool) right.Facts {
	return right.Facts{Exists: true, Public: public, Relation: right.Admin, Creates: true, Owner: 1, Repo: 1, OwnerLogin: "ada", Name: "engine"}
}

// exceeds names an action that rights allow and h did not.
func exceeds(r Rights, h held) string {
	a, err := actorOf(r)
	if err != nil {
		return err.Error()
	}
	for _, action := range right.Actions() {
		info := action.Info()
		for _, public := range []bool{true, false} {
			if !right.Check(&a, action, everywhere(public), time.Now()).Allow || info.Visitors && info.Level == right.None {
				continue
			}
			if action == right.RepoWorkflow && !right.Check(&a, right.RepoPush, everywhere(public), time.Now()).Allow {
				continue // it is asked beside a push, and nothing without one
			}
			need := of(action)
			switch {
			case info.Subject == right.OfRepo && h.public && !public && need.repos > right.None,
				need.never, need.repos > h.levels[ofRepositories], need.orgs > h.levels[ofOrganizations], need.users > h.levels[ofUsers],
				h.public && (need.orgs > right.None || need.users > right.None):
				return action.String()
			}
		}
	}
	return ""
}

var everyScope = func() []string {
	out := []string{"all", "public-only"}
	for name := range categoryNames {
		out = append(out, "read:"+name, "write:"+name)
	}
	for name := range oldScopes {
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}()

// TestGiteaRights: of each set of Gitea's scopes nothing comes that they did not give.
func TestGiteaRights(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom(everyScope), 1, 5).Draw(t, "scopes")
		scopes := strings.Join(names, ",")
		h, err := parseGitea(scopes)
		if err != nil {
			t.Fatal(err)
		}
		r, err := giteaRights(scopes)
		if err != nil {
			return
		}
		if over := exceeds(r, h); over != "" {
			t.Errorf("%s gives %s, which it did not there", scopes, over)
		}
	})
}

// TestGiteaRights_table: what each gives.
func TestGiteaRights_table(t *testing.T) {
	t.Parallel()
	const keys, settings = "emails=read,profile=write,gpg_keys=%,git_signing_ssh_public_keys=%", "organization_administration=write,organization_hooks=write"
	cases := []struct{ in, scopes, permissions string }{
		{"all", "admin:gpg_key, admin:org, admin:org_hook, admin:ssh_signing_key, delete_repo, repo, user, workflow",
			"metadata=read,contents=write,statuses=write,repository_hooks=write,administration=write,workflows=write,members=write," + settings + "," + strings.ReplaceAll(keys, "%", "write")},
		{"write:repository", "repo, workflow", "metadata=read,contents=write,statuses=write,repository_hooks=write,administration=read,workflows=write"},
		{"read:repository", "repo", "metadata=read,contents=read,statuses=read,repository_hooks=read,administration=read read"},
		{"public-only,write:repository", "public_repo, workflow", "metadata=read,contents=write,statuses=write,repository_hooks=write,administration=read,workflows=write"},
		{"public-only,read:repository,write:user", "public_repo", "metadata=read,contents=read,statuses=read,repository_hooks=read,administration=read read"},
		{"public-only,all", "public_repo, workflow", "metadata=read,contents=write,statuses=write,repository_hooks=write,administration=read,workflows=write"},
		{"read:user", "read:gpg_key, read:ssh_signing_key, read:user, user:email", strings.ReplaceAll(keys, "%", "read") + " read"},
		{"write:user", "admin:gpg_key, admin:ssh_signing_key, user", strings.ReplaceAll(keys, "%", "write")},
		{"read:organization", "read:org", "members=read read"},
		{"write:organization", "admin:org, admin:org_hook", "members=write," + settings},
		{"repo", "repo, workflow", "metadata=read,contents=write,statuses=write,repository_hooks=write,administration=read,workflows=write"},
		{"public_repo", "public_repo, workflow", "metadata=read,contents=write,statuses=write,repository_hooks=write,administration=read,workflows=write"},
		{"admin:org", "admin:org, admin:org_hook", "members=write," + settings},
		{"sudo", "", ""}, {"repo:status", "", ""}, {"delete_repo", "", ""}, {"write:package,read:issue", "", ""}, {"public-only", "", ""}, {"", "", ""}, {"public-only,write:user", "", ""},
		{"write:everything", "", ""}, {"ALL", "", ""}, {"write:repository ", "", ""}, {"repo,unheard-of", "", ""},
	}
	for _, c := range cases {
		r, err := giteaRights(c.in)
		if (err != nil) != (c.permissions == "") {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		got := ""
		for i, l := range r.Limits {
			if i == 0 {
				got = strings.Join(l.Values, ",")
				continue
			}
			got += " " + l.Name
		}
		if r.Scopes.String() != c.scopes || got != c.permissions {
			t.Errorf("%q gives %q %q, want %q %q", c.in, r.Scopes, got, c.scopes, c.permissions)
		}
	}
}

// TestOtherRights: tokens of Gogs and of Soft Serve, which have no scopes, do what
// pushes and fetches do, and those of Gogs see to hooks.
func TestOtherRights(t *testing.T) {
	t.Parallel()
	code := []string{"self.read", "self.rotate_token", "self.token", "org.browse", "site.visit", "site.browse", "repo.read", "repo.fetch", "repo.fork", "repo.push", "repo.workflow", "repo.people", "release.read", "release.drafts", "release.write"}
	for name, c := range map[string]struct {
		of   func() (Rights, error)
		want []string
	}{
		"gogs":       {gogsRights, append(slices.Clone(code), "hook.read", "hook.edit", "hook.delete")},
		"soft serve": {softServeRights, code},
	} {
		r, err := c.of()
		if err != nil {
			t.Fatal(err)
		}
		a, err := actorOf(r)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, action := range right.Actions() {
			if right.Check(&a, action, everywhere(false), time.Now()).Allow {
				got = append(got, action.String())
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("a token of %s may do\n%v, want\n%v", name, got, c.want)
		}
	}
}

// FuzzGiteaRights: whatever stands in the column, nothing comes of it that was not
// there, and it is read by the rule that each part is known.
func FuzzGiteaRights(f *testing.F) {
	for _, s := range everyScope {
		f.Add(s)
	}
	f.Add("read:repository,write:user")
	f.Add(",,all,")
	f.Fuzz(func(t *testing.T, scopes string) {
		h, err := parseGitea(scopes)
		r, errRights := giteaRights(scopes)
		if err != nil && errRights == nil {
			t.Fatalf("%q is not understood, and gives %v", scopes, r)
		}
		if errRights != nil {
			if r.Scopes != 0 || len(r.Limits) > 0 {
				t.Fatalf("%q is refused, and gives %v", scopes, r)
			}
			return
		}
		if over := exceeds(r, h); over != "" {
			t.Fatalf("%q gives %s", scopes, over)
		}
	})
}
