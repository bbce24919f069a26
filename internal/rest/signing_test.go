package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// signer is a person with real keys: ssh-keygen's and gpg's.
type signer struct {
	*apptest.Git
	t    *testing.T
	home string // of gpg
}

func newSigner(t *testing.T, s *apptest.Server, who account.Account) *signer {
	t.Helper()
	// The path of gpg's sockets must be short.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	_, plain := s.Token(t, who, "push "+home, "repo")
	g := &signer{Git: s.Git(t, who.Login, plain), t: t, home: home}
	g.Env("GNUPGHOME", home)
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	return g
}

func (g *signer) command(name string, args ...string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+g.home, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sshKey makes a key and returns its file and its public text.
func (g *signer) sshKey(kind string, more ...string) (file, public string) {
	g.t.Helper()
	file = filepath.Join(g.t.TempDir(), "key")
	g.command("ssh-keygen", append([]string{"-q", "-t", kind, "-N", "", "-C", "laptop", "-f", file}, more...)...)
	b, err := os.ReadFile(file + ".pub")
	if err != nil {
		g.t.Fatal(err)
	}
	return file + ".pub", string(b)
}

// gpgKey makes a key whose only identity is the address and returns its fingerprint.
func (g *signer) gpgKey(email, algo, usage, expire string, more ...string) string {
	g.t.Helper()
	args := append(more, "--batch", "--passphrase", "", "--quick-gen-key", "Ada <"+email+">", algo, usage, expire)
	g.command("gpg", args...)
	out := g.command("gpg", "--with-colons", "--list-keys", email)
	m := regexp.MustCompile(`(?m)^fpr:+([0-9A-F]{40}):`).FindStringSubmatch(out)
	return m[1]
}

func (g *signer) export(key string) string {
	return g.command("gpg", "--armor", "--export", key)
}

// commit commits with these settings and returns the commit's name.
func (g *signer) commit(email string, settings ...string) string {
	g.t.Helper()
	g.Write(g.t, "file", fmt.Sprint(time.Now().UnixNano()))
	g.Run(g.t, "add", "-A")
	args := []string{"-c", "user.email=" + email}
	for _, c := range settings {
		args = append(args, "-c", c)
	}
	if len(settings) > 0 {
		args = append(args, "-c", "commit.gpgsign=true")
	}
	g.Run(g.t, append(args, "commit", "-qm", "Change")...)
	return g.Run(g.t, "rev-parse", "HEAD")
}

func sshWith(file string) []string {
	return []string{"gpg.format=ssh", "user.signingkey=" + file}
}

func gpgWith(key string) []string { return []string{"user.signingkey=" + key + "!"} }

func addKey(t *testing.T, s *apptest.Server, plain, path, body string, want int) map[string]any {
	t.Helper()
	a := s.Do(t, "POST", "/api/v3/user/"+path, body, bearer(plain))
	if a.StatusCode != want {
		t.Fatalf("POST %s: %d %s, want %d", path, a.StatusCode, a.Text, want)
	}
	return object(t, a)
}

func keyJSON(fields ...string) string {
	m := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		m[fields[i]] = fields[i+1]
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// badge reads what the page of a commit says of its signature.
func badge(t *testing.T, s *apptest.Server, repo, commit string) string {
	t.Helper()
	a := s.Do(t, "GET", "/"+repo+"/commit/"+commit, "")
	if a.StatusCode != http.StatusOK {
		t.Fatalf("the page of %s: %d", commit, a.StatusCode)
	}
	for _, known := range [][2]string{
		{"signed with a key of the account", "valid"}, {"nobody here has", "no_user"}, {"is not verified on", "unverified_email"},
		{"is not one of the key", "bad_email"}, {"has not added", "unknown_key"}, {"not meant for signing", "not_signing_key"},
		{"has expired", "expired_key"}, {"was revoked", "revoked"}, {"does not match", "invalid"}, {"cannot be read", "malformed_signature"},
		{"neither by SSH nor", "unknown_signature_type"}} {
		if strings.Contains(a.Text, known[0]) {
			return known[1]
		}
	}
	return "unsigned"
}

// wantVerification looks at what the API says of a signature.
func wantVerification(t *testing.T, s *apptest.Server, path, name, want, plain string) {
	t.Helper()
	a := s.Do(t, "GET", "/api/v3/repos/ada/r"+path, "", bearer(plain))
	o := object(t, a)
	if inner, ok := o["commit"].(map[string]any); ok {
		o = inner
	}
	v, _ := o["verification"].(map[string]any)
	if want == "revoked" {
		want = "expired_key" // GitHub has no word for it
	}
	if v["reason"] != want || v["verified"] != (want == "valid") || (v["verified_at"] != nil) != (want == "valid") ||
		(v["signature"] == nil) != (want == "unsigned") || (v["payload"] == nil) != (want == "unsigned") {
		t.Errorf("%s: the API says %v, want %s", name, v, want)
	}
}

// TestSigning: real git signs with real keys, and the pages say what became of it.
func TestSigning(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t)
			ada, bob := s.User(t, "ada"), s.User(t, "bob")
			_, plain := s.Token(t, ada, "keys", "admin:ssh_signing_key", "admin:gpg_key", "repo")
			_, bobs := s.Token(t, bob, "keys", "admin:ssh_signing_key", "admin:gpg_key")
			made := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"r","private":false,"object_format":"`+format+`"}`, bearer(plain))
			if made.StatusCode != http.StatusCreated {
				t.Fatal(made.Text)
			}
			g := newSigner(t, s, ada)
			g.Run(t, "init", "-q", "--object-format="+format)

			file, public := g.sshKey("ed25519")
			rsaFile, rsaPublic := g.sshKey("rsa", "-b", "2048")
			ecFile, ecPublic := g.sshKey("ecdsa")
			bobFile, bobPublic := g.sshKey("ed25519")
			lostFile, _ := g.sshKey("ed25519")
			for _, one := range []string{public, rsaPublic, ecPublic} {
				addKey(t, s, plain, "ssh_signing_keys", keyJSON("key", one), http.StatusCreated)
			}
			addKey(t, s, bobs, "ssh_signing_keys", keyJSON("title", "Bob", "key", bobPublic), http.StatusCreated)

			good := g.gpgKey("ada@example.com", "ed25519", "sign", "never")
			other := g.gpgKey("other@example.com", "rsa2048", "sign", "never")
			old := g.gpgKey("old@example.com", "ed25519", "sign", "seconds=7200")
			revoked := g.gpgKey("gone@example.com", "ed25519", "sign", "never")
			for _, one := range []string{good, other} {
				addKey(t, s, plain, "gpg_keys", keyJSON("armored_public_key", g.export(one)), http.StatusCreated)
			}
			for _, address := range []string{"other@example.com", "old@example.com", "gone@example.com", "unverified@example.com"} {
				e, err := s.Accounts.AddEmail(t.Context(), right.Operator(), ada.ID, address)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Accounts.MarkVerified(t.Context(), right.Operator(), ada.ID, e.ID, address != "unverified@example.com"); err != nil {
					t.Fatal(err)
				}
			}
			addKey(t, s, plain, "gpg_keys", keyJSON("armored_public_key", g.export(old)), http.StatusCreated)

			type made1 struct{ name, commit, want string }
			var all []made1
			add := func(name, want, email string, settings ...string) string {
				c := g.commit(email, settings...)
				all = append(all, made1{name, c, want})
				return c
			}
			add("not signed", "unsigned", "ada@example.com")
			add("ssh", "valid", "ada@example.com", sshWith(file)...)
			add("ssh, the address in other letters", "valid", "Ada@Example.com", sshWith(file)...)
			add("ssh rsa", "valid", "ada@example.com", sshWith(rsaFile)...)
			add("ssh ecdsa", "valid", "ada@example.com", sshWith(ecFile)...)
			add("ssh, nobody's address", "no_user", "nobody@example.com", sshWith(file)...)
			add("ssh, another's address", "unknown_key", "bob@example.com", sshWith(file)...)
			add("ssh, another's key", "unknown_key", "ada@example.com", sshWith(bobFile)...)
			add("ssh, an address that is not verified", "unverified_email", "unverified@example.com", sshWith(file)...)
			add("ssh, a key that nobody added", "unknown_key", "ada@example.com", sshWith(lostFile)...)
			add("gpg", "valid", "ada@example.com", gpgWith(good)...)
			add("gpg rsa", "valid", "other@example.com", gpgWith(other)...)
			add("gpg, an address that the key has not", "bad_email", "other@example.com", gpgWith(good)...)
			add("gpg, will expire", "expired_key", "old@example.com", gpgWith(old)...)
			before := add("gpg, will be revoked", "revoked", "gone@example.com", gpgWith(revoked)...)
			_ = before
			// A revoked key is uploaded with its revocation.
			rev := filepath.Join(g.home, "openpgp-revocs.d", revoked+".rev")
			b, err := os.ReadFile(rev)
			if err != nil {
				t.Fatal(err)
			}
			clean := filepath.Join(t.TempDir(), "rev")
			if err := os.WriteFile(clean, []byte(strings.ReplaceAll(string(b), ":-----BEGIN", "-----BEGIN")), 0o600); err != nil {
				t.Fatal(err)
			}
			g.command("gpg", "--batch", "--import", clean)
			k := addKey(t, s, plain, "gpg_keys", keyJSON("name", "old", "armored_public_key", g.export(revoked)), http.StatusCreated)
			if k["revoked"] != true {
				t.Errorf("a revoked key: %v", k["revoked"])
			}

			// What was changed after it was signed, and what is no signature.
			tampered := func(name, want string, edit func(string) string) {
				raw, _ := g.Try(t, "cat-file", "commit", all[1].commit)
				id, code := g.TryIn(t, edit(raw), "hash-object", "-t", "commit", "-w", "--stdin")
				if code != 0 {
					t.Fatalf("%s: %s", name, id)
				}
				id = strings.TrimSpace(id)
				g.Run(t, "branch", "-f", "t"+fmt.Sprint(len(all)), id)
				all = append(all, made1{name, id, want})
			}
			tampered("the message was changed", "invalid", func(s string) string { return s + "more\n" })
			tampered("the author was changed", "invalid", func(s string) string { return strings.Replace(s, "author Ada", "author Eve", 1) })
			tampered("half a signature", "malformed_signature", func(s string) string {
				i := strings.Index(s, "-----END SSH")
				return s[:i-90] + s[i:]
			})
			tampered("two signatures", "malformed_signature", func(s string) string {
				i := strings.Index(s, "gpgsig")
				j := strings.Index(s, "\n\n")
				return s[:j+1] + s[i:j+1] + s[j+1:]
			})
			tampered("an odd kind", "unknown_signature_type", func(s string) string { return strings.ReplaceAll(s, "SSH SIGNATURE", "ODD SIGNATURE") })
			g.Run(t, "push", "-q", s.URL()+"/ada/r.git", "--all")

			s.Advance(3 * time.Hour) // the key that expires has
			check := func(changed map[string]string) {
				t.Helper()
				for _, one := range all {
					want := one.want
					if now, ok := changed[one.name]; ok {
						want = now
					}
					if got := badge(t, s, "ada/r", one.commit); got != want {
						t.Errorf("%s: %s, want %s", one.name, got, want)
					}
					wantVerification(t, s, "/commits/"+one.commit, one.name, want, plain)
				}
			}
			check(nil)
			list := s.Do(t, "GET", "/ada/r/commits/main", "")
			if verified, not := strings.Count(list.Text, ">Verified<"), strings.Count(list.Text, ">Unverified<"); verified != 6 || not != 8 {
				t.Errorf("the list shows %d verified and %d not", verified, not)
			}

			// A key that is deleted counts no more, and counts again when it is back.
			var keys []struct{ ID int64 }
			a := s.Do(t, "GET", "/api/v3/user/ssh_signing_keys", "", bearer(plain))
			if err := json.Unmarshal([]byte(a.Text), &keys); err != nil {
				t.Fatal(err)
			}
			if a := s.Do(t, "DELETE", fmt.Sprintf("/api/v3/user/ssh_signing_keys/%d", keys[0].ID), "", bearer(plain)); a.StatusCode != http.StatusNoContent {
				t.Fatal(a.Text)
			}
			gone := map[string]string{"ssh": "unknown_key", "ssh, the address in other letters": "unknown_key", "the message was changed": "unknown_key", "the author was changed": "unknown_key"}
			check(gone)
			addKey(t, s, plain, "ssh_signing_keys", keyJSON("key", public), http.StatusCreated)
			check(nil)

			// An address that goes to another account takes the verdict along.
			emails, err := s.Accounts.ListEmails(t.Context(), s.DB, ada.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range emails {
				if e.Address == "other@example.com" {
					if err := s.Accounts.RemoveEmail(t.Context(), right.Operator(), ada.ID, e.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			e, err := s.Accounts.AddEmail(t.Context(), right.Operator(), bob.ID, "other@example.com")
			if err != nil {
				t.Fatal(err)
			}
			check(map[string]string{"gpg rsa": "unverified_email", "gpg, an address that the key has not": "unverified_email"})
			if err := s.Accounts.MarkVerified(t.Context(), right.Operator(), bob.ID, e.ID, true); err != nil {
				t.Fatal(err)
			}
			check(map[string]string{"gpg rsa": "unknown_key", "gpg, an address that the key has not": "unknown_key"})
		})
	}
}

// TestSigning_tags: tags carry their signature at the end.
func TestSigning_tags(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t)
			ada := s.User(t, "ada")
			_, plain := s.Token(t, ada, "keys", "admin:ssh_signing_key", "admin:gpg_key", "repo")
			s.Do(t, "POST", "/api/v3/user/repos", `{"name":"r","private":false,"object_format":"`+format+`"}`, bearer(plain))
			g := newSigner(t, s, ada)
			g.Run(t, "init", "-q", "--object-format="+format)
			g.Commit(t, "file", "x", "First")
			file, public := g.sshKey("ed25519")
			key := g.gpgKey("ada@example.com", "ed25519", "sign", "never")
			addKey(t, s, plain, "ssh_signing_keys", keyJSON("key", public), http.StatusCreated)
			addKey(t, s, plain, "gpg_keys", keyJSON("armored_public_key", g.export(key)), http.StatusCreated)
			g.Run(t, "-c", "gpg.format=ssh", "-c", "user.signingkey="+file, "tag", "-s", "-m", "By SSH", "one")
			g.Run(t, "-c", "user.signingkey="+key, "tag", "-s", "-m", "By GPG", "two")
			g.Run(t, "-c", "user.signingkey="+key, "-c", "user.email=eve@example.com", "tag", "-s", "-m", "By somebody else", "three")
			g.Run(t, "tag", "-m", "Not signed", "four")
			g.Run(t, "tag", "five")
			g.Run(t, "push", "-q", s.URL()+"/ada/r.git", "--all")
			g.Run(t, "push", "-q", s.URL()+"/ada/r.git", "--tags")
			for tag, want := range map[string]string{"one": "valid", "two": "valid", "three": "no_user", "four": "unsigned"} {
				wantVerification(t, s, "/git/tags/"+g.Run(t, "rev-parse", tag), tag, want, plain)
			}
			page := s.Do(t, "GET", "/ada/r/tags", "").Text
			if verified, not := strings.Count(page, ">Verified<"), strings.Count(page, ">Unverified<"); verified != 2 || not != 1 {
				t.Errorf("%d verified and %d not, want 2 and 1\n%s", verified, not, page)
			}
		})
	}
}
