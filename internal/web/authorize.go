package web

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"jeton/internal/application"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// consent is what an application asks a person for in the browser's flow. Every
// part of it was checked: it is what the page shows, what the form sends back,
// and what is checked again then.
type consent struct {
	app      application.App
	redirect string // where the person is led at the end
	scopes   right.ScopeSet
	state    string
	request  url.Values // as it came, what is not looked at left out
}

// asked are the parameters that are looked at.
var asked = [...]string{"client_id", "redirect_uri", "scope", "state", "response_type", "code_challenge", "code_challenge_method"}

// consent reads and checks a request for consent. Whatever is wrong with it is
// told on a page of this site: nobody is led to an address on the word of a
// link alone, not even to one that is registered.
func (c *call) consent(from url.Values) (*consent, error) {
	q := &consent{request: url.Values{}}
	for _, name := range asked {
		if len(from[name]) > 1 {
			return nil, c.badRequest(fmt.Sprintf("The parameter %s is there more than once.", name))
		}
		if v := from.Get(name); v != "" {
			q.request.Set(name, v)
		}
	}
	get := q.request.Get
	var err error
	if q.app, err = c.door.o.Apps.ByClientID(c.ctx(), get("client_id")); err != nil {
		return nil, err
	}
	var ok bool
	if q.redirect, ok = q.app.Redirect(get("redirect_uri")); !ok {
		return nil, c.badRequest(fmt.Sprintf("The address that %s asked to be called back at is not one that it registered.", line(q.app.Name)))
	}
	challenge, method := get("code_challenge"), get("code_challenge_method")
	switch {
	case get("response_type") != "" && get("response_type") != "code":
		return nil, c.badRequest("Only the response type code is known here.")
	case method != "" && method != "S256", challenge != "" && method == "":
		return nil, c.badRequest("Only the code challenge method S256 is accepted.")
	case (challenge == "") != (method == ""), challenge != "" && !application.GoodChallenge(challenge):
		return nil, c.badRequest("The code challenge is no SHA-256 in base64url.")
	}
	q.state = get("state")
	q.scopes = right.KnownScopes(right.SplitScopes(get("scope"))) // what is not offered here is left out, as GitHub does
	if get("scope") == "" {
		// Who asks for nothing gets what was agreed to before.
		if q.scopes, _, err = c.door.o.Apps.Allowed(c.ctx(), c.actor.Account, q.app.ClientID); err != nil {
			return nil, err
		}
		// The form sends back what the page showed, which a space stands for when
		// that is nothing: what was agreed to elsewhere meanwhile is not meant.
		q.request.Set("scope", cmp.Or(strings.Join(q.scopes.Names(), " "), " "))
	}
	return q, nil
}

func (c *call) badRequest(public string) error {
	return problem.New(problem.Invalid, public, "The program that led you here is set up wrongly, or somebody tampered with its link. You can close this page.")
}

// answer is the address that the person is led to, with what happened.
func (q *consent) answer(c *call, parts ...string) string {
	u, err := url.Parse(q.redirect)
	if err != nil {
		return "/" // it was parsed before
	}
	v := u.Query()
	for i := 0; i+1 < len(parts); i += 2 {
		v.Set(parts[i], parts[i+1])
	}
	if q.state != "" {
		v.Set("state", q.state)
	}
	v.Set("iss", c.door.o.Gate.URL("")) // RFC 9207: an application that knows several hosts learns which one answered
	// The registered part stays byte by byte; only the query is written anew.
	base, _, _ := strings.Cut(q.redirect, "?")
	return base + "?" + v.Encode()
}

// authorizeForm asks the person. An application that keeps a secret and was
// allowed all of it before is not asked about again.
func authorizeForm(c *call) error {
	from := c.r.URL.Query()
	q, err := c.consent(from)
	if err != nil {
		return err
	}
	if !q.app.Public() && from.Get("prompt") == "" && c.mayTake() {
		before, was, err := c.door.o.Apps.Allowed(c.ctx(), c.actor.Account, q.app.ClientID)
		if err != nil {
			return err
		}
		if was && (before|q.scopes).Normal() == before.Normal() {
			return c.allow(q)
		}
	}
	p, err := c.authorizePage(q)
	if err != nil {
		return err
	}
	if hint := cut(from.Get("login"), 100); hint != "" && !strings.EqualFold(hint, c.actor.Login) {
		p.Hint = line(hint)
	}
	return c.show("oauth-authorize", p)
}

func (c *call) authorizePage(q *consent) (*authorizePage, error) {
	p := &authorizePage{Frame: Frame{Title: "Authorize " + line(q.app.Name)}, App: appWords(q.app), Scopes: scopeWords(q.scopes), Redirect: redirectHost(q.redirect)}
	for _, name := range asked {
		if v := q.request.Get(name); v != "" {
			p.Keep = append(p.Keep, hiddenField{name, v})
		}
	}
	var err error
	p.App.Owner, err = c.ownerOf(q.app)
	return p, err
}

// ownerOf is the login of the account that registered an application; empty for
// one that every host knows.
func (c *call) ownerOf(a application.App) (string, error) {
	if a.Public() {
		return "", nil
	}
	who, err := c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, a.Owner)
	return who.Login, err
}

func authorizeApp(c *call) error {
	q, err := c.consent(c.r.PostForm)
	if err != nil {
		return err
	}
	if c.field("decision") != "authorize" {
		return c.leaveTo(q, q.answer(c, "error", "access_denied", "error_description", "The user has denied your application access."))
	}
	return c.allow(q)
}

func (c *call) allow(q *consent) error {
	code, err := c.door.o.Apps.Authorize(c.ctx(), c.actor, application.Request{App: q.app, Scopes: q.scopes, Redirect: q.redirect, Challenge: q.request.Get("code_challenge")})
	if problem.Is(err, problem.Forbidden) { // the program waits for an answer, and shows this one
		p := problem.Of(err)
		return c.leaveTo(q, q.answer(c, "error", "access_denied", "error_description", p.Public+" "+p.Remedy))
	}
	if err != nil {
		return err
	}
	return c.leaveTo(q, q.answer(c, "code", code.Reveal()))
}

// leaveTo is a page that leads on by itself, as GitHub does it. A redirect in
// answer to a form would fall under the page's own policy, which allows no
// other site, and some browsers would warn of it.
func (c *call) leaveTo(q *consent, to string) error {
	return c.show("oauth-leave", &backPage{Frame: Frame{Title: "Back to " + line(q.app.Name), Leave: to}, Name: line(q.app.Name), To: to})
}

// redirectHost is what people are told of where they are led.
func redirectHost(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	if h := u.Hostname(); h == "127.0.0.1" || h == "::1" || h == "localhost" {
		return "this computer"
	}
	return line(u.Host)
}
