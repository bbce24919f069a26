package gate

import (
	"context"
	"fmt"
	"net/url"

	"jeton/internal/policy"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// policies are those that hold now. While they can't be read, no token is let through.
func (g *Gate) policies(ctx context.Context) (*right.Policies, error) {
	all, err := g.o.Policies.Current(ctx)
	if err != nil && !policy.Unreadable(err) { // which words itself
		err = unasked(err)
	}
	return all, err
}

// outOfPolicy words in what way a policy is against a token, and what its owner can
// do about it.
func (g *Gate) outOfPolicy(a *right.Actor, f *right.Facts) *problem.Error {
	breach, of := a.Against(f.Owner)
	who, boss := "This site", "an administrator of the site"
	p := &right.Policy{}
	if a.Policies != nil && a.Policies.Site != nil {
		p = a.Policies.Site
	}
	if of != 0 {
		who, boss = "The organization "+f.OwnerLogin, "one of its owners"
		if a.Policies != nil && a.Policies.Of[of] != nil {
			p = a.Policies.Of[of]
		}
	}
	public, remedy := g.breach(a, breach, p, boss)
	if !g.o.Closed {
		public += " What is public can still be read."
	}
	return problem.New(problem.Forbidden, who+" "+public, remedy)
}

// breach words a breach, as the end of a sentence, and its remedy.
func (g *Gate) breach(a *right.Actor, b right.Breach, p *right.Policy, boss string) (public, remedy string) {
	renew := "Give it another end at " + g.tokenURL(a, "/regenerate")
	change := "Take the rest away, without changing the token, at " + g.tokenURL(a, "")
	switch a.Kind {
	case right.OAuthToken:
		renew, change = g.again(a.App), g.again(a.App)
	case right.ExchangedToken: // what is given follows the policies of that moment
		renew, change = "Exchange another identity token.", "Exchange another identity token."
	}
	switch b {
	case right.BreachBarred:
		return fmt.Sprintf("has shut out your token %q.", a.Note), "Ask " + boss + ", or use another token."
	case right.BreachKind:
		return g.kindRefused(a, boss)
	case right.BreachEnd:
		return fmt.Sprintf("forbids access by tokens without an end, and your token %q has none.", a.Note), renew
	case right.BreachLife:
		return fmt.Sprintf("forbids access by tokens that live longer than %s, and your token %q does.", printable.Left(p.MaxLife), a.Note), renew
	case right.BreachScopes:
		return fmt.Sprintf("forbids access by tokens with other scopes than %s, and your token %q has %s.", policy.OrNone(p.Scopes.String()), a.Note, a.Scopes), change
	case right.BreachFine:
		return fmt.Sprintf("forbids access by tokens with other permissions than %s, and your token %q has %s.", policy.OrNone(p.Fine.String()), a.Note, a.Permissions), change
	case right.BreachUnapproved:
		return fmt.Sprintf("approves fine-grained tokens, and has not approved your token %q.", a.Note), "Its owners were asked. Ask one of them to look."
	case right.BreachNetwork:
		return fmt.Sprintf("forbids access by tokens from other networks than its own, and your token %q comes from %s.", a.Note, a.From.Unmap()), "Use it from there, or ask " + boss + "."
	}
	return "forbids access by this token.", "Ask " + boss + "."
}

// kindRefused words that there may be no tokens of the actor's kind, and which may.
func (g *Gate) kindRefused(a *right.Actor, boss string) (public, remedy string) {
	switch a.Kind {
	case right.ClassicToken: // GitHub's words
		return "forbids access via a personal access token (classic).",
			"Use a fine-grained one: " + g.URL("/settings/personal-access-tokens/new?name="+url.QueryEscape(a.Note))
	case right.FineToken:
		return "forbids access via a fine-grained personal access token.", "Use a classic one: " + g.NewTokenURL()
	case right.OAuthToken:
		return fmt.Sprintf("forbids access by applications, as %q is one.", a.Note), "Use a personal access token: " + g.NewTokenURL()
	}
	article := "a"
	if a.Kind == right.ExchangedToken {
		article = "an"
	}
	return fmt.Sprintf("forbids access via %s %s.", article, a.Kind), "Ask " + boss + "."
}

// again says how an application gets another token.
func (g *Gate) again(app string) string {
	if app == right.GitHubCLI {
		return "Run: gh auth login -h " + g.host()
	}
	return "Sign in again with the application."
}
