package object

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// ask returns what git itself says of a ref's name.
func ask(t testing.TB, name string) bool {
	t.Helper()
	if strings.Contains(name, "\x00") {
		return false // can't be an argument
	}
	cmd := exec.CommandContext(t.Context(), "git", "check-ref-format", name)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return err == nil
}

var names = []string{
	"refs/heads/main", "refs/heads/feature/x", "refs/heads/a.b", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.", "refs/heads/a.lock",
	"refs/heads/a.lock/b", "refs/heads/a./b", "refs/heads/", "refs/heads//a", "/refs/heads/a", "refs/heads/a/", "refs/heads/@", "refs/heads/@{",
	"refs/heads/a@{b", "refs/heads/a b", "refs/heads/a\tb", "refs/heads/a\x7f", "refs/heads/a~", "refs/heads/a^", "refs/heads/a:", "refs/heads/a?",
	"refs/heads/a*", "refs/heads/a[", "refs/heads/a\\", "refs/heads/-a", "refs/heads/ä", "refs/heads/\xff", "refs/heads/a\u202eb", "refs/heads/HEAD",
	"refs/a", "refs", "HEAD", "", "@", "main", "refs/heads/a\nb", "refs/heads/.", "refs/heads/..", "refs/heads/../../x",
}

func TestCheckRefName(t *testing.T) {
	t.Parallel()
	for _, n := range names {
		want := ask(t, n) && strings.HasPrefix(n, "refs/") && strings.Count(n, "/") > 1
		if got := CheckRefName(n); got != want {
			t.Errorf("%q: %v, git says %v", n, got, want)
		}
	}
	if CheckRefName("refs/heads/"+strings.Repeat("a", 201)) || CheckRefName("refs/heads/"+strings.Repeat("a/", 600)+"a") {
		t.Error("no limit")
	}
}

// What we take, git takes too; what we refuse, git refuses or is out of our
// grammar on purpose (no refs/, one part only, or too long).
func FuzzCheckRefName(f *testing.F) {
	for _, n := range names {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n string) {
		got, want := CheckRefName(n), ask(t, n)
		if got && !want {
			t.Errorf("%q is taken", n)
		}
		if !got && want && strings.HasPrefix(n, "refs/") && strings.Count(n, "/") > 1 && len(n) < 200 {
			t.Errorf("%q is refused", n)
		}
	})
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for n, want := range map[string]bool{"refs/heads/a": true, "refs/tags/a": true, "refs/notes/a": true, "refs/heads/": false, "refs/pull/1/head": false, "refs/jeton/x": false, "HEAD": false, "refs/headsx/a": false} {
		if Visible(n) != want {
			t.Errorf("%s: %v", n, !want)
		}
	}
}

func TestParseCommit(t *testing.T) {
	t.Parallel()
	tree, parent := strings.Repeat("1", 40), strings.Repeat("2", 40)
	c, err := ParseCommit("x", []byte("tree "+tree+"\nparent "+parent+"\nauthor A <a@b> 1700000000 -0130\ncommitter B\xff <> 5 +0000\nencoding latin1\ngpgsig -----BEGIN\n tree x\n more\n\nSubject \xe9\n\nBody\nmore\n"))
	if err != nil || string(c.Tree) != tree || len(c.Parents) != 1 || !c.Signed || c.Encoding != "latin1" || c.Subject() != "Subject \xe9" || c.Body() != "Body\nmore" {
		t.Errorf("got %+v %v", c, err)
	}
	if _, offset := c.Author.When.Zone(); offset != -5400 || c.Author.When.Unix() != 1700000000 || c.Committer.Name != "B\xff" || c.Committer.Email != "" {
		t.Errorf("got %+v %+v", c.Author, c.Committer)
	}
	for _, bad := range []string{"", "tree x\n", "author A <> 1 +0000\n\nx", "tree " + tree + "\nparent 12\n"} {
		if _, err := ParseCommit("x", []byte(bad)); err == nil {
			t.Errorf("%q: taken", bad)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x0012345678901234567890" + "40000 b\x0012345678901234567890"))
	f.Add([]byte("120000 \x0012345678901234567890"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = ParseTree(SHA1, data, func(e Entry) bool {
			if e.Name == "" || strings.Contains(e.Name, "\x00") || len(e.ID) != 40 {
				t.Errorf("got %+v", e)
			}
			return true
		})
		_, _ = ParseCommit("x", data)
		_, _ = ParseTag("x", data)
		ParseSignature(string(bytes.ToValidUTF8(data, nil)))
	})
}
