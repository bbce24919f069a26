package crash

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// servedEnv makes the test binary a server on the data folder that it names.
const servedEnv = "JETON_TEST_SERVED"

// upkeepEnv makes that server maintain its first repository without a pause.
const upkeepEnv = "JETON_TEST_UPKEEP"

// bundlesEnv makes that server offer bundles of every repository.
const bundlesEnv = "JETON_TEST_BUNDLES"

// TestServed is that server, and no test of its own. It runs until it is killed.
func TestServed(t *testing.T) {
	data := os.Getenv(servedEnv)
	if data == "" {
		t.Skip("is run by the other tests")
	}
	c := settings(t, data)
	if os.Getenv(bundlesEnv) != "" {
		c.GitBundleSize = 1
	}
	a, err := app.New(t.Context(), c, app.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("serves %s\n", a.URL())
	if os.Getenv(upkeepEnv) != "" {
		go func() {
			for t.Context().Err() == nil {
				_, _ = a.Core.Lifecycle.MaintainRepo(t.Context(), 1, gitstore.Maintain{Full: true, Prune: true})
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started it is gone
}

// settings are a server without TLS, so that what it writes can be read.
func settings(t testing.TB, data string) config.Config {
	t.Helper()
	c, err := config.Config{Data: data, Listen: "127.0.0.1:0", TLS: config.Off, Maintenance: "off", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		WebhookAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// host is a data folder with the repository ada/engine, a person who pushes to
// it, and now and then a server.
type host struct {
	data  string
	disk  string // the repository's folder
	clone string // ada's
	token string
	id    id.Repo

	upkeep  bool // the next server maintains the repository all the time
	bundles bool // the next server offers bundles
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	url     string // of the repository, while the server runs
}

// newWatched is a host on a disk of any size, and a core that looks into its
// database beside the server.
func newWatched(t *testing.T) (*host, *app.Core) {
	t.Helper()
	h := newHost(t, filepath.Join(t.TempDir(), "data"))
	core, err := app.OpenCore(t.Context(), settings(t, h.data).WithPort(443), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = core.Close(t.Context()) })
	return h, core
}

func newHost(t *testing.T, data string) *host {
	t.Helper()
	h := &host{data: data, clone: filepath.Join(t.TempDir(), "clone")}
	ctx := t.Context()
	k, err := app.OpenCore(ctx, settings(t, data).WithPort(443), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ada, err := k.Accounts.Create(ctx, right.Operator(), account.NewAccount{Login: "ada", Email: "ada@example.com", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	scopes, err := right.ParseScopes([]string{"repo"})
	if err != nil {
		t.Fatal(err)
	}
	_, plain, err := k.Tokens.Create(ctx, right.Operator(), ada.ID, token.NewToken{Note: "laptop", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	h.token = plain.Reveal()
	r, err := k.Lifecycle.CreateRepo(ctx, right.Operator(), repo.NewRepo{Owner: ada.ID, Name: "engine", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	h.id = r.ID
	h.disk = filepath.Join(k.Git.Dir(), "0", fmt.Sprintf("%d.git", r.ID))
	if err := k.Close(ctx); err != nil {
		t.Fatal(err)
	}
	h.must(t, filepath.Dir(h.clone), "init", "-q", "-b", "main", h.clone)
	return h
}

// start starts the server and returns when it answers.
func (h *host) start(t *testing.T) {
	t.Helper()
	h.cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServed$")
	h.cmd.Env = append(os.Environ(), servedEnv+"="+h.data)
	if h.upkeep {
		h.cmd.Env = append(h.cmd.Env, upkeepEnv+"=1")
	}
	if h.bundles {
		h.cmd.Env = append(h.cmd.Env, bundlesEnv+"=1")
	}
	h.cmd.Stderr = os.Stderr
	var err error
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "serves https://")
	if !ok {
		t.Fatalf("the server says %q, %v", line, err)
	}
	h.url = "http://" + url + "/ada/engine.git"
}

// kill ends the server at once.
func (h *host) kill() {
	if h.cmd == nil {
		return
	}
	_ = h.cmd.Process.Kill()
	_ = h.stdin.Close()
	_ = h.cmd.Wait()
	h.cmd = nil
}

// git runs git in a folder, as ada.
func (h *host) git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	helper := `!f() { echo username=ada; echo "password=$JETON_TOKEN"; }; f`
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "git", append([]string{"-c", "credential.helper=", "-c", "credential.helper=" + helper, "-c", "safe.directory=*"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.data, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "JETON_TOKEN=" + h.token,
		"GIT_AUTHOR_NAME=Ada Example", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada Example", "GIT_COMMITTER_EMAIL=ada@example.com"}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (h *host) must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := h.git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// commit adds a commit to the clone's branch.
func (h *host) commit(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join(h.clone, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.must(t, h.clone, "add", "-A")
	h.must(t, h.clone, "commit", "-qm", file)
}
