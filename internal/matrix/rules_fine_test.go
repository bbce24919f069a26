package matrix

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"jeton/internal/application"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// The fine-grained tokens that everybody of the world has. Most are for what
// belongs to the owner of the world's repositories, to whom they are shared.
const (
	fineEverything = "fine, everything"            // all of the owner's repositories, every permission
	fineReads      = "fine, everything to be read" // the same, at the level that reads
	fineContents   = "fine, contents read"         // the world's two repositories
	fineMetadata   = "fine, metadata read"         // the same
	fineElsewhere  = "fine, elsewhere"             // another repository of the owner, every permission
	fineOwn        = "fine, own"                   // all that is the person's own, every permission
	fineOrg        = "fine, org"                   // all that is the organisation's, every permission
	fineCut        = "fine, everything, cut"       // the first, narrowed to reading by who holds it
	narrowed       = "of an application, narrowed" // the private repository, contents=read, of scopes that do more
)

var fineTokens = []string{fineEverything, fineReads, fineContents, fineMetadata, fineElsewhere, fineOwn, fineOrg, fineCut, narrowed}

func isFine(credential string) bool {
	return slices.Contains(fineTokens, credential) || credential == ofMachine || credential == ofDeploy
}

// isToken reports whether the credential is the name of a token that is good.
func isToken(credential string) bool { return scopeSets[credential] != nil || isFine(credential) }

// makeFine makes them for everybody.
func (w *world) makeFine(t *testing.T) {
	t.Helper()
	of := w.people[owner].ID
	another := w.s.Repo(t, w.people[owner].Account, "elsewhere", true)
	both := []id.Repo{w.repos[false].ID, w.repos[true].ID}
	every := right.AllFine().String()
	reads := strings.ReplaceAll(every, "=write", "=read") // what can't be read alone is dropped
	for _, p := range w.people {
		for name, n := range map[string]token.NewFine{
			fineEverything: {Owner: of, Access: token.AllOf},
			fineReads:      {Owner: of, Access: token.AllOf},
			fineContents:   {Owner: of, Access: token.Selected, Repos: both},
			fineMetadata:   {Owner: of, Access: token.Selected, Repos: both},
			fineElsewhere:  {Owner: of, Access: token.Selected, Repos: []id.Repo{another.ID}},
			fineOwn:        {Owner: p.ID, Access: token.AllOf},
			fineOrg:        {Owner: w.org.ID, OwnerIsOrg: true, Access: token.AllOf},
		} {
			n.Name = name
			permissions := map[string]string{fineReads: reads, fineContents: "contents=read", fineMetadata: "metadata=read"}[name]
			if permissions == "" {
				permissions = every
			}
			_, p.tokens[name] = w.s.FineToken(t, p.Account, n, permissions)
		}
		cut, err := narrow.Cut(secret.New(p.tokens[fineEverything]), narrow.NewNode(), "", right.LimitRead)
		if err != nil {
			t.Fatal(err)
		}
		p.tokens[fineCut] = cut.Reveal()
		wide := secret.New(w.s.OAuthToken(t, p.Account, application.GitHubCLI, "repo", "user:email"))
		_, plain, err := w.s.Apps.Narrow(t.Context(), right.Actor{Kind: right.AppCredential, App: application.GitHubCLI}, wide,
			token.NewFine{Owner: of, Access: token.Selected, Repos: []id.Repo{w.repos[true].ID}, Permissions: right.ParseFine("contents=read")})
		if err != nil {
			t.Fatal(err)
		}
		p.tokens[narrowed] = plain.Reveal()
	}
}

// fineRule says which permission a fine-grained token needs for a route, and at
// which level.
type fineRule struct {
	routes *regexp.Regexp
	needs  string // as in GitHub's header; two with a comma; empty: none
	never  bool   // no permission opens it
	within bool   // and it is public to nobody: only within reach
}

func needing(needs, routes string) fineRule {
	return fineRule{routes: regexp.MustCompile("^(?:" + routes + ")$"), needs: needs}
}

func needingWithin(needs, routes string) fineRule {
	r := needing(needs, routes)
	r.within = true
	return r
}

func never(routes string) fineRule {
	return fineRule{routes: regexp.MustCompile("^(?:" + routes + ")$"), never: true}
}

// fineRules are GitHub's list of what each permission opens, with what it leaves
// to classic tokens. The first that speaks of a route counts.
var fineRules = []fineRule{
	// What is no fine-grained token's: invitations, and where somebody belongs.
	never(`rest \w+ /api/v3/user/(orgs|teams|memberships/orgs(/\{org\})?|repository_invitations(/.*)?)`),
	never(`rest \w+ /api/v3/applications/.*`),

	// What is everybody's, or says no more than whose the token is.
	needing("", `rest GET /api/v3/(\{\$\}|meta|rate_limit|openapi.json|users/.*|repositories.*|search/.*|user|user/keys|user/repos)`),
	needing("", `rest GET /api/v3/orgs/\{org\}(/(repos|members|public_members)(/\{username\})?)?`),
	needing("", `rest \w+ /api/v3/user/token(/explain|/narrow|/nodes/.*)?`),
	needing("", `rest POST /api/v3/credentials/revoke|graphql POST /api/graphql`),

	// Of the own account.
	needing("", `rest POST /api/v3/user/token/rotate`),
	needing("emails=read", `rest GET /api/v3/user/emails`),
	needing("profile=write", `rest PATCH /api/v3/user`),
	needing("gpg_keys=read", `rest GET /api/v3/user/gpg_keys(/.*)?`),
	needing("gpg_keys=write", `rest (POST|DELETE) /api/v3/user/gpg_keys(/.*)?`),
	needing("git_signing_ssh_public_keys=read", `rest GET /api/v3/user/ssh_signing_keys(/.*)?`),
	needing("git_signing_ssh_public_keys=write", `rest (POST|DELETE) /api/v3/user/ssh_signing_keys(/.*)?`),
	needing("administration=write", `rest POST /api/v3/user/repos`),

	// Of an organisation.
	needing("organization_administration=write", `rest (PATCH|DELETE) /api/v3/orgs/\{org\}`),
	needing("organization_personal_access_tokens=read", `rest GET /api/v3/orgs/\{org\}/personal-access-tokens(/.*)?`),
	needing("organization_personal_access_tokens=write", `rest POST /api/v3/orgs/\{org\}/personal-access-tokens(/.*)?`),
	needing("organization_personal_access_token_requests=read", `rest GET /api/v3/orgs/\{org\}/personal-access-token-requests(/.*)?`),
	needing("organization_personal_access_token_requests=write", `rest POST /api/v3/orgs/\{org\}/personal-access-token-requests(/.*)?`),
	needing("administration=write", `rest POST /api/v3/orgs/\{org\}/repos`),
	needing("members=write,administration=write", `rest (PUT|DELETE) /api/v3/orgs/\{org\}/teams/\{team_slug\}/repos/.*`),
	needing("organization_hooks=read", `rest (GET /api/v3/orgs/\{org\}/hooks(/.*)?|POST /api/v3/orgs/\{org\}/hooks/\{hook_id\}/pings)`),
	needing("organization_hooks=write", `rest \w+ /api/v3/orgs/\{org\}/hooks(/.*)?`),
	needing("members=read", `rest GET /api/v3/orgs/\{org\}/.*`),
	needing("members=write", `rest \w+ /api/v3/orgs/\{org\}/.*`),

	// Of a repository.
	needing("metadata=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}(/(contributors|forks|languages|tags|topics))?`),
	needingWithin("metadata=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}/collaborators(/.*)?`),
	needing("administration=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}/(invitations|teams|branches/\{branch\}/protection.*)`),
	needing("administration=write", `rest \w+ /api/v3/repos/\{owner\}/\{repo\}(/(collaborators/.*|invitations/.*|topics|transfer|branches/\{branch\}/protection.*))?`),
	needing("contents=read,administration=write", copies.String()),
	needing("statuses=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}/commits/\{ref\}/status(es)?`),
	needing("statuses=write", `rest POST /api/v3/repos/\{owner\}/\{repo\}/statuses/.*`),
	needing("deployments=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}/deployments(/.*)?`),
	needing("deployments=write", `rest \w+ /api/v3/repos/\{owner\}/\{repo\}/deployments(/.*)?`),
	needing("repository_hooks=read", `rest (GET .*/hooks(/.*)?|POST .*/hooks/\{hook_id\}/(pings|tests))`),
	needing("repository_hooks=write", `rest \w+ /api/v3/repos/\{owner\}/\{repo\}/hooks(/.*)?`),
	needing("contents=write", `rest POST /api/v3/repos/\{owner\}/\{repo\}/secret-scanning/push-protection-bypasses`),
	needing("secret_scanning_alerts=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}/secret-scanning/.*`),
	needing("secret_scanning_alerts=write", `rest \w+ /api/v3/repos/\{owner\}/\{repo\}/secret-scanning/.*`),
	needing("contents=read", `rest GET /api/v3/repos/\{owner\}/\{repo\}/.*`),
	needing("contents=write", `rest \w+ /api/v3/repos/\{owner\}/\{repo\}/(contents|git|branches|merges|merge-upstream|releases)\b.*`),

	// By Git and Git LFS.
	needing("contents=read", `git \w+ .*(upload-pack|/bundles/.*)|lfs GET .*|lfs POST .*\?operation=download`),
	needing("contents=write", `git \w+ .*receive-pack|lfs \w+ .*`),
}

// copies are routes that read one repository and make another of the own account.
var copies = regexp.MustCompile(`rest POST /api/v3/repos/\{owner\}/\{repo\}/(forks|generate)`)

func fineRuleFor(r route) (fineRule, bool) {
	i := slices.IndexFunc(fineRules, func(one fineRule) bool { return one.routes.MatchString(r.String()) })
	if i < 0 {
		return fineRule{never: true}, false
	}
	return fineRules[i], true
}

// openToAll is what any of them reads of a public repository that it does not
// reach.
var openToAll = []string{"metadata", "contents", "statuses", "deployments"}

// reaches reports whether the token's permissions hold on what the request is
// about.
func (c kase) reaches() bool {
	switch {
	case c.ofOrg():
		return c.credential == fineOrg
	case !c.ofRepo():
		return c.ownsReach()
	}
	_, others := ownRepos[c.route.String()] // repositories that nobody selected
	switch c.credential {
	case fineEverything, fineReads, fineCut:
		return true
	case fineContents, fineMetadata, ofDeploy:
		return !others
	case ofMachine:
		return true
	case narrowed:
		return c.private && !others
	case fineOwn:
		return c.relation == owner
	}
	return false
}

// ownsReach reports whether the token is for all that is the person's own.
func (c kase) ownsReach() bool {
	return c.credential == fineOwn || c.relation == owner && (c.credential == fineEverything || c.credential == fineReads || c.credential == fineCut)
}

// given is how far a permission of the token goes for the request. The words are
// in order: "", "read", "write".
func (c kase) given(permission string) string {
	public := ""
	if c.ofRepo() && !c.private && slices.Contains(openToAll, permission) {
		public = "read"
	}
	if !c.reaches() {
		return public
	}
	switch c.credential {
	case fineEverything, fineElsewhere, fineOwn, fineOrg, ofMachine:
		return "write"
	case ofDeploy:
		switch permission {
		case "contents", "statuses", "deployments":
			return "write"
		case "metadata":
			return "read"
		}
	case fineReads, fineCut:
		return "read"
	case fineContents, narrowed:
		if permission == "contents" || permission == "metadata" {
			return "read"
		}
	case fineMetadata:
		if permission == "metadata" {
			return "read"
		}
	}
	return public
}

// fine says of a fine-grained token whether it has what the route needs, whether
// the repository shows itself to it, and whether teams do.
func (c kase) fine() (enough, sees, teams bool) {
	r, _ := fineRuleFor(c.route)
	enough = !r.never && (!r.within || c.reaches())
	for need := range strings.SplitSeq(r.needs, ",") {
		name, level, _ := strings.Cut(need, "=")
		if need != "" && c.given(name) < level {
			enough = false
		}
	}
	if copies.MatchString(c.route.String()) {
		enough = c.given("contents") >= "read" && c.ownsReach() && c.credential != fineReads && c.credential != fineCut
	}
	return enough, c.given("metadata") >= "read", c.given("members") >= "read"
}

// fineKind is what makes a difference between fine-grained tokens.
func (c kase) fineKind() string {
	r, _ := fineRuleFor(c.route)
	enough, _, _ := c.fine()
	switch {
	case r.never || r.needs == "":
		if c.credential == fineCut {
			return fineCut
		}
		return "a fine-grained token"
	case !c.reaches() && !c.ofRepo() && (c.credential == fineEverything || c.credential == fineOwn || c.credential == fineOrg):
		return "a fine-grained token for all of something else" // which makes repositories there, unlike one for some
	case !c.reaches():
		return "a fine-grained token for something else"
	case c.credential == fineCut:
		return fineCut
	case c.credential == narrowed:
		return narrowed
	case enough:
		return "a fine-grained token that may"
	}
	return "a fine-grained token that may not"
}
