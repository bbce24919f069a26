package exchange_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/config"
	"jeton/internal/issuertest"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/trust"
)

const (
	endpoint = "/login/oauth/access_token"
	grant    = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeID   = "urn:ietf:params:oauth:token-type:id_token"

	subject  = "repo:octo/site:ref:refs/heads/main"
	audience = "https://jeton.example.com"
)

// world is a server that can reach a real issuer, with a repository that trusts it.
type world struct {
	*apptest.Server
	issuer *issuertest.Issuer
	ada    account.Account
	person *apptest.Person
	repo   repo.Repo
	trust  trust.Trust
}

func newWorld(t *testing.T, more ...func(*config.Config)) *world {
	t.Helper()
	w := &world{issuer: issuertest.Start(t)}
	w.Server = apptest.Start(t, append([]func(*config.Config){w.issuer.Allow}, more...)...)
	w.ada = w.User(t, "ada")
	w.person = w.Person(t, w.ada)
	w.repo = w.Repo(t, w.ada, "engine", true)
	w.trust = w.trusts(t, w.statement())
	return w
}

func (w *world) statement() trust.Statement {
	return trust.Statement{Name: "Deploys", Issuer: w.issuer.URL, Audience: audience, Subject: "repo:octo/site:ref:refs/heads/*", Claims: map[string]string{"environment": "production"},
		Permissions: right.ParseFine("contents=write,statuses=write"), Minutes: 15}
}

func (w *world) place() trust.Place {
	return trust.Place{Repo: w.repo.ID, Owner: w.repo.Owner, Name: w.repo.FullName()}
}

// trusts saves a statement of the repository.
func (w *world) trusts(t testing.TB, s trust.Statement) trust.Trust {
	t.Helper()
	out, err := w.Trusts.Create(t.Context(), w.by(), w.place(), s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) by() right.Actor {
	return right.Actor{Account: w.ada.ID, Login: w.ada.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}

// job is one that the trust takes.
func (w *world) job() issuertest.Job {
	return issuertest.Job{Subject: subject, Audience: []string{audience}, Claims: map[string]any{"environment": "production", "run_id": 7}}
}

// reply is what the endpoint says.
type reply struct {
	Status    int    `json:"-"`
	Header    string `json:"-"` // Retry-After
	Access    string `json:"access_token"`
	Issued    string `json:"issued_token_type"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Scope     string `json:"scope"`
	Refresh   string `json:"refresh_token"`
	Error     string `json:"error"`
	Why       string `json:"error_description"`
}

// exchange presents an identity token for the repository; more are further fields.
func (w *world) exchange(t testing.TB, identity string, more ...string) reply {
	t.Helper()
	v := url.Values{"grant_type": {grant}, "subject_token": {identity}, "subject_token_type": {typeID}, "resource": {w.URL() + "/ada/engine"}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return read(t, w.Do(t, "POST", endpoint, v.Encode(), "Content-Type: application/x-www-form-urlencoded", "Accept: application/json"))
}

func read(t testing.TB, a apptest.Answer) reply {
	t.Helper()
	var r reply
	if err := json.Unmarshal([]byte(a.Text), &r); err != nil {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	r.Status, r.Header = a.StatusCode, a.Header.Get("Retry-After")
	return r
}

// lines are those of the owner's log with an action, newest first.
func (w *world) lines(t testing.TB, action string) []audit.Line {
	t.Helper()
	out, err := w.Audit.List(t.Context(), audit.Query{Account: w.ada.ID, Action: action, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused says whether the newest line of the owner's log tells of a refusal for that
// reason, of the trust, about the repository.
func (w *world) refused(t testing.TB, why string) bool {
	t.Helper()
	all := w.lines(t, "trust.refused")
	return slices.ContainsFunc(all, func(l audit.Line) bool {
		return l.Detail["why"] == why && l.Repo == w.repo.ID && l.Target == "ada/engine"
	})
}

// works reports whether the API reads the repository by the token.
func (w *world) works(t testing.TB, access string) bool {
	t.Helper()
	return w.Do(t, "GET", "/api/v3/repos/ada/engine", "", "Authorization: Bearer "+access).StatusCode == 200
}

func has(t testing.TB, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%.3000s", want, text)
		}
	}
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }

func permissions(s string) right.Fine { return right.ParseFine(s) }

// addRoot has the server trust one more certificate.
func addRoot(t *testing.T, c *config.Config, cert *x509.Certificate) {
	t.Helper()
	var old []byte
	var err error
	if c.WebhookCA != "" {
		if old, err = os.ReadFile(c.WebhookCA); err != nil {
			t.Fatal(err)
		}
	}
	c.WebhookCA = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(c.WebhookCA, append(old, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...), 0o600); err != nil {
		t.Fatal(err)
	}
}
