package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestTokenList_machines: the administrator of the machine finds the tokens of service
// accounts and of repositories by the names that the list shows, and ends them.
func TestTokenList_machines(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	jeton := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), append(args, "--data", data), strings.NewReader(""), &out, &errs, nil); got != want {
			t.Fatalf("jeton %q: %d, want %d\n%s", args, got, want, &errs)
		}
		return out.String() + errs.String()
	}
	jeton(exitOK, "user", "create", "ada")
	c, err := config.Config{Data: data}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	k, err := app.OpenCore(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ada, err := k.Accounts.ByLogin(t.Context(), k.DB, "ada")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := k.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: ada.ID, Name: "engine", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for i := range 2 {
		tok, _, err := k.Lifecycle.CreateDeployToken(t.Context(), right.Operator(), engine.ID, token.NewDeploy{Note: fmt.Sprint("server ", i), Permissions: right.ParseFine("contents=read")})
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, fmt.Sprint(tok.ID))
	}
	bot, err := k.Lifecycle.CreateMachine(t.Context(), right.Operator(), account.NewMachine{Login: "builder", Manager: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Tokens.CreateFine(t.Context(), right.Operator(), bot.ID, token.NewFine{Name: "ci", Owner: ada.ID, Access: token.AllOf, Permissions: right.ParseFine("contents=read")}); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	hidden := fmt.Sprintf("deploy-%d[bot]", engine.ID)
	has := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in:\n%s", want, text)
			}
		}
	}
	all := jeton(exitOK, "token", "list")
	has(all, hidden, "builder", "server 0", "server 1", "ci", "deploy", "fine-grained", "contents=read")
	if one := jeton(exitOK, "token", "list", hidden); strings.Contains(one, "builder") || !strings.Contains(one, "server 0") {
		t.Errorf("the tokens of %s:\n%s", hidden, one)
	}
	has(jeton(exitOK, "token", "list", "--owner", hidden, "--json"), hidden, "server 1")
	has(jeton(exitOK, "token", "list", "--kind", "deploy"), "server 0", "server 1")
	has(jeton(exitOK, "token", "list", "--of", "ada"), "server 0", "ci")
	jeton(exitFailed, "token", "list", "deploy-999[bot]")
	has(jeton(exitOK, "token", "revoke", hidden, numbers[0], "--reason", "seen in a log"), "revoked server 0")
	has(jeton(exitOK, "token", "revoke", "--kind", "deploy", "--yes", "--reason", "over"), "revoked 1")
	has(jeton(exitOK, "token", "revoke-all", "builder"), "revoked 1")
	has(jeton(exitOK, "token", "list"), "none")
}
