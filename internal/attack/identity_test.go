package attack

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/config"
)

// TestC1_ThePasswordIsForThePagesAlone: git and the API take no password, in
// whatever form, and say what to do instead.
func TestC1_ThePasswordIsForThePagesAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, header := range map[string]string{
		"Basic": basic("ada", apptest.Password), "by address": basic("ada@example.com", apptest.Password), "Bearer": bearer(apptest.Password), "as the user": basic(apptest.Password, ""),
		"both": basic("ada:"+apptest.Password, apptest.Password),
	} {
		for _, path := range []string{"/api/v3/user", "/ada/shut.git" + refs, "/ada/open.git" + refs, "/ada/open.git" + packs} {
			want(t, name+", "+path, s.Do(t, "GET", path, "", header), 401)
		}
		want(t, name+", OTP", s.Do(t, "GET", "/api/v3/user", "", header, "X-GitHub-OTP: 123456"), 401)
	}
	g := s.Git(t, "ada", apptest.Password)
	if out, code := g.Try(t, "clone", s.URL()+"/ada/shut.git"); code == 0 || !strings.Contains(out, "Password authentication is not supported") || !strings.Contains(out, "/settings/tokens/new") {
		t.Errorf("clone: exit %d\n%s", code, out)
	}
}

// TestC10_ThePasswordAloneMakesNoToken: a token is made by a session with a
// recent sign-in, not by Basic.
func TestC10_ThePasswordAloneMakesNoToken(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	form := url.Values{"note": {"x"}, "expires": {"none"}, "scopes": {"repo"}}
	want(t, "page", s.post(t, "/settings/tokens", form, basic("ada", apptest.Password)), 403)
	want(t, "page, without anything", s.post(t, "/settings/tokens", form), 303)
	want(t, "API", s.Do(t, "POST", "/api/v3/authorizations", `{"note":"x"}`, basic("ada", apptest.Password)), 401)
	if n := s.tokens(t, s.ada); n != 0 {
		t.Errorf("there are %d tokens", n)
	}
}

// TestE1_NobodyIsWhoAHeaderSays: headers that proxies set name nobody here, and
// without a trusted proxy no address either.
func TestE1_NobodyIsWhoAHeaderSays(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, name := range []string{"X-WebAuth-User", "X-Forwarded-User", "Remote-User", "X-Remote-User", "X-Forwarded-Email", "X-Auth-Request-User", "X-WEBAUTH-EMAIL", "Forwarded"} {
		for _, value := range []string{"ada", "boss", "ada@example.com", "for=127.0.0.1;user=ada"} {
			want(t, name, s.Do(t, "GET", "/ada/shut", "", name+": "+value), 404)
			want(t, name, s.Do(t, "GET", "/settings/profile", "", name+": "+value), 303)
			want(t, name, s.Do(t, "GET", "/api/v3/user", "", name+": "+value), 401)
			want(t, name, s.Do(t, "GET", "/ada/shut.git"+refs, "", name+": "+value), 401)
		}
	}
	a := s.post(t, "/login", url.Values{"login": {"ada"}, "password": {apptest.Password}}, "X-Forwarded-For: 203.0.113.7", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7")
	want(t, "sign in", a, 303)
	if line := s.last(t, "user.login"); line.Address != "127.0.0.1" && line.Address != "::1" {
		t.Errorf("the security log believes a header: %q", line.Address)
	}
	// The host is no word of the client either.
	want(t, "another host", s.Do(t, "GET", "/login", "", "Host: attacker.example"), 421)
	if a := s.Do(t, "GET", "/settings", "", "X-Forwarded-Host: attacker.example", "X-Forwarded-Proto: http"); strings.Contains(a.Header.Get("Location")+a.Text, "attacker.example") {
		t.Error("X-Forwarded-Host got into an answer")
	}
}

func (s *scene) last(t *testing.T, action string) audit.Line {
	t.Helper()
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: s.ada.ID, Action: action, Limit: 1})
	if err != nil || len(lines) != 1 {
		t.Fatalf("the security log has no %s: %v, %v", action, lines, err)
	}
	return lines[0]
}

// TestE2_TrustedProxiesAreAskedByAddress: a proxy is believed for its address
// alone, in whatever writing, and only up to the nearest hop that is not one.
func TestE2_TrustedProxiesAreAskedByAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ trusted, header, want string }{
		"not the proxy":             {"10.0.0.0/8", "203.0.113.7", "127.0.0.1"},
		"the proxy":                 {"127.0.0.1/32", "203.0.113.7", "203.0.113.7"},
		"a forged first hop":        {"127.0.0.1/32", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		"a forged hop as the proxy": {"127.0.0.1/32", "198.51.100.1, 127.0.0.1", "198.51.100.1"},
		"IPv6-mapped":               {"127.0.0.1/32", "::ffff:203.0.113.7", "203.0.113.7"},
		"an IPv6-mapped proxy":      {"127.0.0.1/32", "203.0.113.7, ::ffff:127.0.0.1", "203.0.113.7"},
		"garbage":                   {"127.0.0.1/32", "203.0.113.7, nonsense", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, func(c2 *config.Config) {
				c2.TLS, c2.URL = config.Off, "https://git.example.com"
				c2.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(c.trusted)}
			})
			form := url.Values{"login": {"ada"}, "password": {apptest.Password}}.Encode()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Address()+"/login", strings.NewReader(form))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "git.example.com"
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("X-Forwarded-For", c.header)
			resp, err := s.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got := s.last(t, "user.login").Address; got != c.want {
				t.Errorf("the address is %q, want %q", got, c.want)
			}
		})
	}
}

// TestE3_OnlyWhatWasProvenCounts: the name beside a token is nobody's, and
// nothing of a credential that failed, or of another one, is kept.
func TestE3_OnlyWhatWasProvenCounts(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	eves, adas := s.token(t, s.eve, "hers", "repo", "user"), s.session(t, s.ada)
	for _, user := range []string{"ada", "boss", "ada@example.com", "operator"} {
		a := s.Do(t, "GET", "/api/v3/user", "", basic(user, eves))
		if a.StatusCode != 200 || !strings.Contains(a.Text, `"login":"eve"`) {
			t.Errorf("eve's token with the name %s: %d %.100s", user, a.StatusCode, a.Text)
		}
		want(t, user, s.Do(t, "GET", "/ada/shut.git"+refs, "", basic(user, eves)), 404)
	}
	broken := bearer(strings.Repeat("x", 40))
	want(t, "a bad token and a good session, API", s.Do(t, "GET", "/api/v3/repos/ada/shut", "", broken, cookie(adas)), 401)
	want(t, "a bad token and a good session, git", s.Do(t, "GET", "/ada/shut.git"+refs, "", broken, cookie(adas)), 401)
	want(t, "a bad token and a good session, page", s.Do(t, "GET", "/ada/shut", "", broken, cookie(adas)), 403)
	want(t, "a stranger's token and a good session", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(eves), cookie(adas)), 404)
	// Two headers are no credential at all.
	req := base64.StdEncoding.EncodeToString([]byte("x:" + eves))
	want(t, "two in one", s.Do(t, "GET", "/api/v3/user", "", "Authorization: Basic "+req+", Bearer "+eves), 401)
}
