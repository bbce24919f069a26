package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/right"
)

const (
	tokens  = "/login/oauth/access_token"
	devices = "/login/device/code"
	form    = "Content-Type: application/x-www-form-urlencoded"
	asJSON  = "Accept: application/json"

	verifier = "a-verifier-of-at-least-forty-three-characters-1"
	loopback = "http://127.0.0.1:7777/callback"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// world is a server with a person, an application of somebody else, and its
// secret.
type world struct {
	*apptest.Server
	ada, bob account.Account
	person   *apptest.Person
	app      application.App
	secret   string
}

const callback = "https://app.example.com/cb"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Server: apptest.Start(t)}
	w.ada, w.bob = w.User(t, "ada"), w.User(t, "bob")
	w.person = w.Person(t, w.ada)
	w.app, w.secret = w.register(t, application.Form{Name: "Wiki", Homepage: "https://app.example.com", Callback: callback, DeviceFlow: true})
	return w
}

// register makes an application of bob's, with a secret.
func (w *world) register(t *testing.T, f application.Form) (application.App, string) {
	t.Helper()
	a, err := w.Apps.Register(t.Context(), right.Operator(), w.bob.ID, f)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := w.Apps.NewSecret(t.Context(), right.Operator(), w.bob.ID, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return a, plain.Reveal()
}

// reply is what the token endpoint says.
type reply struct {
	Status       int    `json:"-"`
	Access       string `json:"access_token"`
	Scope        string `json:"scope"`
	Type         string `json:"token_type"`
	Refresh      string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshIn    int    `json:"refresh_token_expires_in"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
	Interval     int    `json:"interval"`
	DeviceCode   string `json:"device_code"`
	UserCode     string `json:"user_code"`
	Verification string `json:"verification_uri"`
}

// ask sends a form and reads JSON. fields are name, value, name, value.
func (w *world) ask(t testing.TB, path string, fields ...string) reply {
	t.Helper()
	a := w.Do(t, "POST", path, values(fields...).Encode(), form, asJSON)
	var r reply
	if err := json.Unmarshal([]byte(a.Text), &r); err != nil {
		t.Fatalf("%s: %d %s", path, a.StatusCode, a.Text)
	}
	r.Status = a.StatusCode
	return r
}

func values(fields ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return v
}

func authorizeURL(fields ...string) string {
	return "/login/oauth/authorize?" + values(fields...).Encode()
}

// code lets an application in and returns the code that it gets.
func (w *world) code(t testing.TB, fields ...string) string {
	t.Helper()
	return codeOf(t, w.person.Authorize(t, authorizeURL(fields...)))
}

func codeOf(t testing.TB, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("no code in %s", to)
	}
	return u.Query().Get("code")
}

// wikiToken is a token of the registered application.
func (w *world) wikiToken(t testing.TB, scopes string) reply {
	t.Helper()
	c := w.code(t, "client_id", w.app.ClientID, "scope", scopes)
	r := w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", c)
	if r.Access == "" {
		t.Fatalf("no token: %+v", r)
	}
	return r
}

// works reports whether the API takes the token.
func (w *world) works(t testing.TB, access string) bool {
	t.Helper()
	return w.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+access).StatusCode == 200
}

func has(t testing.TB, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%.3000s", want, text)
		}
	}
}
