package odb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
)

// repo is a bare repository for a test, worked on by real git.
type repo struct {
	t      testing.TB
	dir    string
	format object.Format
}

func newRepo(t testing.TB, format object.Format) *repo {
	t.Helper()
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), "r.git"), format: format}
	r.run("", "init", "--quiet", "--bare", "--object-format="+string(format), r.dir)
	return r
}

func (r *repo) objects() string { return filepath.Join(r.dir, "objects") }

func gitCommand(t testing.TB, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org",
		"GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000"}
	return cmd
}

// run runs git in the repository, with some input, and returns what it prints.
func (r *repo) run(stdin string, args ...string) string {
	r.t.Helper()
	return string(r.raw([]byte(stdin), args...))
}

func (r *repo) raw(stdin []byte, args ...string) []byte {
	r.t.Helper()
	dir := r.dir
	if args[0] == "init" {
		dir = ""
	}
	cmd := gitCommand(r.t, dir, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, errs.String())
	}
	return out.Bytes()
}

// grow adds n commits to main, of files in folders of which each commit changes
// a few lines: what real histories are made of.
func (r *repo) grow(n int, seed uint64) {
	r.t.Helper()
	r.raw(history(n, seed, r.run("", "for-each-ref", "refs/heads/main") != ""), "fast-import", "--quiet", "--force")
}

// history writes n commits in the language of git fast-import.
func history(n int, seed uint64, more bool) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var out bytes.Buffer
	files := map[string][]string{}
	names := make([]string, 0, 400)
	line := func() string {
		words := make([]string, 3+rnd.IntN(9))
		for i := range words {
			words[i] = fmt.Sprintf("%c%x", 'a'+rnd.IntN(26), rnd.IntN(4096))
		}
		return strings.Join(words, " ") + "\n"
	}
	for i := range n {
		fmt.Fprintf(&out, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\n", 1700000000+int(seed)*1000000+i*60)
		message := fmt.Sprintf("Change %d of %d\n\n%s", i, seed, line())
		fmt.Fprintf(&out, "data %d\n%s\n", len(message), message)
		if more && i == 0 {
			out.WriteString("from refs/heads/main^0\n")
		}
		for range 1 + rnd.IntN(3)/2 {
			var name string
			if len(names) < 400 && (len(names) == 0 || rnd.IntN(12) == 0) {
				name = fmt.Sprintf("d%d/e%d/f%d-%d.txt", rnd.IntN(8), rnd.IntN(6), seed, len(names))
				names = append(names, name)
				for range 20 + rnd.IntN(300) {
					files[name] = append(files[name], line())
				}
			} else {
				name = names[rnd.IntN(len(names))]
				for range 1 + rnd.IntN(6) {
					files[name][rnd.IntN(len(files[name]))] = line()
				}
				if rnd.IntN(3) == 0 {
					files[name] = append(files[name], line())
				}
			}
			text := strings.Join(files[name], "")
			fmt.Fprintf(&out, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
		}
	}
	return out.Bytes()
}

// all lists every object that git knows of, with kind and size.
func (r *repo) all() map[object.ID]Info {
	r.t.Helper()
	out := map[object.ID]Info{}
	for line := range strings.Lines(r.run("", "cat-file", "--batch-all-objects", "--batch-check")) {
		var id, kind string
		var size int64
		if _, err := fmt.Sscan(line, &id, &kind, &size); err != nil {
			r.t.Fatal(err)
		}
		out[object.ID(id)] = Info{object.Kind(kind), size}
	}
	return out
}

// noise makes bytes that do not compress.
type noise struct{ rnd *rand.Rand }

func newNoise(seed uint64) noise { return noise{rand.New(rand.NewPCG(seed, 7))} }

func (n noise) bytes(size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(n.rnd.Uint32())
	}
	return out
}
