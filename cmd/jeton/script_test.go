package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"jeton/internal/db/dbtest"
	"jeton/internal/foreign/foreigntest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"jeton": func() { os.Exit(runMain()) }})
}

// TestScripts lives the stories of testdata/script with the program itself and
// real git.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params(t, "testdata/script", nil))
}

// TestPostgres lives those of testdata/postgres, with a database of its own.
func TestPostgres(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params(t, "testdata/postgres", []string{"DATABASE=" + dbtest.Postgres(t).URL}))
}

// built is a folder with the program, where the test is not the program itself: a
// start under the race detector takes half a second, and the scripts start it a
// hundred times. What runs inside of it is raced by the other tests.
func built(t *testing.T) string {
	t.Helper()
	if !underRace {
		return ""
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

func params(t *testing.T, dir string, env []string) testscript.Params {
	t.Helper()
	program := built(t)
	return testscript.Params{
		Dir: dir, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			if program != "" {
				e.Setenv("PATH", program+string(os.PathListSeparator)+e.Getenv("PATH"))
			}
			e.Vars = append(e.Vars, env...)
			e.Vars = append(e.Vars, "HOME="+e.WorkDir, "GIT_CONFIG_GLOBAL="+filepath.Join(e.WorkDir, "gitconfig"), "GIT_CONFIG_NOSYSTEM=1",
				"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS="+filepath.Join(e.WorkDir, "askpass"),
				"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "TOKEN=", "USER_NAME=ada")
			// git asks as a person is asked: first the user name, then the token.
			ask := "#!/bin/sh\ncase $1 in Username*) echo \"$USER_NAME\";; *) echo \"$TOKEN\";; esac\n"
			return os.WriteFile(filepath.Join(e.WorkDir, "askpass"), []byte(ask), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "keep": keep, "within": within, "mode": mode, "get": get, "term": terminate, "foreign": foreignHost},
	}
}

// waits is how long a script waits for what it expects; it is past every limit
// that the program promises, for a slow machine's sake.
const waits = 30 * time.Second

// every calls f until it succeeds or the time is over.
func every(limit time.Duration, f func() error) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return err
		}
	}
}

// ready DATA waits until the server of that data folder answers, sets URL and
// PORT, and makes git trust it as people are told to.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready DATA")
	}
	data := ts.MkAbs(args[0])
	var base string
	err := every(waits, func() error {
		text, err := os.ReadFile(filepath.Join(data, "server-url"))
		if err != nil {
			return err
		}
		base = strings.TrimSpace(string(text))
		status, err := fetch(data, base+"/healthz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
	ts.Check(err)
	u, err := url.Parse(base)
	ts.Check(err)
	ts.Setenv("URL", base)
	ts.Setenv("PORT", u.Port())
	ts.Check(ts.Exec("git", "config", "--global", "http."+base+"/.sslCAInfo", filepath.Join(data, "tls", "ca.pem")))
}

func fetch(data, address string) (int, error) {
	ca, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	if err != nil {
		return 0, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(address)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// get DATA URL STATUS checks the status of a page.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: get DATA URL STATUS")
	}
	status, err := fetch(ts.MkAbs(args[0]), args[1])
	ts.Check(err)
	if fmt.Sprint(status) != args[2] {
		ts.Fatalf("GET %s: got %d, want %s", args[1], status, args[2])
	}
}

// keep NAME FILE sets a variable to a file's first line; FILE may be stdout.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME FILE")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], strings.TrimSpace(line))
}

// within TIME PROGRAM… runs a program until it succeeds, or with "!" until it
// fails, and fails itself when the time is over.
func within(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: within TIME PROGRAM…")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Check(every(limit, func() error {
		err := ts.Exec(args[1], args[2:]...)
		if _, failed := errors.AsType[*exec.ExitError](err); failed && neg {
			return nil
		}
		if err == nil && neg {
			return errors.New("it still succeeds")
		}
		return err
	}))
}

// term tells what runs in the background to end, as a service manager does.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: term")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// foreignHost SYSTEM DATABASE makes the database of another system, with Ada, Bob and
// what they have, and sets TOKEN, READER and FORGED to tokens of Ada: one that does all,
// one that reads, and one that ends as the first does and was never made.
func foreignHost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: foreign SYSTEM DATABASE")
	}
	make := map[string]func(foreigntest.T, string) *foreigntest.Host{"gitea": foreigntest.Gitea, "gogs": foreigntest.Gogs, "soft-serve": foreigntest.SoftServe}[args[0]]
	h := make(failing{ts}, ts.MkAbs(args[1]))
	defer h.Close()
	ada, bob := h.Person("ada", foreigntest.Account{Admin: true}), h.Person("bob")
	h.Person("john.doe")
	h.Repo(ada, "engine", true)
	h.Share(h.Repo(bob, "wheel", true), ada, 1)
	plain := h.Token(ada, "ci", "all")
	ts.Setenv("TOKEN", plain)
	ts.Setenv("READER", h.Token(ada, "reader", "read:repository"))
	ts.Setenv("FORGED", strings.Repeat("0", 32)+plain[len(plain)-8:])
}

// failing is a script as what makes databases fails by it.
type failing struct{ *testscript.TestScript }

// Helper does nothing: a script names its own line.
func (failing) Helper() {}

// mode FILE MODE checks a file's permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
