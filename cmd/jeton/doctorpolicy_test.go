package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/db"
)

// TestDoctor_policies: a policy that can't be read is named with its owner, and where
// to save it again.
func TestDoctor_policies(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	jeton := func(args ...string) string {
		var out, errs bytes.Buffer
		run(t.Context(), append(args, "--data", data), strings.NewReader(""), &out, &errs, nil)
		return out.String() + errs.String()
	}
	jeton("user", "create", "ada")
	jeton("org", "create", "works", "--owner", "ada")
	if got := jeton("doctor"); !strings.Contains(got, "ok     token policies 0") {
		t.Errorf("none: %s", got)
	}
	c, err := config.Config{Data: data}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	k, err := app.OpenCore(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	works, err := k.Accounts.ByLogin(t.Context(), k.DB, "works")
	if err == nil {
		err = k.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO policies (account_id, rules, updated_at, updated_by) VALUES ($1, '{', 1, 0)`, works.ID)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := jeton("doctor")
	for _, want := range []string{"WRONG  token policies", "none is made: the policy of works: the rules can't be read", `→ Save it again, on its page "Token policy".`} {
		if !strings.Contains(got, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, got)
		}
	}
}
