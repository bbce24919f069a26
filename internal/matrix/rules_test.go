package matrix

import (
	"regexp"
	"slices"
)

// verdict is how a request ended, whatever the door's words for it.
type verdict string

const (
	allowed   verdict = "allowed"           // the handler was reached
	challenge verdict = "401"               // the credential is missing or not good
	forbidden verdict = "403"               // known, and may not
	missing   verdict = "404"               // nothing here, as far as this person may know
	signIn    verdict = "leads to sign-in"  // pages only
	confirm   verdict = "asks for password" // pages only: the sign-in is not recent
	badURL    verdict = "400"               // a secret in the URL
)

// who says for whom a route is.
type who int

const (
	everybody      who = iota
	signedIn           // anybody with an account
	siteManager        // who administers the site; to others there is no such page
	orgAsked           // who belongs to the organisation or was invited to; others have nothing to find
	orgMember          // who belongs to it
	orgOwner           // who owns it
	teamReader         // who may know of the team: members of its organisation, by a token that reads teams
	teamMaintainer     // who maintains it, or owns its organisation
	teamOwner          // who owns the team's organisation
	reader             // of the repository
	borrower           // a reader who is signed in
	member             // who owns it or was given access to it
	writer
	manager // who administers the repository
)

// rule is a sentence about routes, as the documentation would say it.
type rule struct {
	routes *regexp.Regexp // matches "door METHOD path"
	who    who
	scope  string // what a token needs for it, beside what its account may: a name in needs
	recent bool   // on pages: only soon after the password was given

	hides bool // a token that lacks the scope is told that there is nothing
}

func about(routes string, w who, scope string, recent bool) rule {
	return rule{routes: regexp.MustCompile("^(?:" + routes + ")$"), who: w, scope: scope, recent: recent}
}

func missingFor(r rule) rule {
	r.hides = true
	return r
}

// rules are looked at in order; the first that speaks of a route counts. They
// are written from what GitHub does and what was promised, with broad patterns
// that err on the strict side, so that a new page is asked for more rather than
// for less.
var rules = slices.Concat(trustRules, oauthRules, machineRules, keyRules, tokenRules, statusRules, deploymentRules, releaseRules, orgHookRules, orgRules, gitRules, contentRules, hookRules, alertRules, apiRules, webRules)

// need says which scopes do for something, any of them: on what is public, and
// on what is private. What is of no repository counts as public here.
type need struct {
	free    bool // on what is public any token does
	public  []string
	private []string
	also    []string // and any of these
}

var needs = map[string]need{
	"":             {free: true},
	"uncut":        {free: true}, // but not by a token that its holder narrowed
	"repo":         {public: []string{"repo", "public_repo"}, private: []string{"repo"}},
	"repo to read": {free: true, private: []string{"repo"}},
	"public_repo":  {public: []string{"repo", "public_repo"}},
	"user":         {public: []string{"user"}},
	"user:email":   {public: []string{"user", "user:email"}},
	"application":  {}, // no scope gives it
	"itself":       {free: true},
	"org repo":     {public: []string{"repo", "public_repo"}},
	"orgs":         {public: []string{"user", "read:org", "write:org", "admin:org"}},
	"read:org":     {public: []string{"read:org", "write:org", "admin:org"}},
	"write:org":    {public: []string{"write:org", "admin:org"}},
	"admin:org":    {public: []string{"admin:org"}},
	"org and repo": {public: []string{"write:org", "admin:org"}, also: []string{"repo", "public_repo"}},
	"invitations":  {public: []string{"repo", "repo:invite"}},
	"delete_repo":  {public: []string{"delete_repo"}, private: []string{"delete_repo"}},

	"repo_deployment":         {public: []string{"repo", "public_repo", "repo_deployment"}, private: []string{"repo", "repo_deployment"}},
	"repo_deployment to read": {free: true, private: []string{"repo", "repo_deployment"}},
	"repo:status":             {public: []string{"repo", "public_repo", "repo:status"}, private: []string{"repo", "repo:status"}},
	"repo:status to read":     {free: true, private: []string{"repo", "repo:status"}},

	"read:ssh_signing_key":  {public: []string{"read:ssh_signing_key", "write:ssh_signing_key", "admin:ssh_signing_key"}},
	"write:ssh_signing_key": {public: []string{"write:ssh_signing_key", "admin:ssh_signing_key"}},
	"admin:ssh_signing_key": {public: []string{"admin:ssh_signing_key"}},
	"read:gpg_key":          {public: []string{"read:gpg_key", "write:gpg_key", "admin:gpg_key"}},
	"write:gpg_key":         {public: []string{"write:gpg_key", "admin:gpg_key"}},
	"admin:gpg_key":         {public: []string{"admin:gpg_key"}},
}

// needOf looks a need up by its name, in the table of its topic.
func needOf(scope string) need {
	for _, table := range []map[string]need{hookNeeds, alertNeeds} {
		if n, ok := table[scope]; ok {
			return n
		}
	}
	return needs[scope]
}

// met reports whether a token with these scopes has what is needed.
func (n need) met(scopes []string, private bool) bool {
	if n.free && !private {
		return true
	}
	any := n.public
	if private {
		any = n.private
	}
	has := func(s string) bool { return slices.Contains(scopes, s) }
	return slices.ContainsFunc(any, has) && (len(n.also) == 0 || slices.ContainsFunc(n.also, has))
}

func ruleFor(r route) (rule, bool) {
	i := slices.IndexFunc(rules, func(one rule) bool { return one.routes.MatchString(r.String()) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// expect says how a request must end.
func expect(c kase) verdict {
	r, _ := ruleFor(c.route)
	switch {
	case c.carrier == inQuery:
		return badURL
	case c.door == "oauth":
		return allowed // programs come here for a token; what they present beside it is not looked at
	case c.door == "web" && c.inHeader():
		return forbidden // pages take no token and no password in a header, not even a good one
	case c.door == "web" && c.carrier == inCookie && (c.credential == "recent" || c.credential == "stale"):
		if c.suspended {
			return forbidden // and says so, on every page
		}
		return r.forPerson(c)
	case c.door != "web" && c.inHeader() && c.suspended:
		return suspendedVerdict(c.credential)
	case c.door != "web" && c.inHeader():
		return r.forToken(c)
	}
	return r.forVisitor(c) // nothing was presented, or a cookie that this door does not look at or that is worth nothing
}

func suspendedVerdict(credential string) verdict {
	if credential == "expired" || credential == "revoked" {
		return challenge
	}
	return forbidden
}

func (r rule) forVisitor(c kase) verdict {
	readable := r.who == reader && !c.private
	switch {
	case r.who == everybody, readable:
		return allowed
	case r.who >= teamReader && r.who <= teamOwner:
		return missing // for a visitor there are no teams
	case c.door == "git" || c.door == "lfs":
		return challenge // for a private one and a missing one alike
	case r.who >= reader && c.private:
		return missing
	case c.door == "web":
		return signIn
	}
	return challenge
}

// forToken is for the API and for Git.
func (r rule) forToken(c kase) verdict {
	if c.credential == "expired" || c.credential == "revoked" {
		return challenge
	}
	enough, sees, teams := r.classic(c)
	if isFine(c.credential) {
		enough, sees, teams = c.fine()
		r.hides = false // GitHub hides what scopes lack, not what permissions do
	}
	if r.scope == "itself" {
		// Not those that an application was given, nor what a holder narrowed.
		enough = c.credential != ofApp && c.credential != narrowed && c.credential != fineCut && c.credential != ofDeploy
	}
	if r.scope == "uncut" {
		enough = c.credential != fineCut
	}
	if r.who >= orgAsked && r.who < reader {
		return r.forOrgToken(c, enough, teams)
	}
	if r.who < reader {
		if !enough && r.hides {
			return missing
		}
		if !enough {
			return forbidden
		}
		return allowed
	}
	// Of a private repository nobody may know who cannot read it, and no token that
	// does not show it.
	if c.private && (!c.mayRead() || !sees) {
		return missing
	}
	if !c.may(r.who) || !enough {
		return forbidden
	}
	return allowed
}

// classic says of scopes whether they are what the route needs, whether they show
// private repositories, repo or the scope for what is asked, and whether teams.
func (r rule) classic(c kase) (enough, sees, teams bool) {
	scopes := scopeSets[c.credential]
	enough = needOf(r.scope).met(scopes, c.private)
	return enough, slices.Contains(scopes, "repo") || enough, needOf("read:org").met(scopes, false)
}

// forPerson is for somebody who is signed in on the pages.
func (r rule) forPerson(c kase) verdict {
	switch {
	case r.who == siteManager && c.relation != site,
		r.who >= teamReader && r.who <= teamOwner && !c.inOrg(teamReader), r.who == orgAsked && !c.inOrg(orgAsked):
		return missing
	case r.who >= orgAsked && r.who < reader && !c.inOrg(r.who):
		return forbidden
	case r.who >= reader && c.private && !c.mayRead():
		return missing
	case r.who >= reader && !c.may(r.who):
		return forbidden
	case r.recent && c.credential == "stale":
		return confirm
	}
	return allowed
}

// mayRead: a site administrator has no right of their own to read what is
// private.
func (c kase) mayRead() bool { return c.relation != none && c.relation != site }

func (c kase) may(w who) bool {
	switch w {
	case reader, borrower:
		return !c.private || c.mayRead()
	case member:
		return c.mayRead()
	case writer:
		return c.relation == owner || c.relation == admin || c.relation == write
	case manager:
		return c.relation == owner || c.relation == admin
	}
	return true
}
