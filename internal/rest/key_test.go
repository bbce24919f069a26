package rest_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/right"
)

func errorOf(t *testing.T, a apptest.Answer) (field, message string) {
	t.Helper()
	list, _ := object(t, a)["errors"].([]any)
	if len(list) != 1 {
		return "", ""
	}
	e := list[0].(map[string]any)
	field, _ = e["field"].(string)
	message, _ = e["message"].(string)
	return field, message
}

// program is a script that git runs in the place of gpg.
func program(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gpg")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSSHSigningKeys(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	_, plain := s.Token(t, ada, "keys", "admin:ssh_signing_key")
	_, others := s.Token(t, bob, "keys", "admin:ssh_signing_key")
	g := newSigner(t, s, ada)
	file, public := g.sshKey("ed25519")
	_, dsa := g.sshKey("rsa", "-b", "1024")
	private, err := os.ReadFile(strings.TrimSuffix(file, ".pub"))
	if err != nil {
		t.Fatal(err)
	}
	const path = "/api/v3/user/ssh_signing_keys"
	for name, c := range map[string]struct{ body, field, message string }{
		"nothing":   {`{}`, "key", "key is invalid. You must supply a key in OpenSSH public key format"},
		"rubbish":   {keyJSON("key", "ssh-ed25519 AAAA"), "key", "key is invalid. You must supply a key in OpenSSH public key format"},
		"two lines": {keyJSON("key", public+public), "key", "key is invalid. You must supply a key in OpenSSH public key format"},
		"options":   {keyJSON("key", `command="x" `+public), "key", "key is invalid. You must supply a key in OpenSSH public key format"},
		"short":     {keyJSON("key", dsa), "key", "key is too short or too long. RSA keys have 2048 to 16384 bits"},
		"large":     {keyJSON("key", public+strings.Repeat("x", 20<<10)), "key", "key is invalid. You must supply a key in OpenSSH public key format"},
		"private":   {keyJSON("key", string(private)), "key", "key is a private key. Never give it to anybody: send the file that ends in .pub"},
		"title":     {keyJSON("title", strings.Repeat("x", 300), "key", public), "title", ""},
	} {
		a := s.Do(t, "POST", path, c.body, bearer(plain))
		if field, message := errorOf(t, a); a.StatusCode != http.StatusUnprocessableEntity || field != c.field || c.message != "" && message != c.message {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		if strings.Contains(a.Text, "OPENSSH PRIVATE") || strings.Contains(s.Log.String(), "OPENSSH PRIVATE") {
			t.Errorf("%s: the private key is told", name)
		}
	}
	k := addKey(t, s, plain, "ssh_signing_keys", keyJSON("title", "Laptop", "key", public), http.StatusCreated)
	if k["title"] != "Laptop" || k["key"] != strings.Join(strings.Fields(public)[:2], " ") {
		t.Errorf("the key is %v", k)
	}
	a := s.Do(t, "POST", path, keyJSON("key", public), bearer(plain))
	if field, message := errorOf(t, a); field != "key" || message != "key is already in use" {
		t.Errorf("again: %d %s", a.StatusCode, a.Text)
	}
	// A public key is no secret: that somebody else has added it keeps nobody from theirs.
	addKey(t, s, others, "ssh_signing_keys", keyJSON("key", public), http.StatusCreated)

	one := fmt.Sprintf("%s/%.0f", path, k["id"])
	for _, c := range []struct {
		method, auth string
		want         int
	}{{"GET", others, 404}, {"DELETE", others, 404}, {"GET", plain, 200}, {"DELETE", plain, 204}, {"GET", plain, 404}, {"DELETE", plain, 404}} {
		if a := s.Do(t, c.method, one, "", bearer(c.auth)); a.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.method, a.StatusCode, c.want)
		}
	}
	if a := s.Do(t, "GET", "/api/v3/users/bob/ssh_signing_keys", ""); !strings.Contains(a.Text, strings.Fields(public)[1]) {
		t.Errorf("everybody may see them: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "GET", "/api/v3/user/keys", "", bearer(plain)); a.StatusCode != http.StatusOK || a.Text != "[]" {
		t.Errorf("keys to sign in with: %d %s", a.StatusCode, a.Text)
	}
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: ada.ID, Action: "git_signing_ssh_public_key.delete", Limit: 9})
	if err != nil || len(lines) != 1 || lines[0].Detail["fingerprint"] == "" {
		t.Errorf("the security log has %v, %v", lines, err)
	}
	// Keys end with the account.
	if err := s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), bob.ID, 0); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM public_keys`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d keys are left, %v", n, err)
	}
}

func TestGPGKeys(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "keys", "admin:gpg_key", "public_repo")
	g := newSigner(t, s, ada)
	fpr := g.gpgKey("ada@example.com", "ed25519", "cert", "never")
	g.command("gpg", "--batch", "--passphrase", "", "--quick-add-key", fpr, "ed25519", "sign", "1y")
	g.command("gpg", "--batch", "--passphrase", "", "--quick-add-key", fpr, "cv25519", "encr", "never")
	other := g.gpgKey("other@example.com", "rsa1024", "sign", "never", "--allow-weak-key-signatures")
	secretKey := g.command("gpg", "--batch", "--armor", "--export-secret-keys", fpr)
	armoured := g.export(fpr)

	const path = "/api/v3/user/gpg_keys"
	for name, text := range map[string]string{
		"nothing": "", "rubbish": "x", "a private key": secretKey, "two keys": strings.Replace(g.command("gpg", "--armor", "--export"), "x", "x", 1),
		"a short key": g.export(other), "broken": strings.Replace(armoured, "A", "B", 40), "large": armoured + strings.Repeat("x", 200<<10),
	} {
		a := s.Do(t, "POST", path, keyJSON("armored_public_key", text), bearer(plain))
		if field, message := errorOf(t, a); a.StatusCode != http.StatusUnprocessableEntity || field != "armored_public_key" || message == "" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	k := addKey(t, s, plain, "gpg_keys", keyJSON("name", "Work", "armored_public_key", armoured), http.StatusCreated)
	if k["key_id"] != fpr[24:] || k["name"] != "Work" || k["can_sign"] != false || k["can_certify"] != true || k["expires_at"] != nil || k["revoked"] != false {
		t.Errorf("the key is %v", k)
	}
	emails := k["emails"].([]any)
	if len(emails) != 1 || emails[0].(map[string]any)["email"] != "ada@example.com" || emails[0].(map[string]any)["verified"] != true {
		t.Errorf("its addresses are %v", emails)
	}
	subs := k["subkeys"].([]any)
	if len(subs) != 2 {
		t.Fatalf("its subkeys are %v", subs)
	}
	sign, crypt := subs[0].(map[string]any), subs[1].(map[string]any)
	if sign["can_sign"] != true || sign["expires_at"] == nil || crypt["can_encrypt_comms"] != true || crypt["can_sign"] != false || sign["primary_key_id"] != k["id"] {
		t.Errorf("its subkeys are %v and %v", sign, crypt)
	}
	a := s.Do(t, "POST", path, keyJSON("armored_public_key", armoured), bearer(plain))
	if field, message := errorOf(t, a); field != "key_id" || message != "key_id already exists" || a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("again: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "GET", path+"?per_page=100", "", bearer(plain)); a.StatusCode != http.StatusOK || strings.Count(a.Text, `"key_id"`) != 3 {
		t.Errorf("the list: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "GET", "/api/v3/users/ada/gpg_keys", ""); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, fpr[24:]) {
		t.Errorf("everybody may see them: %d %s", a.StatusCode, a.Text)
	}

	// What /ada.gpg gives is what gpg imports.
	a = s.Do(t, "GET", "/ada.gpg", "")
	friend := newSigner(t, s, ada)
	exported := t.TempDir() + "/ada.gpg"
	if err := os.WriteFile(exported, []byte(a.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := friend.command("gpg", "--batch", "--import", exported); !strings.Contains(out, "imported: 1") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("gpg --import: %s", out)
	}
	if a := s.Do(t, "GET", "/nobody.gpg", ""); a.StatusCode != http.StatusNotFound {
		t.Errorf("nobody's: %d", a.StatusCode)
	}

	// Signed by the subkey, which the primary key vouches for.
	s.Repo(t, ada, "r", false)
	g.Run(t, "init", "-q")
	c := g.commit("ada@example.com", "user.signingkey="+fpr)
	g.Run(t, "push", "-q", s.URL()+"/ada/r.git", "--all")
	if got := badge(t, s, "ada/r", c); got != "valid" {
		t.Errorf("signed by a subkey: %s", got)
	}
	// With SHA-1 two texts can have one signature.
	weak := g.commit("ada@example.com", "user.signingkey="+fpr, "gpg.program="+program(t, "exec gpg --digest-algo SHA1 \"$@\""))
	g.Run(t, "push", "-q", s.URL()+"/ada/r.git", "--all")
	if got := badge(t, s, "ada/r", weak); got != "invalid" {
		t.Errorf("signed with SHA-1: %s", got)
	}
	if a := s.Do(t, "DELETE", fmt.Sprintf("%s/%.0f", path, sign["id"]), "", bearer(plain)); a.StatusCode != http.StatusNotFound {
		t.Errorf("a subkey is deleted by itself: %d", a.StatusCode)
	}
	if a := s.Do(t, "DELETE", fmt.Sprintf("%s/%.0f", path, k["id"]), "", bearer(plain)); a.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d", a.StatusCode)
	}
	if got := badge(t, s, "ada/r", c); got != "unknown_key" {
		t.Errorf("after DELETE: %s", got)
	}
}
