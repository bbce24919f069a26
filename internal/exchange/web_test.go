package exchange_test

import (
	"crypto/rand"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// TestPages: a person states whom the repository trusts, and what the page says that a
// machine should run works as it stands there.
func TestPages(t *testing.T) {
	t.Parallel()
	apptest.Need(t, "curl")
	w := newWorld(t)
	const base = "/ada/engine/settings/trusts"
	page := w.person.Get(t, base+"/new?for=github")
	has(t, page.Text, "https://token.actions.githubusercontent.com", "repo:OWNER/REPOSITORY:ref:refs/heads/main", `value="15"`)
	f := url.Values{"name": {"CI"}, "issuer": {w.issuer.URL}, "audience": {audience}, "subject": {"repo:octo/site:*"}, "claims": {"environment=production"}, "minutes": {"5"}, "contents": {"write"}}
	for field, bad := range map[string]string{"name": "", "issuer": "http://ci.example.com", "audience": "*", "subject": "*:main", "claims": "environment", "minutes": "61"} {
		wrong := url.Values{}
		for name, v := range f {
			wrong[name] = v
		}
		wrong.Set(field, bad)
		if a := w.person.Post(t, base+"/new", wrong); a.StatusCode != 422 || !strings.Contains(a.Text, `id="`+field+`-wrong"`) && !strings.Contains(a.Text, field) {
			t.Errorf("%s: %d", field, a.StatusCode)
		}
	}
	f.Set("subject", "repo:octo/site:ref:refs/heads/*")
	made := w.person.Post(t, base+"/new", f)
	if made.StatusCode != 303 {
		t.Fatalf("%d %.2000s", made.StatusCode, made.Text)
	}
	at := made.Header.Get("Location")
	_, plain := w.Token(t, w.ada, "push", "repo")
	g := w.Git(t, "ada", plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "README.md", "hello\n", "Say hello")
	g.Run(t, "push", "-q", w.URL()+"/ada/engine.git", "HEAD:refs/heads/main")
	if err := w.Trusts.Delete(t.Context(), w.by(), w.place(), w.trust.ID); err != nil { // so that the other one gives
		t.Fatal(err)
	}

	text := w.person.Get(t, at).Text
	script := regexp.MustCompile(`(?s)<pre[^>]* id="trust-exchange"[^>]*>(.*?)</pre>`).FindStringSubmatch(text)
	if script == nil {
		t.Fatal("the page has no example")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-eu")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader("identity=$IDENTITY\n" + html.UnescapeString(script[1]) + "\n")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CURL_CA_BUNDLE=" + w.CAFile, "GIT_SSL_CAINFO=" + w.CAFile, "GIT_TERMINAL_PROMPT=0", "IDENTITY=" + w.issuer.Token(t, w.job())}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, script[1])
	}
	if got, err := os.ReadFile(filepath.Join(dir, "engine", "README.md")); err != nil || string(got) != "hello\n" {
		t.Errorf("%q, %v", got, err)
	}
	bad := w.job()
	bad.Claims["environment"] = "staging"
	w.exchange(t, w.issuer.Token(t, bad))
	text = w.person.Get(t, at).Text
	has(t, text, "Given a token until", "The claim environment was not as it should be: “staging”", "1 is good now")
	has(t, w.person.Get(t, base).Text, "CI", "Last refused", "claim environment")

	// Others who may not administer it see nothing.
	bob := w.User(t, "bob")
	w.Share(t, w.repo, bob, right.Write)
	eve := w.Person(t, w.User(t, "eve"))
	for _, path := range []string{base, base + "/new", at, at + "/delete"} {
		if a := w.Person(t, bob).Get(t, path); a.StatusCode != 403 {
			t.Errorf("bob, %s: %d", path, a.StatusCode)
		}
		if a := eve.Get(t, path); a.StatusCode != 404 {
			t.Errorf("eve, %s: %d", path, a.StatusCode)
		}
		if a := w.Do(t, "GET", path, "", "Authorization: Bearer "+plain); a.StatusCode == 200 && strings.Contains(a.Text, "octo/site") {
			t.Errorf("a token, %s", path)
		}
	}
	other := w.Repo(t, w.ada, "other", true)
	if a := w.person.Get(t, strings.Replace(at, "engine", other.Name, 1)); a.StatusCode != 404 {
		t.Errorf("under another repository: %d", a.StatusCode)
	}
	if a := w.person.Post(t, at+"/delete", nil); a.StatusCode != 303 {
		t.Errorf("%d", a.StatusCode)
	}
	has(t, w.person.Get(t, base).Text, "Nobody is trusted yet.")
}

// TestExchange_underWay: a clone by an exchanged token ends when its trust is deleted.
func TestExchange_underWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	access := w.exchange(t, w.issuer.Token(t, w.job())).Access
	g := w.Git(t, "x", access)
	g.Run(t, "init", "-q")
	noise := make([]byte, 24<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	g.Commit(t, "noise", string(noise), "Add noise")
	g.Run(t, "push", "-q", w.URL()+"/ada/engine.git", "HEAD:refs/heads/main")
	tip := strings.TrimSpace(g.Run(t, "rev-parse", "HEAD"))
	line := "0032want " + tip + "\n"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL()+"/ada/engine.git/git-upload-pack", strings.NewReader(line+"00000009done\n"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("x", access)
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1<<20)); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode, err)
	}
	if err := w.Trusts.Delete(t.Context(), w.by(), w.place(), w.trust.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil && n > 22<<20 {
		t.Errorf("the clone went on to its end: %d bytes", n)
	}
	if out, code := g.Try(t, "push", w.URL()+"/ada/engine.git", "HEAD:refs/heads/other"); code == 0 {
		t.Errorf("it pushes still\n%s", out)
	}
}
