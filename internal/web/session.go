package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

// The cookies. The prefix makes browsers refuse them without Secure, with a
// Domain, or with another Path, so that no neighbour can set them.
const (
	sessionCookie = "__Host-session"
	themeCookie   = "__Host-theme"
	shownCookie   = "__Host-shown"
)

func (c *call) sessionCookie() secret.Value {
	k, err := c.r.Cookie(sessionCookie)
	if err != nil {
		return secret.Value{}
	}
	return secret.New(k.Value)
}

func (c *call) setSession(bearer secret.Value, until time.Time) {
	http.SetCookie(c.w, &http.Cookie{Name: sessionCookie, Value: bearer.Reveal(), Path: "/", Expires: until,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (c *call) clearSession() {
	http.SetCookie(c.w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// shown makes the page that is being answered, which shows a secret once, one
// that Back does not bring back. Some browsers keep a page for that in spite of
// no-store, until a cookie that scripts can't read has changed. So this page
// sets one, which forgetShown takes away at the next. With scripts, fresh.js
// has taken the secret out of the page before.
func (c *call) shown() {
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	http.SetCookie(c.w, &http.Cookie{Name: shownCookie, Value: "yes", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (c *call) forgetShown() {
	if _, err := c.r.Cookie(shownCookie); err == nil {
		http.SetCookie(c.w, &http.Cookie{Name: shownCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}

// theme is the look that this browser was told to use; empty is the system's.
func (c *call) theme() string {
	k, err := c.r.Cookie(themeCookie)
	if err != nil || k.Value != "light" && k.Value != "dark" {
		return ""
	}
	return k.Value
}

// maxReturn bounds an address to return to.
const maxReturn = 2048

// returnTo makes a path on this host out of what a request says; whatever is
// none, or would lead in a circle, becomes "/". It is read by the parser that
// knows URLs, and what browsers read differently from it is refused.
func returnTo(s string) string {
	if s == "" || len(s) > maxReturn || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		return "/"
	}
	switch u.Path {
	case "/login", "/logout", "/sessions/sudo", "/setup", "/join", "/password_reset":
		return "/"
	case "/settings/emails/confirm":
		u.RawQuery = "" // it takes none: whoever puts the link's secret there does not see it again
	}
	to := (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
		return "/"
	}
	return to
}

// camefrom is the page of this site that led here, so that a page which looks
// the same for everybody can still be returned to.
func (c *call) camefrom() string {
	u, err := url.Parse(c.r.Referer())
	if err != nil || u.Host != c.r.Host {
		return "/"
	}
	return returnTo(u.RequestURI())
}

func (c *call) here() string { return returnTo(c.r.URL.RequestURI()) }

// signInFirst leads to the sign-in, and back when nothing would be lost.
func (c *call) signInFirst() error {
	back := "/"
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		back = c.here()
	} else {
		back = c.camefrom()
	}
	return c.seeOther("/login?" + url.Values{"return_to": {back}}.Encode())
}

func (c *call) loginPage(back string) *loginPage {
	p := &loginPage{Frame: Frame{Title: "Sign in", Scripts: []string{"fragment.js"}}, ReturnTo: back}
	switch path, _, _ := strings.Cut(back, "?"); {
	case path == "/settings/tokens/new" || path == "/settings/personal-access-tokens/new":
		p.Purpose = "You go on to the form for a new access token. What its link filled in is kept."
	case path == "/settings/emails/confirm":
		p.Purpose = "You go on to confirm your e-mail address. Sign in as the account that the mail names."
	case path == "/login/oauth/authorize" || path == "/login/device":
		p.Purpose = "A program asks to act for you. You go on to what it may do, and decide."
	case path != "/":
		p.Purpose = "You go on to the page that you asked for."
	}
	return p
}

func loginForm(c *call) error {
	back := returnTo(c.r.URL.Query().Get("return_to"))
	if back == "/" {
		back = c.camefrom()
	}
	if !c.actor.IsAnonymous() {
		return c.seeOther(back)
	}
	p := c.loginPage(back)
	if c.r.URL.Query().Get("done") == "reset" {
		p.Flash = &Flash{Tone: "good", Text: "Your password was changed. Sign in with the new one."}
	}
	return c.show("login", p)
}

func login(c *call) error {
	back := returnTo(c.field("return_to"))
	bearer, s, err := c.door.o.Signin.SignIn(c.ctx(), c.field("login"), c.hidden("password"))
	if err != nil {
		p := c.loginPage(back)
		if !problem.Is(err, problem.Forbidden) {
			p.Login = c.field("login")
			return c.again(err, "login", p)
		}
		return err
	}
	// The browser's old session, if it had one, is not left behind.
	if !c.bearer.IsZero() {
		if err := c.door.o.Signin.SignOut(c.ctx(), c.bearer); err != nil {
			return err
		}
	}
	c.setSession(bearer, s.ExpiresAt)
	return c.seeOther(back)
}

func logout(c *call) error {
	if err := c.door.o.Signin.SignOut(c.ctx(), c.bearer); err != nil {
		return err
	}
	c.clearSession()
	return c.seeOther("/")
}

// sudoForm asks for the password before a page that needs a recent sign-in.
func sudoForm(c *call) error {
	back := returnTo(c.r.URL.Query().Get("return_to"))
	if c.actor.Recent(c.door.o.Now()) {
		return c.seeOther(back)
	}
	return c.show("sudo", &sudoPage{Frame: Frame{Title: "Confirm access"}, Action: "/sessions/sudo", ReturnTo: back})
}

func sudo(c *call) error {
	back := returnTo(c.field("return_to"))
	if err := c.confirm(); err != nil {
		return c.again(err, "sudo", &sudoPage{Frame: Frame{Title: "Confirm access"}, Action: "/sessions/sudo", ReturnTo: back})
	}
	return c.seeOther(back)
}

// confirm proves by the password in the form that the person is there.
func (c *call) confirm() error {
	if c.actor.Kind != right.SessionCredential {
		return errMissing()
	}
	s, err := c.door.o.Signin.Session(c.ctx(), c.bearer)
	if err != nil {
		return err
	}
	if err := c.door.o.Signin.Confirm(c.ctx(), s, c.hidden("sudo_password")); err != nil {
		if e := problem.Of(err); e.Field != "" {
			return &problem.Error{Kind: e.Kind, Field: "sudo_password", Public: e.Public, Remedy: e.Remedy, Err: err}
		}
		return err
	}
	c.actor.Confirmed = c.door.o.Now()
	return nil
}

// confirmFirst asks for the password and then does what was asked for. A page is
// returned to; a form that was sent is kept in the page that asks, and sent on
// with the password. What was secret in it is not kept: then the person comes
// back to the form.
func (c *call) confirmFirst(h handler) error {
	if c.r.Method != http.MethodPost {
		return c.seeOther("/sessions/sudo?" + url.Values{"return_to": {c.here()}}.Encode())
	}
	p := &sudoPage{Frame: Frame{Title: "Confirm access"}, Action: c.r.URL.EscapedPath(), ReturnTo: c.camefrom()}
	if sent := returnTo(c.field("return_to")); sent != "/" {
		p.ReturnTo = sent
	}
	p.Keep, p.Again = c.keep()
	if !c.r.PostForm.Has("sudo_password") {
		return c.showAs(http.StatusForbidden, "sudo", p)
	}
	if err := c.confirm(); err != nil {
		return c.again(err, "sudo", p)
	}
	if p.Again {
		return c.seeOther(p.ReturnTo)
	}
	return c.run(h)
}

// keep lists the fields of the form that was sent, without its secrets.
func (c *call) keep() (fields []hiddenField, secrets bool) {
	secrets = c.r.PostForm.Has("sudo_again")
	names := make([]string, 0, len(c.r.PostForm))
	for name := range c.r.PostForm {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case name == "sudo_password", name == "return_to", name == "username", name == "sudo_again":
		case strings.Contains(name, "password"), name == "link":
			secrets = true
		default:
			for _, v := range c.r.PostForm[name] {
				fields = append(fields, hiddenField{name, v})
			}
		}
	}
	return fields, secrets
}

// startSession signs the browser in after a one-use link was used.
func (c *call) startSession(bearer secret.Value, s signin.Session, to string) error {
	c.setSession(bearer, s.ExpiresAt)
	return c.seeOther(to)
}
