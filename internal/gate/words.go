package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Denied is the error for an action that the gate refuses.
type Denied struct {
	right.Decision
	Action right.Action
	// Scopes are those any of which would do, when the credential's grant is
	// what is missing.
	Scopes []string
	// Permission is the one that would do, as GitHub's header has it.
	Permission string
	problem    *problem.Error
}

// Error returns the text for the log.
func (d *Denied) Error() string {
	return fmt.Sprintf("%s denied (%s): %s", d.Action, d.Reason, d.problem.Public)
}

// Unwrap returns the problem that doors show.
func (d *Denied) Unwrap() error { return d.problem }

// denied words a decision. What it says of a hidden repository depends on the
// credential alone, never on the repository.
func (g *Gate) denied(a *right.Actor, action right.Action, dec right.Decision, f *right.Facts) *Denied {
	d := &Denied{Decision: dec, Action: action, Permission: right.FineFor(action)}
	part := right.PartGrant
	if dec.Reason == right.GrantMissing {
		if part = right.Lacking(a, action, *f); a.Grant.Reach == nil && (part == right.PartGrant || part == right.PartReach) {
			d.Scopes = scopesFor(action, f)
		}
	}
	d.problem = g.words(a, action, dec.Reason, part, f)
	return d
}

// scopesFor are those that open action on what f describes.
func scopesFor(action right.Action, f *right.Facts) []string {
	info := action.Info()
	return right.ScopesFor(action, info.OfPublic || info.Subject == right.OfRepo && f.Public)
}

// words is what is said of a part of a decision that failed, and what would have
// to change: to those who were refused, and to those who have it explained. part
// counts for GrantMissing alone.
func (g *Gate) words(a *right.Actor, action right.Action, reason right.Reason, part right.PartKind, f *right.Facts) *problem.Error {
	switch reason {
	case right.SignIn:
		return problem.New(problem.Unauthenticated, "Requires authentication", "Sign in, or send a personal access token.")
	case right.Hidden:
		return g.hidden(a, action)
	case right.NoRight:
		return g.noRight(a, action, f)
	case right.GrantMissing:
		return g.lacking(a, action, part, f)
	case right.PeopleOnly:
		return problem.New(problem.Forbidden, "This can't be done with a token.", "Sign in at "+g.URL("/login")+" and do it there.")
	case right.AppsOnly:
		return problem.New(problem.Forbidden, "This is for applications, about the tokens that they were given.", "Send the application's client id and secret by Basic authentication.")
	case right.NotForApps:
		return problem.New(problem.Forbidden, "An application's id and secret can't do this.", "Send a token.")
	case right.NotItself:
		return problem.New(problem.Forbidden, "Only a personal access token that was not narrowed rotates itself.", "What an application was given is refreshed by the application; whoever narrowed a token makes another one.")
	case right.OutOfPolicy:
		return g.outOfPolicy(a, f)
	case right.NotRecent:
		return problem.New(problem.Forbidden, "Confirm that it is you first.", "Enter your password again at "+g.URL("/sessions/sudo")+".")
	case right.ArchivedState:
		return problem.New(problem.Forbidden, "This repository was archived so it is read-only.", "An administrator of the repository can unarchive it at "+g.URL("/"+f.OwnerLogin+"/"+f.Name+"/settings"))
	}
	return problem.New(problem.Forbidden, "This is not allowed.", "")
}

// lacking words what part of a grant leaves an action out.
func (g *Gate) lacking(a *right.Actor, action right.Action, part right.PartKind, f *right.Facts) *problem.Error {
	switch {
	case part == right.PartLimitRepos:
		return g.Limited(a, "it is limited to some repositories")
	case part == right.PartLimitRead:
		return g.Limited(a, "it is limited to reading")
	case part == right.PartLimitLevels:
		return g.Limited(a, "it is limited to some permissions")
	case part == right.PartLimitRefs && a.Grant.Limits.HideRefs():
		return g.Limited(a, "it is limited to some branches and tags, and can't be kept to them here")
	case part == right.PartLimitRefs:
		return g.Limited(a, "it is limited in how it moves branches and tags")
	case a.Kind == right.DeployToken && part == right.PartReach:
		return problem.New(problem.Forbidden, fmt.Sprintf("Resource not accessible by personal access token. Your token %q is for one repository alone.", a.Note),
			"Use a token of a service account, or of your own.")
	case a.Kind.Fine() && part == right.PartReach:
		return problem.New(problem.Forbidden, fmt.Sprintf("Resource not accessible by personal access token. Your token %q does not reach this.", a.Note),
			"Let it reach this, without changing the token, at "+g.tokenURL(a, ""))
	case a.Grant.Reach != nil:
		return g.permissionMissing(a, right.FineFor(action))
	}
	return g.grantMissing(a, action, scopesFor(action, f))
}

func (g *Gate) hidden(a *right.Actor, action right.Action) *problem.Error {
	if action.Info().Subject != right.OfRepo {
		return problem.New(problem.NotFound, "Not Found", "")
	}
	remedy := fmt.Sprintf("Either it does not exist, or the account %s has no access to it.", a.Login)
	if len(a.Grant.Limits.Repos()) > 0 {
		remedy = fmt.Sprintf("Either it does not exist, or your token %q, which is limited to some repositories, may not use it. Its limits stand at %s", a.Note, g.tokenURL(a, ""))
		return problem.New(problem.NotFound, "Repository not found.", remedy)
	}
	if a.Kind.Fine() {
		remedy = fmt.Sprintf("Either it does not exist, or your token %q does not reach it, or lacks a permission for it. What the token reaches, and what it may do there, stands at %s", a.Note, g.tokenURL(a, ""))
		return problem.New(problem.NotFound, "Repository not found.", remedy)
	}
	if a.Grant.Reach != nil {
		remedy = fmt.Sprintf("Either it does not exist, or the access of %q was narrowed and does not reach it.", a.Note)
	} else if a.Kind == right.OAuthToken && !a.Scopes.Contains(right.ScopeRepo) {
		remedy = fmt.Sprintf("Either it does not exist, or the access of %q lacks the repo scope, which private repositories need. %s", a.Note, g.moreScopes(a.App, "repo"))
	} else if a.IsToken() && !a.Scopes.Contains(right.ScopeRepo) {
		remedy = fmt.Sprintf("Either it does not exist, or your token %q lacks the repo scope, which private repositories need. Edit the token at %s", a.Note, g.tokenURL(a, ""))
	}
	return problem.New(problem.NotFound, "Repository not found.", remedy)
}

func (g *Gate) noRight(a *right.Actor, action right.Action, f *right.Facts) *problem.Error {
	if action.Info().Subject != right.OfRepo {
		return noRightInOrg(action)
	}
	if action == right.RepoPush || action == right.RepoWorkflow {
		return problem.New(problem.Forbidden,
			fmt.Sprintf("Permission to %s/%s.git denied to %s.", f.OwnerLogin, f.Name, a.Login),
			fmt.Sprintf("Ask its owner for write access.\nIf %s is the wrong account, make git forget it:\n  %s", a.Login, g.forget()))
	}
	if action == right.RepoLeave {
		return problem.New(problem.Forbidden, "You were not added to this repository.", "There is nothing to leave: everybody may read it.")
	}
	if action.Info().Right == right.Write {
		return problem.New(problem.Forbidden, "Must have push access to Repository.", "Ask its owner for write access.")
	}
	return problem.New(problem.Forbidden, "Must have admin rights to Repository.", "Ask the owner of the repository.")
}

func (g *Gate) grantMissing(a *right.Actor, action right.Action, scopes []string) *problem.Error {
	need := strings.Join(scopes, " or ")
	if need == "" {
		return problem.New(problem.Forbidden, "No token may do this.", "Sign in at "+g.URL("/login")+" and do it there.")
	}
	if action == right.SelfOrgs { // GitHub's words, which clients know
		return problem.New(problem.Forbidden, "You need at least read:org scope or user scope to list your organizations.",
			"Add one, without changing the token, at "+g.tokenURL(a, ""))
	}
	if slices.Contains(scopes, "public_repo") {
		need = "public_repo or repo"
	}
	if a.Kind == right.OAuthToken {
		return problem.New(problem.Forbidden, fmt.Sprintf("The access of %q lacks the %s scope, which this needs.", a.Note, need), g.moreScopes(a.App, scopes[0]))
	}
	return problem.New(problem.Forbidden,
		fmt.Sprintf("Your token %q lacks the %s scope, which this needs.", a.Note, need),
		"Add the scope, without changing the token, at "+g.tokenURL(a, ""))
}

// Limited is the refusal of what a limit of the actor's token is against, which
// the end of a sentence says.
func (g *Gate) Limited(a *right.Actor, what string) *problem.Error {
	return problem.New(problem.Forbidden, fmt.Sprintf("Your token %q does not do this: %s.", a.Note, what), "Its limits stand at "+g.tokenURL(a, ""))
}

// permissionMissing words the permission that a fine-grained or narrowed token
// lacks.
func (g *Gate) permissionMissing(a *right.Actor, need string) *problem.Error {
	if need == "" {
		return problem.New(problem.Forbidden, "Resource not accessible by personal access token.",
			"No permission of a fine-grained token opens this. A classic token may, or do it at "+g.URL("/"))
	}
	name, level, _ := strings.Cut(need, "=")
	if a.Kind == right.OAuthToken {
		return problem.New(problem.Forbidden,
			fmt.Sprintf("Resource not accessible by integration. The access of %q was narrowed and lacks the permission %s: %s for this.", a.Note, name, level),
			"Only the application can use another token.")
	}
	remedy := "Give it the permission, without changing the token, at " + g.tokenURL(a, "")
	most := token.Deployable()
	switch wanted, _ := right.ParseLevel(level); {
	case a.Kind == right.ExchangedToken:
		remedy = "Whoever administers the place gives it to the trusted issuer, in the settings there. Exchange another identity token then."
	case a.Kind == right.DeployToken && most.Level(name) < wanted:
		remedy = "No deploy token can have it. Use a token of a service account, or of your own."
	}
	return problem.New(problem.Forbidden,
		fmt.Sprintf("Resource not accessible by personal access token. Your token %q lacks the permission %s: %s for this.", a.Note, name, level), remedy)
}

// moreScopes says how an application gets a scope that it lacks.
func (g *Gate) moreScopes(app, scope string) string {
	if app == right.GitHubCLI {
		return fmt.Sprintf("Run: gh auth refresh -h %s -s %s", g.host(), scope)
	}
	return "Sign in again with the application, and have it ask for that. What it may do is listed at " + g.appURL(app)
}

// appURL is the page about what an application may do.
func (g *Gate) appURL(app string) string { return g.URL("/settings/connections/applications/" + app) }

func (g *Gate) tokenURL(a *right.Actor, rest string) string {
	return g.URL(fmt.Sprintf("%s/%d%s", tokenPages(a.Kind), a.Token, rest))
}

// tokenPages is the list of tokens of the kind, among Settings.
func tokenPages(k right.CredentialKind) string {
	if k == right.FineToken {
		return "/settings/personal-access-tokens"
	}
	return "/settings/tokens"
}

func (g *Gate) host() string {
	_, host, _ := strings.Cut(g.o.URL, "://")
	return host
}

// forget is the command that takes a stored credential of this host away. A
// shell of any system runs it: cmd would keep a space before the bar.
func (g *Gate) forget() string {
	return "echo url=" + g.o.URL + "| git credential reject"
}

// NewTokenURL is the form for a new token, filled in for Git.
func (g *Gate) NewTokenURL() string { return g.newToken }

func (g *Gate) suspended(login string) *Refusal {
	return &Refusal{Why: SuspendedAccount, problem: problem.New(problem.Forbidden,
		fmt.Sprintf("The account %s is suspended.", login), "Ask an administrator of "+g.host()+" about it.")}
}

// refuseToken words why what was presented is not a good token.
func (g *Gate) refuseToken(p Presented, refused *token.Refused) error {
	if refused.Narrowed && refused.Why != token.NotUnderstood {
		return g.endedNode(refused)
	}
	switch refused.Why {
	case token.NotUnderstood:
		return &Refusal{Why: NarrowedBadly, of: refused.Token, node: refused.Node, top: refused.Top, problem: problem.New(problem.Unauthenticated,
			fmt.Sprintf("The token narrowed from %q has a restriction that is not understood: %s.", refused.Token.Note, refused.Cause), "Narrow it again.")}
	case token.Expired:
		return g.refuse(ExpiredToken, p, refused.Token)
	case token.Revoked:
		return g.refuse(RevokedToken, p, refused.Token)
	case token.Replaced:
		return g.replaced(refused)
	case token.Frozen:
		return g.frozen(&refused.Token, fmt.Sprintf("The token %q is frozen since %s: an old secret of it was used after its time.", refused.Token.Note, moment(refused.Token.FrozenAt)))
	case token.Unknown:
		return g.refuse(UnknownToken, p, token.Token{})
	}
	switch plain := p.plain.Reveal(); {
	case token.Parse(p.plain) == nil: // of a kind that opens nothing
		if k, _ := token.KindOf(plain); k == token.Refresh {
			return g.refuse(RefreshPresented, p, token.Token{})
		}
		return g.refuse(AppPresented, p, token.Token{})
	case token.LooksLike(plain):
		return g.refuse(BrokenToken, p, token.Token{})
	case token.Foreign(plain) != "":
		return g.refuse(ForeignToken, p, token.Token{})
	}
	return g.refuse(PasswordPresented, p, token.Token{})
}

// replaced words why an old secret is not good any more.
func (g *Gate) replaced(refused *token.Refused) error {
	t := &refused.Token
	public := fmt.Sprintf("The token %q was rotated on %s, and this is its old secret, whose time is over.", t.Note, moment(refused.RotatedAt))
	remedy := "Use the new secret. If nobody has it, its owner makes another one at " + g.pageOf(t, "/regenerate")
	if !t.FrozenAt.IsZero() {
		public += " The token is frozen, since whoever uses this may not be its owner."
		remedy = "If it was you, say so at " + g.pageOf(t, "") + " and use the new secret."
	}
	return &Refusal{Why: ReplacedToken, of: *t, problem: problem.New(problem.Unauthenticated, public, remedy)}
}

// frozen words that a token is. It is no question of the credential: git would
// forget the secret, which is good again once the owner says so.
func (g *Gate) frozen(t *token.Token, public string) error {
	return &Refusal{Why: FrozenToken, of: *t, problem: problem.New(problem.Forbidden, public, "Its owner says whether that was them, or revokes it, at "+g.pageOf(t, ""))}
}

func (g *Gate) pageOf(t *token.Token, rest string) string {
	return g.tokenURL(&right.Actor{Kind: t.Kind.Credential(), Token: t.ID}, rest)
}

func moment(t time.Time) string { return t.UTC().Format("Monday, 2 January 2006, 15:04 MST") }

// endedNode words why a narrowed token is not good any more.
func (g *Gate) endedNode(refused *token.Refused) error {
	r := &Refusal{Why: RevokedToken, of: refused.Token, node: refused.Node, top: refused.Top}
	public := fmt.Sprintf("The token narrowed from %q was revoked, or one from which it was made.", refused.Token.Note)
	switch {
	case refused.Node == "": // nothing shows that whoever presents it ever held it
		public = "The token from which this one was narrowed was deleted, or has another secret."
	case refused.Why == token.Expired:
		r.Why, public = ExpiredToken, fmt.Sprintf("The token narrowed from %q is over: it ended on %s.", refused.Token.Note, moment(refused.Token.ExpiresAt))
	case refused.Why == token.Frozen:
		return g.frozen(&refused.Token, fmt.Sprintf("The token narrowed from %q is frozen with it.", refused.Token.Note))
	case refused.Why == token.Replaced:
		r.Why, public = ReplacedToken, fmt.Sprintf("The token narrowed from %q ended with the secret from which it was made: that was rotated on %s.", refused.Token.Note, moment(refused.RotatedAt))
	}
	r.problem = problem.New(problem.Unauthenticated, public, "Whoever made it can make another one.")
	return r
}

const invalid = "Invalid username or token."

func (g *Gate) refuse(why Why, p Presented, t token.Token) error {
	public, remedy := invalid, "Make a token at "+g.NewTokenURL()+" and give it as the password."
	switch why {
	case NoCredentialInHeader:
		remedy = "Give any user name, and a personal access token as the password. Make one at " + g.NewTokenURL()
	case PasswordPresented:
		public += " Password authentication is not supported for Git operations."
		remedy = "Make a token and paste it where a password is asked for: " + g.NewTokenURL()
	case BrokenToken:
		remedy = "A character of the token is missing or wrong. Copy it again, whole. If it is lost, make a new one at " + g.NewTokenURL()
	case ForeignToken:
		remedy = fmt.Sprintf("This looks like a token of %s, and %s is another host. Make one for it at %s", token.Foreign(p.plain.Reveal()), g.host(), g.NewTokenURL())
	case UnknownToken:
		remedy = "This token was deleted, replaced, or made elsewhere. Make a new one at " + g.NewTokenURL()
	case ExpiredToken:
		public = fmt.Sprintf("The token %q expired on %s.", t.Note, t.ExpiresAt.UTC().Format("Monday, 2 January 2006"))
		remedy = fmt.Sprintf("Make a new secret for it and use that as the password: %s", g.tokenURL(&right.Actor{Kind: t.Kind.Credential(), Token: t.ID}, "/regenerate"))
	case RefreshPresented:
		remedy = "This is a refresh token: a program sends it to " + g.URL("/login/oauth/access_token") + " and gets the token that belongs here."
	case AppPresented:
		public = "An application's id and secret are not a person's."
		remedy = "They are good at " + g.URL("/login/oauth/access_token") + " and for what the API has under /applications. Here, send a token."
	case UnknownAppOrWrong:
		public = "The application's id or secret is not correct."
		remedy = "Its owner can make another secret at " + g.URL("/settings/developers")
	case RevokedToken:
		public = fmt.Sprintf("The token %q was deleted on %s.", t.Note, t.RevokedAt.UTC().Format("Monday, 2 January 2006"))
		remedy = "It can't be restored. Make a new one at " + g.NewTokenURL()
	}
	switch {
	case t.Kind == token.OAuth:
		public, remedy = g.endedApp(why, t)
	case t.Kind == token.Exchanged && t.ID != 0:
		remedy = "Such tokens are given for minutes. Exchange another identity token for the next one, at " + g.URL("/login/oauth/access_token")
	case t.Kind == token.Deploy && why == ExpiredToken:
		remedy = "Whoever administers the repository makes a new secret for it at " + g.pageOf(&t, "/regenerate")
	case t.Kind == token.Deploy && t.ID != 0:
		remedy = "Whoever administers the repository makes another one at " + g.pageOf(&t, "")
	}
	return &Refusal{Why: why, of: t, problem: problem.New(problem.Unauthenticated, public, remedy)}
}

// endedApp words why an application's token is not good any more.
func (g *Gate) endedApp(why Why, t token.Token) (public, remedy string) {
	public = fmt.Sprintf("The access of %q was revoked on %s.", t.Note, t.RevokedAt.UTC().Format("Monday, 2 January 2006"))
	if why == ExpiredToken {
		public = fmt.Sprintf("The access of %q expired on %s.", t.Note, t.ExpiresAt.UTC().Format("Monday, 2 January 2006"))
	}
	remedy = "Sign in again with it."
	if t.App == right.GitHubCLI {
		remedy = g.again(t.App)
	}
	return public, remedy + " Applications are listed at " + g.URL("/settings/applications")
}
