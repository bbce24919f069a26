package browser

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// TestCarried shows a token that was brought over from another host, before its first
// use and after.
func TestCarried(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	b := make([]byte, 20)
	_, _ = rand.Read(b)
	plain := secret.New(hex.EncodeToString(b))
	digest, err := token.SHA256.Digest(plain, "")
	if err != nil {
		t.Fatal(err)
	}
	scopes, err := right.ParseScopes([]string{"repo", "workflow"})
	if err != nil {
		t.Fatal(err)
	}
	var made token.Token
	err = s.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
		made, err = s.Tokens.CarryTx(t.Context(), tx, right.Operator(), ada.ID, token.NewCarried{From: token.Gogs, Note: "deploy", Scopes: scopes, ExpiresAt: s.Now().Add(80 * 24 * time.Hour),
			Limits: []right.Limit{{Name: right.LimitPermissions, Values: []string{"metadata=read", "contents=write"}}}, Scheme: token.SHA256, Digest: digest})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/tokens")
	p.sees("brought over from Gogs")
	p.look("tokens-carried")
	path := fmt.Sprintf("/settings/tokens/%d", made.ID)
	p.open(path)
	p.sees("This token was brought over from Gogs, with its secret.", "Known once it is used here")
	p.look("token-carried")
	if got := s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+plain.Reveal()).StatusCode; got != 200 {
		t.Errorf("its first use: %d", got)
	}
	p.open(path)
	p.sees("…" + plain.Reveal()[32:])
	p.follow("rotate it")
	p.at(path + "/rotate")
}
