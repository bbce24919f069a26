package browser

import (
	"context"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"jeton/internal/commitstatus"
	"jeton/internal/release"
	"jeton/internal/right"
)

// TestKeys adds a key as a person would, and deletes it.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/profile")
	p.follow("SSH and GPG keys")
	p.sees("There are no SSH keys yet.")
	p.look("keys-empty")
	p.follow("New SSH key")
	p.look("key-new")
	p.fill("Title (optional)", "Laptop")
	p.fill("Key", "rubbish")
	p.follow("Add SSH key")
	p.got(422)
	p.look("key-wrong")
	p.fill("Key", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
	p.follow("Add SSH key")
	p.sees("Added the SSH signing key Laptop.", ssh.FingerprintSHA256(key))
	p.look("keys")
	p.click("Delete Laptop")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.follow("I understand, delete this key")
	p.sees("Deleted the SSH signing key Laptop.")
	p.follow("New GPG key")
	p.look("key-new-gpg")
}

// TestReleases looks at signed commits and tags, checks and releases.
func TestReleases(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "station", true)
	_, token := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", token)
	file := filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PublicKeys.AddSSH(t.Context(), right.Operator(), ada.ID, "laptop", string(public)); err != nil {
		t.Fatal(err)
	}
	g.Config = []string{"gpg.format=ssh", "user.signingkey=" + file + ".pub", "commit.gpgsign=true", "tag.gpgsign=true"}
	g.Run(t, "init", "-q")
	g.Commit(t, "README.md", "# Station\n", "Begin")
	g.Run(t, "-c", "user.email=nobody@example.com", "commit", "-q", "--allow-empty", "-m", "By nobody")
	g.Run(t, "tag", "-m", "The first version", "v1.0")
	g.Run(t, "push", "-q", s.URL()+"/ada/station.git", "HEAD:refs/heads/main", "v1.0")
	sha := g.Run(t, "rev-parse", "HEAD")
	for context, state := range map[string]string{"ci/test": "success", "ci/lint": "failure"} {
		if _, err := s.Statuses.Create(t.Context(), right.Operator(), r.ID, sha, commitstatus.New{Context: context, State: state, Description: "On the way", TargetURL: "https://ci.example.com/1"}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := s.Releases.Create(t.Context(), right.Operator(), r.ID, release.Draft{Tag: "v1.0", Name: "The first", Body: "It **measures**.\n\n- rain\n- wind\n"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Releases.Upload(t.Context(), right.Operator(), r.ID, made.ID, release.NewAsset{Name: "station-" + strings.Repeat("long-", 20) + "name.tar.gz", Size: -1}, strings.NewReader("x"), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Releases.Create(t.Context(), right.Operator(), r.ID, release.Draft{Tag: "v2.0", Draft: true, Prerelease: true}); err != nil {
		t.Fatal(err)
	}
	p := visit(t, s)
	p.signIn("ada")
	p.open("/ada/station")
	p.follow("Commits")
	p.sees("Verified", "Unverified", "Failure")
	p.look("commits-signed")
	p.open("/ada/station/commit/" + sha)
	p.sees("nobody here has the e-mail address", "ci/lint")
	p.look("commit-signed")
	p.follow("Tags")
	p.sees("v1.0", "Verified")
	p.look("tags")
	p.follow("Releases")
	p.sees("The first", "Draft", "Latest")
	p.look("releases")
	p.follow("The first")
	p.sees("All releases")
	p.look("release")
}
