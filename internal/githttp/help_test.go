package githttp_test

import (
	"testing"

	"jeton/internal/account"
)

func mustAccount(t *testing.T, w *world, login string) account.Account {
	t.Helper()
	a, err := w.Accounts.ByLogin(t.Context(), w.DB, login)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
