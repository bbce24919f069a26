package object

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// store is a repository of loose objects to ask git about.
type store struct{ dir string }

func newStore(t testing.TB) *store {
	s := &store{dir: t.TempDir()}
	for _, d := range []string{"objects/pack", "objects/info", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// add writes a loose object, whatever is in it.
func (s *store) add(t testing.TB, kind Kind, data []byte) ID {
	t.Helper()
	whole := append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	sum := sha1.Sum(whole)
	id := hex.EncodeToString(sum[:])
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := z.Write(whole)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "objects", id[:2], id[2:])
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b.Bytes(), 0o444)); err != nil && !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
	return ID(id)
}

var fsckLine = regexp.MustCompile(`(?m)^error (?:in )?(?:\w+ )?([0-9a-f]{40}): (\w+):?`)

// verdicts returns git's message ids of what is wrong with each object; "parse"
// where git could not even read it.
func (s *store) verdicts(t testing.TB) map[ID][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "fsck", "--strict", "--no-dangling", "--full")
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_DIR=.", "HOME=" + s.dir}
	text, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	out := map[ID][]string{}
	for _, m := range fsckLine.FindAllStringSubmatch(string(text), -1) {
		if m[2] == "broken" { // what it names is not here
			continue
		}
		out[ID(m[1])] = append(out[ID(m[1])], m[2])
	}
	for _, m := range regexp.MustCompile(`(?m)^error: ([0-9a-f]{40}): object could not be parsed`).FindAllStringSubmatch(string(text), -1) {
		out[ID(m[1])] = append(out[ID(m[1])], "parse")
	}
	return out
}

// check is our verdict on one object, special files included.
func (s *store) check(kind Kind, data []byte) error {
	switch kind {
	case KindCommit:
		return CheckCommit(SHA1, data, nil)
	case KindTag:
		return CheckTag(SHA1, data, nil)
	case KindTree:
		return CheckTree(SHA1, data, nil)
	}
	return nil
}

type candidate struct {
	kind Kind
	data string
}

const (
	hexes = "1234567890123456789012345678901234567890"
	raw   = "abcdefghijklmnopqrst"
	ident = "A <a@example.com> 1 +0000"
)

func entry(mode, name string) string { return mode + " " + name + "\x00" + raw }

// candidates are objects that are right, wrong and in between.
func candidates() []candidate {
	var out []candidate
	commit := func(s string) { out = append(out, candidate{KindCommit, s}) }
	tag := func(s string) { out = append(out, candidate{KindTag, s}) }
	tree := func(s ...string) { out = append(out, candidate{KindTree, strings.Join(s, "")}) }

	idents := []string{
		ident, "<a@example.com> 1 +0000", " <a@example.com> 1 +0000", "A a@example.com> 1 +0000", "A <a@example.com 1 +0000", "A<a@b> 1 +0000", "A > <a@b> 1 +0000",
		"A <a<b> 1 +0000", "A <a@b>1 +0000", "A <a@b> +0000", "A <a@b>  1 +0000", "A <a@b> \t1 +0000", "A <a@b> 01 +0000", "A <a@b> 0 +0000", "A <a@b> 00 +0000", "A <a@b> 0",
		"A <a@b> 1", "A <a@b> 1 ", "A <a@b> x +0000", "A <a@b> 1x +0000", "A <a@b> 1 +000", "A <a@b> 1 +00000", "A <a@b> 1 0000", "A <a@b> 1 *0000", "A <a@b> 1 -00a0", "A <a@b> 1 +9999",
		"A <a@b> 9223372036854775807 +0000", "A <a@b> 9223372036854775808 +0000", "A <a@b> 99999999999999999999999 +0000", "A <a@b> -1 +0000", "A <> 1 +0000", "", "A", "A <", "A <b", "A <b>", "A <b> ",
		"A\r <b> 1 +0000", "\xff\xfe <b> 1 +0000", "A <b> 1 +0000 ", "A <b> 1  +0000", "A <b> 1\t+0000",
	}
	for _, i := range idents {
		commit("tree " + hexes + "\nauthor " + i + "\ncommitter " + ident + "\n\nx")
		commit("tree " + hexes + "\nauthor " + ident + "\ncommitter " + i + "\n\nx")
		tag("object " + hexes + "\ntype commit\ntag x\ntagger " + i + "\n\nx")
	}
	head := "tree " + hexes + "\n"
	both := "author " + ident + "\ncommitter " + ident + "\n"
	for _, s := range []string{
		"", "\n", "\n\n", "x", "tree", "tree \n", "tree " + hexes, head, head + "\n", head + both, head + both + "\n", head + both + "encoding x\n", head + both + "encoding x",
		"tree " + strings.ToUpper("abcdef7890123456789012345678901234567890") + "\n" + both + "\n", "tree " + hexes + "0\n" + both + "\n", "tree " + hexes[1:] + "\n" + both + "\n", "tree " + hexes[1:] + "g\n" + both + "\n",
		"tree  " + hexes + "\n" + both + "\n", head + "parent " + hexes + "\n" + both + "\n", head + "parent " + hexes + "0\n" + both + "\n", head + "parent x\n" + both + "\n", head + "parent\n" + both + "\n", head + head + both + "\n",
		head + "author " + ident + "\n" + both + "\n", head + "committer " + ident + "\n\n", head + "author " + ident + "\n\n", head + "author " + ident + "\n\n" + "committer " + ident + "\n",
		head + "committer " + ident + "\nauthor " + ident + "\n\n", head + both + "\na\x00b", head + both + "x\x00y\n\n", head + "\x00" + both, head + both + "gpgsig -----\n a\n b\n\nm", both + head + "\n",
		head + both + "parent " + hexes + "\n\n", head + "mergetag x\n" + both + "\n", "\ntree " + hexes + "\n",
	} {
		commit(s)
	}
	for _, s := range []string{
		"", "object " + hexes, "object " + hexes + "\n", "object " + hexes + "\ntype commit\n", "object " + hexes + "\ntype commit\ntag x\n", "object " + hexes + "\ntype commit\ntag x\n\nm", "object " + hexes + "\ntype commit\ntag a b\ntagger " + ident + "\n\nm",
		"object " + hexes + "\ntype commits\ntag x\n\n", "object " + hexes + "\ntype \ntag x\n\n", "object " + hexes + "\ntype blob\ntag x\ntagger " + ident + "\n\n", "object " + hexes + "\ntype tree\ntag x\ntagger " + ident + "\nfoo bar\n\n",
		"object " + hexes[1:] + "x\ntype commit\ntag x\n\n", "type commit\nobject " + hexes + "\ntag x\n\n", "object " + hexes + "\ntag x\ntype commit\n\n", "object " + hexes + "\ntype commit\n\ntag x\n", "object " + hexes + "\ntype commit\ntagger " + ident + "\n\n",
		"object " + hexes + "\ntype commit\ntag \n\n", "object " + hexes + "\ntype commit\ntag\n\nlong enough, isn't it?", "object " + hexes + "\ntype tag\ntag x\ntagger " + ident + "\n\n", "object " + hexes + "\ntype commit\ntag x\ntagger\n\n",
		"object " + hexes + "\ntype commit\ntag x\n\ntagger x", "object " + hexes + "\ntype commit\ntag x\x00y\n\n", "object " + hexes + "\ntype commit\ntag x\n\na\x00b",
	} {
		tag(s)
	}
	for _, n := range []string{
		"a", ".", "..", "...", ".git", ".GIT", ".gIt", "git", "GIT~1", "git~1", "git~2", "git~11", ".git ", ".git.", ".git . .", ".git:x", ".git::$INDEX_ALLOCATION", ".gitx", "git~1.", "git~1 x", ".git\\x", "a\\.git", "a\\.git\\b", "a\\git~1", "\\.git", "x\\",
		"a/b", "/a", "a/", ".git/x", ".g\u200cit", "\u200c.git", ".git\u200c", ".git\ufeff", ".g\u0131t", ".\u0130git", ".git\xff", ".git\xef\xbf\xbf", ".gi\xfft", "\xff.git", ".git\u200cx", ".g\u206ei\u202at", ".ĝit", ".gIT\u200d/", "\u212agit",
		".gitmodules", ".GITMODULES", ".gitmodules ", ".gitmodules.", "gitmod~1", "GITMOD~4", "gitmod~5", "gi7eba~1", "GI7EBA~9", "gi7eb~10", "gi7eb~1x", "gi7eba~0", "gi7eba~12", "~1000000", "~1234567", "~123456", "~12345678", "g~123456", "gi7e~123 .", "gitmod~1:x", ".gitmodules\u200c", "a\\.gitmodules", "a\\gitmod~1",
		".gitattributes", ".GitAttributes", "gitatt~1", "gi7d29~1", "gi7d29~1.", ".gitattributes:x", "a\\.gitattributes", ".gitignore", "gitign~1", ".mailmap", "mailma~1", "ä", "\xe4", strings.Repeat("a", 4096),
		"a b", "a\nb", "-x", "gi7eba~1~", "gi7eba7~1", "gi7eba~",
	} {
		for _, mode := range []string{"100644", "40000", "120000", "160000"} {
			tree(entry(mode, n))
		}
	}
	for _, m := range []string{"100644", "100755", "100664", "100600", "0", "1", "040000", "0100644", "20000", "60000", "140000", "170000", "100645", "40755", "40001", "120777", "777", "177777", "8", "10064", "x", "", "-1", "+40000", "100644 "} {
		tree(entry(m, "a"))
		tree(entry(m, ".gitmodules"))
	}
	a := func(modesNames ...string) {
		var s []string
		for i := 0; i < len(modesNames); i += 2 {
			s = append(s, entry(modesNames[i], modesNames[i+1]))
		}
		tree(s...)
	}
	f, d := "100644", "40000"
	a(f, "a", f, "b")
	a(f, "b", f, "a")
	a(f, "a", f, "a")
	a(f, "a", d, "a")
	a(d, "a", f, "a")
	a(f, "a", f, "a.b", d, "a")
	a(f, "a", f, "a.b", f, "a.c", d, "a.c", d, "a")
	a(f, "a", f, "a-", f, "a-b", f, "a-b.c", d, "a-b", d, "a-", d, "a")
	a(f, "a", f, "a0", d, "a")
	a(d, "a", f, "a.b")
	a(f, "a.b", d, "a")
	a(f, "a.b", d, "a", f, "a0")
	a(d, "a", f, "a0")
	a(f, "a0", d, "a")
	a(f, "foo", f, "foo.bar", f, "foo.bar.baz", d, "foo.bar", d, "foo")
	a(f, "foo", f, "foo.bar", f, "foo1", d, "foo")
	a(f, "a", f, "b", f, "a", f, "c")
	a("120000", "a", "160000", "a")
	a("160000", "a", f, "a.b", d, "a")
	tree("")
	tree("100644 a\x00" + strings.Repeat("\x00", 20))
	tree("160000 a\x00" + strings.Repeat("\x00", 20))
	tree("100644 a\x00" + raw[1:])
	tree("100644 a\x00" + raw + "x")
	tree("100644 a\x00" + raw + "100644 b")
	tree("100644 a")
	tree("100644")
	tree("100644 \x00" + raw)
	tree(entry(f, "a") + "100644 \x00" + raw)
	distinct(out)
	return out
}

// distinct makes every id in the candidates another one: git takes an object
// that is named as two kinds for broken.
func distinct(all []candidate) {
	n := 0
	for i := range all {
		for _, dummy := range []string{hexes, raw} {
			for strings.Contains(all[i].data, dummy) {
				n++
				sum := sha1.Sum(fmt.Append(nil, n))
				id := hex.EncodeToString(sum[:])
				if dummy == raw {
					id = string(sum[:])
				}
				all[i].data = strings.Replace(all[i].data, dummy, id, 1)
			}
		}
	}
}

// stricter are the message ids by which we refuse what git of this version lets
// pass: later versions refuse it too, or can't be asked to read it.
func stricter(id string, data []byte) bool {
	// Reading a blob, git sees an end in \xff and no mark in \ufeff; reading the
	// file that becomes of it, it does not.
	odd := bytes.Contains(data, []byte("\ufeff")) || bytes.Contains(data, []byte{0xff})
	if strings.HasPrefix(id, "gitmodules") && odd {
		return true
	}
	if strings.HasSuffix(id, "Blob") || strings.HasSuffix(id, "Missing") {
		return true // git tells of it at what the entry names
	}
	return id == "badDate" || id == "zeroPaddedDate" || id == "largePathname" || id == "badTree"
}

// compare holds one verdict of ours against git's.
func compare(t *testing.T, kind Kind, data []byte, git []string, ours error) {
	t.Helper()
	if ours == nil {
		if len(git) > 0 {
			t.Errorf("%s %q is taken; git: %v", kind, data, git)
		}
		return
	}
	v, ok := errors.AsType[*Violation](ours)
	switch {
	case !ok:
		t.Errorf("%s %q: %v", kind, data, ours)
	case len(git) == 0 && !stricter(v.ID, data):
		t.Errorf("%s %q is refused: %v", kind, data, ours)
	case len(git) > 0 && git[0] != v.ID && git[0] != "parse" && !stricter(v.ID, data):
		t.Errorf("%s %q: %v; git: %v", kind, data, ours, git)
	}
}

// TestCheck_likeGit: the same verdict, and the same message, as git's own.
func TestCheck_likeGit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := candidates()
	ids := make([]ID, len(all))
	for i, c := range all {
		ids[i] = s.add(t, c.kind, []byte(c.data))
	}
	git := s.verdicts(t)
	refused := map[string]bool{}
	for i, c := range all {
		err := s.check(c.kind, []byte(c.data))
		compare(t, c.kind, []byte(c.data), git[ids[i]], err)
		if v, ok := errors.AsType[*Violation](err); ok {
			refused[v.ID] = true
		}
	}
	t.Logf("%d objects, %d kinds of refusal", len(all), len(refused))
	if len(refused) < 25 {
		t.Errorf("too few refusals to be a test: %v", refused)
	}
}

var modules = []string{
	"", "[submodule \"a\"]\n\tpath = a\n\turl = https://example.com/a\n", "[submodule \"../a\"]\nurl = x\n", "[submodule \"a/..\"]\nx\n", "[submodule \"a\\\\..\\\\b\"]\nx\n", "[submodule \"..\"]", "[submodule \"..\"]\nx", "[submodule \"\"]\nurl = x",
	"[submodule \"a..b\"]\nurl = x", "[submodule \"a\"]\nurl = -x", "[submodule \"a\"]\npath = -x", "[submodule \"a\"]\nupdate = !x", "[submodule \"a\"]\nupdate = rebase", "[submodule \"a\"]\nURL = -x", "[SubModule \"a\"]\nurl = -x", "[submodule.b]\nurl = -x", "[submodule]\nurl = -x",
	"[submodule \"a\"] url = -x", "[submodule \"a\"]\nurl = \"-x\"", "[submodule \"a\"]\nurl = \\\n-x", "[submodule \"a\"]\nurl = # -x", "[submodule \"a\"]\nurl =     -x ; y", "[submodule \"a\"]\nurl", "[submodule \"a\"]\n\x00url = -x", "[submodule \"a\"]\nurl = a\x00b",
	"\ufeff[submodule \"a\"]\nurl = -x", "\ufeff\ufeff[submodule \"a\"]\nurl = -x", "\xef\xbb[submodule \"a\"]\nurl = -x", "[submodule \"a\"]\r\nurl = -x\r\n", "[submodule \"a\"]\rurl = -x", "[submodule\t\"a\"]\nurl = -x", "[submodule  \"a\" ]\nurl = -x", "[submodule \"a\"]\n1 = x\nurl = -x", "[submodule \"a\"]\nurl = ok\nbroken = \"\nurl = -x",
	"[submodule \"a\"]\nurl = -x\nbroken = \"\n", "# [submodule\n; x\n[submodule \"a\"]\nurl=-x", "[submodule \"a\"]\nurl = \"a\\qb\"\npath = -x", "[submodule \"a\\\"b\"]\nurl = -x", "[submodule \"a\nb\"]\nurl = -x", "[submodule \"a\"]\nurl=x\n[core]\npath=-x\n[submodule \"b\"]\npath=-y",
}

var urls = []string{
	"./a", "../a", "../../a", ".././a", "..//a", "../:a", "../../:a", "./:a", "./..//a", "..\\a", "..\\\\a", "./a%0ab", "../a%0Ab", "git://h/a%0ab", "git://h/%0ab", "git://h%0a/a", "git%0a://h/a", "http://h/a", "http://h/a%0ab", "https://h%0a/a", "https://u%0a@h/a", "https://u:p%0a@h/a",
	"https://u:p@h/a", "https://", "https:///a", "https://@/a", "https://u@/a", "https://?a", "https://#a", "https://h", "https://h?a%0a", "http::https://h/a", "http::https:///a", "http::h", "http::", "https::://h/a", "ftp::ftp://h%0a/a", "ftps://h", "ssh://h%0a/a", "h:a%0ab", "ext::sh%0a", "HTTP://h%0a/", "https://h:80%0a/a", "https://h%0a:80/a",
	"https://a:b:c@h/%0", "https://h/%0a:x", "https://h/:%0a", "-u", "--upload-pack=x", "a", "https://a@b@c/", "https://a/b@c%0a", "https://%00/", "https://%", "https://h%0", "./%00", "https://a%3a@b", "https://[::1]/a", "http::../a%0a", "../a:%0a", ":%0a", "./:%0a", ".a", "..a", "..", ".", "../", "./", "..:", "../..:a",
}

var attributes = []string{"", "a b", strings.Repeat("a", 2047), strings.Repeat("a", 2048), strings.Repeat("a", 2047) + "\n" + strings.Repeat("b", 3000), "x\n\x00" + strings.Repeat("b", 3000), strings.Repeat("a", 1000) + "\x00" + strings.Repeat("b", 3000)}

// TestCheckSpecial_likeGit: the files that clients obey are looked at as git
// looks at them.
func TestCheckSpecial_likeGit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	contents := map[Special][]string{Gitmodules: modules, Gitattributes: attributes}
	for _, u := range urls {
		quoted := strings.NewReplacer("\\", "\\\\", "\"", "\\\"").Replace(u)
		contents[Gitmodules] = append(contents[Gitmodules], "[submodule \"a\"]\n\turl = \""+quoted+"\"\n")
	}
	names := map[Special]string{Gitmodules: ".gitmodules", Gitattributes: ".gitattributes"}
	ids := map[string]ID{}
	for special, list := range contents {
		for _, c := range list {
			id := s.add(t, KindBlob, []byte(c))
			ids[c] = id
			bin, err := hex.DecodeString(string(id))
			if err != nil {
				t.Fatal(err)
			}
			s.add(t, KindTree, []byte("100644 "+names[special]+"\x00"+string(bin)))
		}
	}
	git := s.verdicts(t)
	refused := 0
	for special, list := range contents {
		for _, c := range list {
			if c == "" {
				continue // the same blob is both files
			}
			err := CheckSpecial(special, []byte(c))
			compare(t, KindBlob, []byte(c), git[ids[c]], err)
			if err != nil {
				refused++
			}
		}
	}
	if refused < 20 {
		t.Errorf("%d refusals", refused)
	}
}

// TestCheckTree_special: which names are files that clients obey.
func TestCheckTree_special(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Special{".gitmodules": Gitmodules, "GITMOD~1": Gitmodules, "a\\.gitmodules": Gitmodules, ".gitattributes": Gitattributes, "gi7d29~1": Gitattributes, ".git\u200cattributes": Gitattributes, "a": 0, "gitmodules": 0} {
		var got Special
		if err := CheckTree(SHA1, []byte(entry("100644", name)), func(e *RawEntry) { got = e.Special }); err != nil || got != want {
			t.Errorf("%q: %d, %v", name, got, err)
		}
	}
}

// TestCheckTree_long: a name that no file system has.
func TestCheckTree_long(t *testing.T) {
	t.Parallel()
	if err := CheckTree(SHA1, []byte(entry("100644", strings.Repeat("a", 4097))), nil); err == nil {
		t.Error("taken")
	}
}

// FuzzCheck holds our verdict on any object against git's.
func FuzzCheck(f *testing.F) {
	kinds := []Kind{KindCommit, KindTag, KindTree, KindBlob}
	// Each seed is a run of git; TestCheck_likeGit has all of them in one.
	for n, c := range candidates() {
		for i, k := range kinds {
			if k == c.kind && n%16 == 0 {
				f.Add(uint8(i), []byte(c.data))
			}
		}
	}
	for _, m := range modules[:8] {
		f.Add(uint8(3), []byte(m))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		k := kinds[kind%4]
		s := newStore(t)
		id := s.add(t, k, data)
		err := s.check(k, data)
		if k == KindBlob {
			bin, _ := hex.DecodeString(string(id))
			s.add(t, KindTree, []byte("100644 .gitmodules\x00"+string(bin)))
			err = CheckSpecial(Gitmodules, data)
		}
		compare(t, k, data, s.verdicts(t)[id], err)
	})
}
