package web_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"jeton/internal/app/apptest"
)

// TestKeys: a key is added, refused twice, and deleted, on pages alone.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")
	p := signedIn(t, s, "ada")
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	public := string(ssh.MarshalAuthorizedKey(k))

	p.get("/settings/profile").want(t, 200, "SSH and GPG keys")
	p.get("/settings/keys").want(t, 200, "There are no SSH keys yet", "There are no GPG keys yet")
	p.get("/settings/ssh/new").want(t, 200)
	p.get("/settings/gpg/new").want(t, 200)
	p.post("/settings/ssh", "name", "Laptop", "key", "x").want(t, 422, "no public key in OpenSSH")
	p.post("/settings/gpg", "name", "Work", "key", "x").want(t, 422, "gpg --armor --export")
	made := p.follow(p.post("/settings/ssh", "name", "<Laptop>", "key", public)).want(t, 200, "Added the SSH signing key", "<Laptop>", ssh.FingerprintSHA256(k))
	p.post("/settings/ssh", "name", "Again", "key", public).want(t, 422, "You have added this key already")
	to := ""
	for _, a := range strings.Split(made.body, `href="`)[1:] {
		if href, _, _ := strings.Cut(a, `"`); strings.HasSuffix(href, "/delete") {
			to = href
		}
	}
	p.get(to).want(t, 200, "no longer shown as verified")
	p.follow(p.post(to)).want(t, 200, "Deleted the SSH signing key", "There are no SSH keys yet")
	p.get(to).want(t, 404)
}
