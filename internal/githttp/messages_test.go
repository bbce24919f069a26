package githttp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/token"
)

// remoteLines are the lines that git prints of the server's, without "remote: ".
// git pads them where it shows progress.
func remoteLines(out string) []string {
	var lines []string
	for line := range strings.SplitSeq(out, "\n") {
		// Progress ends in a carriage return; what follows is what stays to be seen.
		if i := strings.LastIndexByte(strings.TrimRight(line, "\r"), '\r'); i >= 0 {
			line = line[i+1:]
		}
		if rest, ok := strings.CutPrefix(line, "remote:"); ok {
			lines = append(lines, strings.TrimRight(strings.TrimPrefix(rest, " "), " \r"))
		}
	}
	return lines
}

// TestMessages: every refusal, word for word and line for line as git prints
// it: what is wrong, and what to do about it.
func TestMessages(t *testing.T) {
	t.Parallel()
	m := newMessages(t)
	for _, c := range m.cases(t) {
		t.Run(c.name, func(t *testing.T) {
			g := m.Git(t, c.user, c.password)
			g.Config = c.config
			command := []string{"ls-remote", m.URL() + "/" + c.repo}
			if c.push {
				g.Run(t, "init", "-q")
				g.Commit(t, c.file(), "x\n", "X")
				command = []string{"push", m.URL() + "/" + c.repo, "HEAD:refs/heads/topic"}
			}
			out, code := g.Try(t, command...)
			if code == 0 {
				t.Fatalf("git went through:\n%s", out)
			}
			got := remoteLines(out)
			equal(t, strings.Join(got, "\n"), m.fill(strings.Join(c.lines, "\n")), "remote lines")
			for _, line := range got {
				if len(line) > 72 && (!strings.HasPrefix(line, "https://") || strings.Contains(line, " ")) {
					t.Errorf("%d columns: %s", len(line), line)
				}
			}
			contains(t, out, m.fill(c.git))
			if c.password != "" && strings.Contains(out, c.password) {
				t.Error("git was told the secret")
			}
		})
	}
}

// messages is the world of TestMessages: ada's engine is private, her gears
// are public, her attic is archived; bob may read the engine, eve may nothing.
type messages struct {
	*world
	ids    []string // {NAME}, what it stands for, …
	tokens map[string]string
}

func newMessages(t *testing.T) *messages {
	t.Helper()
	m := &messages{world: newWorld(t), tokens: map[string]string{}}
	m.Repo(t, m.ada, "gears", false)
	attic := m.Repo(t, m.ada, "attic", true)
	if _, err := m.Repos.SetArchived(t.Context(), right.Operator(), attic.ID, true); err != nil {
		t.Fatal(err)
	}
	bob, eve, mal := m.User(t, "bob"), m.User(t, "eve"), m.User(t, "mal")
	m.Share(t, m.row(t, "engine"), bob, right.Read)
	add := func(name string, id any, plain string) {
		m.ids = append(m.ids, "{"+name+"}", fmt.Sprint(id))
		m.tokens[name] = plain
	}
	short, plain := m.TokenUntil(t, m.ada, "short", m.Now().Add(24*time.Hour), "repo")
	add("short", short.ID, plain)
	m.ids = append(m.ids, "{ended}", short.ExpiresAt.UTC().Format("Monday, 2 January 2006"))
	m.Advance(25 * time.Hour)
	gone, plain := m.Token(t, m.ada, "gone", "repo")
	add("gone", gone.ID, plain)
	if _, err := m.Tokens.Revoke(t.Context(), right.Operator(), m.ada.ID, gone.ID); err != nil {
		t.Fatal(err)
	}
	m.ids = append(m.ids, "{today}", m.Now().UTC().Format("Monday, 2 January 2006"))
	replaced, plain := m.Token(t, m.ada, "replaced", "repo")
	add("replaced", replaced.ID, plain)
	if _, _, err := m.Tokens.Regenerate(t.Context(), right.Operator(), m.ada.ID, replaced.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	bare, plain := m.Token(t, eve, "bare")
	add("bare", bare.ID, plain)
	full, plain := m.Token(t, eve, "full", "repo")
	add("full", full.ID, plain)
	adaBare, plain := m.Token(t, m.ada, "reading")
	add("reading", adaBare.ID, plain)
	reader, plain := m.Token(t, bob, "reader", "repo")
	add("reader", reader.ID, plain)
	lost, plain := m.Token(t, mal, "lost", "repo")
	add("lost", lost.ID, plain)
	if err := m.Lifecycle.SuspendAccount(t.Context(), right.Operator(), mal.ID); err != nil {
		t.Fatal(err)
	}
	list, err := m.Tokens.List(t.Context(), m.ada.ID, token.Personal)
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range list {
		if tok.Note == "laptop" {
			add("laptop", tok.ID, m.git.Password)
		}
	}
	_, host, _ := strings.Cut(m.URL(), "://")
	m.ids = append(m.ids, "{URL}", m.URL(), "{HOST}", host)
	return m
}

func (m *messages) fill(s string) string { return strings.NewReplacer(m.ids...).Replace(s) }

type message struct {
	name           string
	user, password string
	config         []string
	repo           string
	push, workflow bool
	lines          []string
	git            string // of what git itself says
}

func (m message) file() string {
	if m.workflow {
		return ".github/workflows/x.yml"
	}
	return "x"
}

func (m *messages) cases(t *testing.T) []message {
	t.Helper()
	laptop := m.tokens["laptop"]
	broken := []byte(laptop)
	if broken[20]++; broken[20] == 'z'+1 || broken[20] == 'Z'+1 || broken[20] == '9'+1 {
		broken[20] = '0'
	}
	// No string in the source looks like a token.
	foreign := "gh" + "p_" + strings.Repeat("a1", 18)
	const (
		newToken = "{URL}/settings/tokens/new?scopes=repo&description=git"
		failed   = "fatal: Authentication failed for '{URL}/"
		denied   = "The requested URL returned error: 403"
		notFound = "fatal: repository '{URL}/ada/"
		signIn   = "User name: your login. Password: a personal access token. Make one at"
	)
	password := []string{"Invalid username or token. Password authentication is not supported for", "Git operations.", "Make a token and paste it where a password is asked for:", newToken}
	noScope := []string{"Repository not found.", `Either it does not exist, or your token "bare" lacks the repo scope,`, "which private repositories need. Edit the token at", "{URL}/settings/tokens/{bare}"}
	noAccess := []string{"Repository not found.", "Either it does not exist, or the account eve has no access to it."}
	return []message{
		{name: "the account's password", user: "ada", password: apptest.Password, repo: "ada/engine", git: failed + "ada/engine/'", lines: password},
		{name: "garbage", user: "ada", password: "no token at all", repo: "ada/engine", git: failed + "ada/engine/'", lines: password},
		{name: "expired", user: "ada", password: m.tokens["short"], repo: "ada/engine", git: failed + "ada/engine/'", lines: []string{
			`The token "short" expired on {ended}.`, "Make a new secret for it and use that as the password:", "{URL}/settings/tokens/{short}/regenerate"}},
		{name: "deleted", user: "ada", password: m.tokens["gone"], repo: "ada/engine", git: failed + "ada/engine/'", lines: []string{
			`The token "gone" was deleted on {today}.`, "It can't be restored. Make a new one at", newToken}},
		{name: "unknown", user: "ada", password: m.tokens["replaced"], repo: "ada/engine", git: failed + "ada/engine/'", lines: []string{
			"Invalid username or token.", "This token was deleted, replaced, or made elsewhere. Make a new one at", newToken}},
		{name: "broken", user: "ada", password: string(broken), repo: "ada/engine", git: failed + "ada/engine/'", lines: []string{
			"Invalid username or token.", "A character of the token is missing or wrong. Copy it again, whole. If", "it is lost, make a new one at", newToken}},
		{name: "foreign", user: "ada", password: foreign, repo: "ada/engine", git: failed + "ada/engine/'", lines: []string{
			"Invalid username or token.", "This looks like a token of GitHub, and {HOST} is another host.", "Make one for it at", newToken}},
		// git sends no header at all for an empty user name.
		{name: "empty user name", password: laptop, repo: "ada/engine", git: failed + "ada/engine/'", lines: []string{
			"Sign in to read this repository, if it exists.", signIn, newToken}},
		{name: "hidden, without a scope", user: "eve", password: m.tokens["bare"], repo: "ada/engine", git: notFound + "engine/' not found", lines: noScope},
		{name: "missing, without a scope", user: "eve", password: m.tokens["bare"], repo: "ada/nothing", git: notFound + "nothing/' not found", lines: noScope},
		{name: "hidden, with the scope", user: "eve", password: m.tokens["full"], repo: "ada/engine", git: notFound + "engine/' not found", lines: noAccess},
		{name: "missing, with the scope", user: "eve", password: m.tokens["full"], repo: "ada/nothing", git: notFound + "nothing/' not found", lines: noAccess},
		{name: "push without write access", user: "bob", password: m.tokens["reader"], repo: "ada/engine", push: true, git: denied, lines: []string{
			"Permission to ada/engine.git denied to bob.", "Ask its owner for write access.", "If bob is the wrong account, make git forget it:", "  echo url={URL}| git credential reject"}},
		{name: "push without a scope", user: "ada", password: m.tokens["reading"], repo: "ada/gears", push: true, git: denied, lines: []string{
			`Your token "reading" lacks the public_repo or repo scope, which this`, "needs.", "Add the scope, without changing the token, at", "{URL}/settings/tokens/{reading}"}},
		{name: "archived", user: "ada", password: laptop, repo: "ada/attic", push: true, git: denied, lines: []string{
			"This repository was archived so it is read-only.", "An administrator of the repository can unarchive it at", "{URL}/ada/attic/settings"}},
		{name: "suspended", user: "mal", password: m.tokens["lost"], repo: "ada/engine", git: denied, lines: []string{
			"The account mal is suspended.", "Ask an administrator of {HOST} about it."}},
		{name: "anonymous push", repo: "ada/gears", push: true, git: failed + "ada/gears/'", lines: []string{
			"No anonymous write access.", signIn, newToken}},
		{name: "workflow", user: "ada", password: laptop, repo: "ada/engine", push: true, workflow: true,
			git: "! [remote rejected] HEAD -> topic (" + refusal + "x.yml` without `workflow` scope)", lines: []string{
				`Your token "laptop" lacks the workflow scope, which this needs.`, "Add the scope, without changing the token, at", "{URL}/settings/tokens/{laptop}"}},
		{name: "another host", user: "ada", password: laptop, config: []string{"http.extraHeader=Host: attacker.example"}, repo: "ada/engine",
			git: "The requested URL returned error: 421", lines: []string{"This server does not answer for that host name.", "Use {URL} instead."}},
	}
}

// TestMessages_forget: the command that a refused push names takes the stored
// credential away.
func TestMessages_forget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.share(t, "bob", "engine", right.Read, "repo")
	g.Config = []string{"credential.helper=store"}
	entry := "protocol=https\nhost=" + strings.TrimPrefix(w.URL(), "https://") + "\nusername=bob\npassword=" + g.Password + "\n\n"
	if out, code := g.TryIn(t, entry, "credential", "approve"); code != 0 {
		t.Fatal(out)
	}
	file := filepath.Join(filepath.Dir(g.Dir), ".git-credentials")
	if kept, err := os.ReadFile(file); err != nil || !strings.Contains(string(kept), "bob:") {
		t.Fatalf("nothing was stored: %v", err)
	}
	g.Run(t, "init", "-q")
	g.Commit(t, "x", "x\n", "X")
	out, code := g.Try(t, "push", w.url("engine"), "HEAD:main")
	lines := remoteLines(out)
	if code == 0 || len(lines) == 0 {
		t.Fatalf("no refusal:\n%s", out)
	}
	said, ok := strings.CutPrefix(lines[len(lines)-1], "  echo ")
	said, command, cut := strings.Cut(said, "| git ")
	if !ok || !cut {
		t.Fatalf("no command in:\n%s", out)
	}
	if out, code := g.TryIn(t, said+"\n", strings.Fields(command)...); code != 0 {
		t.Fatal(out)
	}
	if kept, err := os.ReadFile(file); err != nil || len(kept) != 0 {
		t.Errorf("the credential is still stored: %v", err)
	}
}
