package attack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/backup"
	"jeton/internal/config"
	"jeton/internal/right"
)

// spellings are the ways in which a secret could be written down.
func spellings(plain string) map[string][]byte {
	out := map[string][]byte{
		"plain": []byte(plain), "percent-encoded": []byte(url.QueryEscape(plain)), "percent-encoded in a path": []byte(url.PathEscape(plain)),
		"HTML": []byte(html.EscapeString(plain)), "hexadecimal": []byte(hex.EncodeToString([]byte(plain))), "quoted": []byte(strings.Trim(fmt.Sprintf("%q", plain), `"`)),
	}
	escaped, _ := json.Marshal(plain)
	out["JSON"] = bytes.Trim(escaped, `"`)
	// Inside a Basic header the secret stands behind a user name of any length,
	// so its base64 has three forms; the characters at the ends belong to its
	// neighbours as well.
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := enc.EncodeToString([]byte(strings.Repeat("\x00", shift) + plain))
			from := []int{0, 2, 3}[shift]
			out[fmt.Sprintf("base64, %d, %p", shift, enc)] = []byte(text[from : len(text)-4])
		}
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(plain); err == nil && len(raw) >= 16 {
		out["its bytes"], out["its bytes, hexadecimal"] = raw, []byte(hex.EncodeToString(raw))
	}
	return out
}

// markers are the secrets that were planted, by name.
type markers map[string]string

// in returns the names of the markers that stand in text, and how.
func (m markers) in(text []byte) []string {
	var out []string
	for name, plain := range m {
		for how, s := range spellings(plain) {
			if bytes.Contains(text, s) {
				out = append(out, name+" ("+strings.Split(how, ", 0x")[0]+")")
			}
		}
	}
	return out
}

// answers notes every answer that the client gets.
type answers struct {
	http.RoundTripper
	mu  sync.Mutex
	all []noted // guarded by mu
}

type noted struct{ request, answer string }

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	dump, err := httputil.DumpResponse(resp, true)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, noted{r.Method + " " + r.URL.Path, string(dump)})
	return resp, nil
}

// notedGit returns a git program that notes with which arguments and environment
// it is started, and a function that returns all of that. What ends within
// milliseconds is seen too.
func notedGit(t *testing.T) (program string, ran func() []string) {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	notes := t.TempDir()
	program = filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\n/bin/cat /proc/$$/cmdline /proc/$$/environ >>'" + notes + "'/$$\nexec '" + real + "' \"$@\"\n"
	syscall.ForkLock.RLock() // a child that is just being started must not hold the program open
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, func() (out []string) {
		for _, text := range files(t, notes) {
			out = append(out, string(text))
		}
		return out
	}
}

// files returns the content of every file below dir.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what ends while it is looked at was temporary
		}
		if text, err := os.ReadFile(path); err == nil {
			out[path] = text
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	tokenInPage = regexp.MustCompile(`id="new-token"[^>]*>([^<]+)<`)
	linkInPage  = regexp.MustCompile(`/(?:join|password_reset)#([A-Za-z0-9_-]{43})`)
)

// planted is what a day on the server left behind.
type planted struct {
	*scene
	markers markers
	answers *answers
	shown   map[string]int // how often an answer may hold a marker
}

// inMail is the one marker that a mail may hold: one mail.
const inMail = "the link in a mail"

const markerPassword = `a "Marker" & <pass> käse 100% word`

// live lets a person do everything with secrets that there is to do: the right
// ones, wrong ones, and right ones in wrong places.
func live(t *testing.T, s *scene) *planted {
	t.Helper()
	p := &planted{scene: s, markers: markers{}, shown: map[string]int{}}
	p.answers = &answers{RoundTripper: s.Client.Transport}
	s.Client.Transport = p.answers
	p.plant("the password", markerPassword, 0)
	if a := s.post(t, "/settings/admin/password", url.Values{"old_password": {apptest.Password}, "password": {markerPassword}}, cookie(s.session(t, s.ada))); a.StatusCode != 303 {
		t.Fatalf("change the password: %d", a.StatusCode)
	}
	a := s.post(t, "/login", url.Values{"login": {"ada"}, "password": {markerPassword}})
	session, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Set-Cookie"), "__Host-session="), ";")
	p.plant("the session", session, 1)
	page := cookie(session)
	s.post(t, "/settings/tokens", url.Values{"note": {"shown once"}, "expires": {"30"}, "scopes": {"repo", "workflow"}}, page)
	shown := s.Do(t, "GET", "/settings/tokens", "", page)
	found := tokenInPage.FindStringSubmatch(shown.Text)
	if found == nil {
		t.Fatalf("the new token is not on its page: %d", shown.StatusCode)
	}
	plain := found[1]
	p.plant("the token", plain, 1)
	chief := cookie(s.session(t, s.Admin(t, "chief")))
	s.post(t, "/admin/users/invite", url.Values{"email": {"new@example.com"}}, chief)
	link := linkInPage.FindStringSubmatch(s.Do(t, "GET", "/admin/users", "", chief).Text)
	if link == nil {
		t.Fatal("the invitation is not on its page")
	}
	p.plant("the invitation", link[1], 1)
	s.setting(t, "", url.Values{"email": {"ada@work.example.com"}}, page)
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.plant(inMail, s.linkLeft(t), 0)
	p.useToken(t, plain, page)
	p.misuse(t, plain, session, link[1])
	s.post(t, "/settings/emails/confirm", url.Values{"link": {p.markers[inMail]}}, page)
	if !s.email(t, s.ada, "ada@work.example.com").Verified {
		t.Fatal("the link in the mail confirmed nothing")
	}
	return p
}

func (p *planted) plant(name, plain string, shown int) {
	p.markers[name] = plain
	p.shown[name] = shown
}

// useToken uses it over every door and with real git.
func (p *planted) useToken(t *testing.T, plain, page string) {
	t.Helper()
	for _, header := range carriers(plain) {
		for _, path := range []string{"/api/v3/", "/api/v3/user", "/api/v3/user/repos", "/api/v3/repos/ada/shut", "/api/v3/repos/ada/nothing", "/api/v3/user/emails", "/api/v3/rate_limit", "/ada/shut.git" + refs, "/ada/open.git" + packs, "/ada/nothing.git" + refs, "/ada/shut", "/metrics", "/healthz"} {
			p.Do(t, "GET", path, "", header)
		}
		p.Do(t, "POST", "/ada/open.git/git-receive-pack", "0000", header, "Content-Type: application/x-git-receive-pack-request")
		p.Do(t, "POST", "/ada/open.git/git-upload-pack", "nonsense", header, "Content-Type: application/x-git-upload-pack-request")
		p.Do(t, "POST", "/api/v3/user/repos", "{", header)
	}
	g := p.clone(t, p.ada, plain, "shut")
	g.Commit(t, "a.txt", "a", "A change")
	out := g.Run(t, "push", "origin", "HEAD:main", "HEAD:refs/tags/v1")
	g.Commit(t, "b.txt", strings.Repeat("b", 1<<20), "A larger change")
	out += g.Run(t, "push", "origin", "HEAD:main")
	out += g.Run(t, "fetch")
	p.answers.all = append(p.answers.all, noted{"what git printed", out})
	for _, path := range []string{"/", "/settings/tokens", "/settings/tokens/1", "/settings/tokens/1/regenerate", "/settings/sessions", "/settings/security-log", "/settings/security-log/export?format=csv", "/settings/security-log/export?format=jsonl", "/settings/admin", "/ada/shut", "/nowhere"} {
		p.Do(t, "GET", path, "", page)
	}
	if a := p.Do(t, "GET", "/settings/tokens", "", page); strings.Contains(a.Text, plain) {
		t.Error("the token is shown a second time")
	}
}

// misuse sends secrets where they do not belong.
func (p *planted) misuse(t *testing.T, plain, session, link string) {
	t.Helper()
	tok, gone := p.Token(t, p.ada, "gone", "repo")
	_, over := p.TokenUntil(t, p.ada, "over", p.Now().Add(time.Hour), "repo")
	if _, err := p.Tokens.Revoke(t.Context(), right.Operator(), p.ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	p.plant("a revoked token", gone, 0)
	p.plant("an expired token", over, 0)
	p.plant("a mistyped token", plain[:30]+"XXXX"+plain[34:], 0)
	p.plant("another host's token", "ghp"+"_"+strings.Repeat("m4rK", 9), 0)
	p.Advance(90 * time.Minute)
	for _, value := range p.markers {
		for _, header := range carriers(value) {
			p.Do(t, "GET", "/api/v3/user", "", header)
			p.Do(t, "GET", "/ada/shut.git"+refs, "", header)
			p.Do(t, "GET", "/settings/tokens", "", header)
		}
		escaped := url.QueryEscape(value)
		for _, path := range []string{"/api/v3/user?access_token=" + escaped, "/ada/shut.git" + refs + "&private_token=" + escaped, "/settings/tokens/new?access_token=" + escaped} {
			p.Do(t, "GET", path, "")
		}
		p.Do(t, "GET", "/", "", cookie(url.QueryEscape(value)))
		p.Do(t, "GET", "/", "", "Referer: "+p.URL()+"/join#"+escaped)
		p.Do(t, "GET", "/settings/emails/confirm?link="+escaped, "", cookie(session))
		p.Do(t, "GET", "/settings/emails/confirm?link="+escaped, "")
		if value != p.markers[inMail] {
			p.post(t, "/settings/emails/confirm", url.Values{"link": {value}}, cookie(session))
		}
		p.post(t, "/settings/emails/confirm", url.Values{"link": {value}}, cookie(p.session(t, p.eve)))
		p.post(t, "/settings/emails/confirm", url.Values{"link": {value}})
		p.post(t, "/login", url.Values{"login": {"ada"}, "password": {value + " "}})
		p.post(t, "/login", url.Values{"login": {"nobody"}, "password": {value}})
		p.post(t, "/password_reset", url.Values{"link": {value}, "password": {value}})
		p.post(t, "/sessions/sudo", url.Values{"sudo_password": {value + " "}}, cookie(session))
		p.post(t, "/settings/tokens", url.Values{"note": {"x"}, "expires": {"bad"}, "sudo_password": {value}, "password": {value}}, cookie(session))
	}
	for _, value := range []string{plain, gone} {
		p.Do(t, "GET", "/"+value, "")
		p.Do(t, "GET", "/"+value+"/x.git"+refs, "")
		p.Do(t, "GET", "/ada/"+value, "")
	}
	g := p.Git(t, plain, "")
	g.Try(t, "ls-remote", p.URL()+"/ada/nothing.git")
	p.Git(t, "ada", markerPassword).Try(t, "ls-remote", p.URL()+"/ada/shut.git")
	p.post(t, "/join", url.Values{"link": {p.URL() + "/join#" + link}, "login": {"newcomer"}, "email": {"new@example.com"}, "password": {markerPassword + " x"}})
}

// TestD2_NoSecretIsLeftAnywhere is the marker test (D2, D3, D5, D9): after a day
// with secrets, at the most talkative level, they are in no log, no process,
// no file, no database, no backup, and in no answer but the one that shows them.
func TestD2_NoSecretIsLeftAnywhere(t *testing.T) {
	t.Parallel()
	git, ran := notedGit(t)
	s := newScene(t, func(c *config.Config) { c.Git = git })
	p := live(t, s)
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := s.Log.String()
	if !strings.Contains(log, "path=/api/v3/user") {
		t.Fatal("the log holds nothing: the test looks at nothing")
	}
	report(t, p.markers, "the log", []byte(log))
	started := strings.Join(ran(), "\n")
	if !strings.Contains(started, "\x00upload-pack\x00") && !strings.Contains(started, "\x00pack-objects\x00") { // few are started any more: a clone that nobody made before is one
		t.Error("the git of a clone was not seen: the test looks at nothing")
	}
	report(t, p.markers, "a process", []byte(started))
	dir := t.TempDir()
	report(t, p.markers, "the database", s.dump(t))
	if _, err := backup.Write(t.Context(), backup.Options{DB: s.DB, Repos: s.Repos, Git: s.Core.Git, Blobs: s.Blobs, Keys: s.Config.Keys, TLS: s.Config.TLSDir(), Program: "test"}, filepath.Join(dir, "backup"), filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	n, mails, confirms := 0, 0, 0
	for _, root := range []string{s.Config.Data, dir} {
		for path, text := range files(t, root) {
			n++
			if strings.HasSuffix(path, ".eml") {
				mails++
				text = bytes.ReplaceAll(text, []byte("=\r\n"), nil) // lines that quoted-printable cut
				if bytes.Contains(text, []byte("To: <ada@work.example.com>")) {
					confirms++
					text = bytes.ReplaceAll(text, []byte("/settings/emails/confirm#"+p.markers[inMail]), nil)
				}
			}
			report(t, p.markers, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), text)
		}
	}
	if confirms != 1 {
		t.Errorf("%d mails confirm an address", confirms)
	}
	if mails == 0 {
		t.Error("there is no mail: the test looks at nothing")
	}
	if n < 20 {
		t.Errorf("only %d files were looked at", n)
	}
	p.reportAnswers(t)
}

// dump is the whole database as text.
func (s *scene) dump(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.DB.Dump(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func report(t *testing.T, m markers, where string, text []byte) {
	t.Helper()
	for _, found := range m.in(text) {
		t.Errorf("%s holds %s", where, found)
	}
}

// reportAnswers: each marker stands in as many answers as it was shown in, and
// those are the ones that show it.
func (p *planted) reportAnswers(t *testing.T) {
	t.Helper()
	may := map[string]string{"the session": "POST /login", "the token": "GET /settings/tokens", "the invitation": "GET /admin/users"}
	for name, plain := range p.markers {
		n := 0
		for _, a := range p.answers.all {
			if len(markers{name: plain}.in([]byte(a.answer))) == 0 {
				continue
			}
			n++
			if a.request != may[name] {
				t.Errorf("the answer to %s holds %s", a.request, name)
			}
		}
		if n != p.shown[name] {
			t.Errorf("%d answers hold %s, want %d", n, name, p.shown[name])
		}
	}
}

// TestD2_CanFail is the test of the marker test: a secret that is logged,
// written, passed to a process, stored or answered on purpose is found, however
// it is spelled.
func TestD2_CanFail(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	_, plain := s.Token(t, s.ada, "to be found", "repo")
	m := markers{"the token": plain, "the password": markerPassword, "the session": s.session(t, s.ada)}
	log := slog.New(slog.NewTextHandler(s.Log, nil))
	for name, value := range m {
		for _, written := range []string{value, basic("ada", value), basic("ad", value), basic("a", value), url.QueryEscape(value), hex.EncodeToString([]byte(value)), html.EscapeString(value), fmt.Sprintf("%q", value)} {
			if len(m.in([]byte("before "+written+" after"))) == 0 {
				t.Errorf("%s written as %.12s… is not found", name, written)
			}
		}
		before := len(s.Log.String())
		log.Info("on purpose", "value", value)
		if len(m.in([]byte(s.Log.String()[before:]))) == 0 {
			t.Errorf("%s is not found in the log", name)
		}
		if asJSON, _ := json.Marshal(map[string]string{"v": value}); len(m.in(asJSON)) == 0 {
			t.Errorf("%s is not found in JSON", name)
		}
	}
	// A process that the server starts.
	git, ran := notedGit(t)
	cmd := exec.CommandContext(t.Context(), git, "version", plain)
	cmd.Env = []string{"SECRET=" + markerPassword}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if found := m.in([]byte(strings.Join(ran(), "\n"))); len(found) < 2 {
		t.Errorf("of the process only %v is found", found)
	}
	// The database, its files and a backup, in which a profile is what the person wrote.
	for name, value := range m {
		if _, err := s.Accounts.UpdateProfile(t.Context(), right.Operator(), s.ada.ID, account.Profile{Bio: value}); err != nil {
			t.Fatal(err)
		}
		if len(m.in(s.dump(t))) == 0 {
			t.Errorf("%s is not found in the database", name)
		}
	}
}
