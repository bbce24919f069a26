package githttp_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// peer is a bare repository behind git's own server program.
func peer(t *testing.T, g *apptest.Git, format string) (url string, bare *apptest.Git) {
	t.Helper()
	root := t.TempDir()
	g.Run(t, "init", "-q", "--bare", "--object-format="+format, "-b", "main", filepath.Join(root, "peer.git"))
	other := *g
	other.Dir = filepath.Join(root, "peer.git")
	for _, setting := range []string{"http.receivepack", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant", "receive.fsckObjects", "receive.advertisePushOptions"} {
		other.Run(t, "config", setting, "true")
	}
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := cgi.Handler{Path: program, Args: []string{"http-backend"},
			Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"), "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C"}}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/peer.git", &other
}

// history is a person at work on one clone with two remotes, which must not be
// able to tell them apart.
type history struct {
	t     *testing.T
	rand  *rand.Rand
	clone *apptest.Git
	bare  *apptest.Git // the peer's folder
	ours  *apptest.Git // the server's
	n     int          // of changes, for names
}

var branchNames = []string{"main", "topic", "topic/a", "topic/a/b", "fix-1", "fix-2", "ümlaut"}

// TestHistories_asGit: random histories, pushed by random commands, leave the
// same refs and objects here as behind git http-backend, are answered alike, and
// come back alike.
func TestHistories_asGit(t *testing.T) {
	t.Parallel()
	steps := 24
	if os.Getenv("JETON_LONG") != "" {
		steps = 400
	}
	w := newWorld(t)
	for _, way := range []string{"0 sha1", "1 sha1", "2 sha1", "2 sha256"} {
		t.Run(way, func(t *testing.T) {
			version, format, _ := strings.Cut(way, " ")
			t.Parallel()
			seed := rand.Uint64()
			if s := os.Getenv("JETON_SEED"); s != "" {
				seed, _ = strconv.ParseUint(s, 10, 64)
			}
			t.Logf("JETON_SEED=%d", seed)
			name := "history" + version + format
			if _, err := w.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: w.ada.ID, Name: name, Private: true, Format: format}); err != nil {
				t.Fatal(err)
			}
			g := w.terminal(t, "protocol.version="+version, "http.postBuffer=100000000", "advice.pushUpdateRejected=false")
			url, bare := peer(t, g, format)
			g.Run(t, "init", "-q", "--object-format="+format, "-b", "main", "clone")
			h := &history{t: t, rand: rand.New(rand.NewPCG(seed, 1)), clone: g.In("clone"), bare: bare, ours: w.disk(t, name)}
			h.clone.Run(t, "remote", "add", "jeton", w.url(name))
			h.clone.Run(t, "remote", "add", "peer", url)
			h.change()
			for i := range steps {
				h.change()
				h.push()
				if i%8 == 3 {
					h.shallow(g, i, map[string]string{"jeton": w.url(name), "peer": url})
				}
				if i%8 == 7 {
					h.same()
					h.fetch(g, i, w.url(name), url)
				}
			}
			h.same()
			w.whole(t, name)
		})
	}
}

func (h *history) pick(from []string) string { return from[h.rand.IntN(len(from))] }

func (h *history) git(args ...string) string {
	h.t.Helper()
	return h.clone.Run(h.t, args...)
}

func (h *history) lines(args ...string) []string {
	h.t.Helper()
	return strings.Fields(h.git(args...))
}

// change does something to the clone's own branches, tags and files.
func (h *history) change() {
	h.n++
	commits := strings.Fields(h.git("rev-list", "--all", "--max-count=50"))
	if len(commits) == 0 {
		h.commit()
		return
	}
	switch h.rand.IntN(10) {
	case 0, 1, 2, 3:
		for range 1 + h.rand.IntN(3) {
			h.commit()
		}
	case 4:
		h.git("checkout", "-q", "--detach", h.pick(commits))
		h.commit()
		_, _ = h.clone.Try(h.t, "branch", "-f", h.pick(branchNames), "HEAD")
	case 5:
		_, _ = h.clone.Try(h.t, "branch", "-f", h.pick(branchNames), h.pick(commits))
	case 6:
		h.git("checkout", "-q", "--detach")
		_, _ = h.clone.Try(h.t, "branch", "-D", h.pick(branchNames))
	case 7:
		if _, code := h.clone.Try(h.t, "merge", "-q", "-s", "ours", "-m", "merge", h.pick(commits), h.pick(commits)); code != 0 {
			_, _ = h.clone.Try(h.t, "merge", "--abort")
		}
	case 8:
		h.git("tag", "-f", "-am", "tag "+strconv.Itoa(h.n), "v"+strconv.Itoa(h.rand.IntN(6)), h.pick(append(commits, h.lines("tag", "-l")...)))
	case 9:
		h.git("tag", "-f", "light"+strconv.Itoa(h.rand.IntN(3)), h.pick(commits)+h.pick([]string{"", "^{tree}"}))
	}
}

// commit changes a few files, of every kind that there is, and commits them.
func (h *history) commit() {
	for range 1 + h.rand.IntN(4) {
		dir := h.pick([]string{"", "a/", "a/b/", "docs/deep/er/"})
		path := filepath.Join(h.clone.Dir, dir, fmt.Sprintf("file%d", h.rand.IntN(12)))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			h.t.Fatal(err)
		}
		_ = os.Remove(path)
		switch h.rand.IntN(8) {
		case 0: // gone
		case 1:
			if err := os.Symlink("file"+strconv.Itoa(h.n), path); err != nil {
				h.t.Fatal(err)
			}
		default:
			var text strings.Builder
			for i := range h.rand.IntN(400) {
				fmt.Fprintf(&text, "line %d of %d\n", i*(h.n%3+1), h.rand.IntN(3))
			}
			if err := os.WriteFile(path, []byte(text.String()), 0o600|os.FileMode(h.rand.IntN(2)*0o100)); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	h.git("add", "-A")
	h.git("commit", "-q", "--allow-empty", "-m", fmt.Sprintf("Change %d", h.n))
}

// push moves a few refs of both remotes by the same command, and compares what
// git says of it.
func (h *history) push() {
	args := []string{"push", "--porcelain"}
	for option, in := range map[string]int{"--atomic": 5, "--force": 3, "--thin": 2, "--no-thin": 6} {
		if h.rand.IntN(in) == 0 {
			args = append(args, option)
		}
	}
	if h.rand.IntN(5) == 0 {
		args = append(args, "--push-option=ci.skip", "--push-option=reviewer="+strconv.Itoa(h.n))
	}
	slices.Sort(args[2:])
	specs := h.specs()
	var said, all [2]string
	for i, remote := range []string{"jeton", "peer"} {
		out, code := h.clone.Try(h.t, slices.Concat(args, []string{remote}, specs)...)
		said[i] = fmt.Sprintf("exit %d\n%s", code, results(out))
		all[i] = out
	}
	if said[0] != said[1] {
		h.t.Fatalf("git %q:\n%s\nand behind git http-backend\n%s", slices.Concat(args, specs), said[0]+all[0], said[1]+all[1])
	}
	// Here, the first branch that is pushed becomes the one that HEAD names.
	h.bare.Run(h.t, "symbolic-ref", "HEAD", h.ours.Run(h.t, "symbolic-ref", "HEAD"))
}

// shallow pushes a commit from a clone without most of its history, to a new
// branch or an old one.
func (h *history) shallow(g *apptest.Git, n int, remotes map[string]string) {
	h.t.Helper()
	dir := fmt.Sprintf("shallow-%d", n)
	if _, code := g.Try(h.t, "clone", "-q", "--branch", "main", "--depth", strconv.Itoa(1+h.rand.IntN(2)), remotes["peer"], dir); code != 0 {
		return // nobody has pushed main
	}
	at := g.In(dir)
	at.Commit(h.t, "shallow"+strconv.Itoa(n), strings.Repeat("x\n", n), "From a shallow clone")
	spec := "HEAD:refs/heads/" + h.pick([]string{"main", "fix-1", "shallow"})
	var said [2]string
	for i, remote := range []string{"jeton", "peer"} {
		at.Run(h.t, "remote", "add", remote, remotes[remote])
		out, code := at.Try(h.t, "push", "--porcelain", "--force", remote, spec)
		said[i] = fmt.Sprintf("exit %d\n%s", code, results(out))
	}
	if said[0] != said[1] {
		h.t.Fatalf("a push of %s from a shallow clone:\n%s\nand behind git http-backend\n%s", spec, said[0], said[1])
	}
}

// specs are what a push moves: everything, or a few refs, each once.
func (h *history) specs() []string {
	refs := h.lines("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")
	if len(refs) == 0 || h.rand.IntN(6) == 0 {
		return []string{"--all"}
	}
	// To delete what is not there is no failure here, nor there unless another
	// ref stands in its way.
	there := strings.Fields(h.bare.Run(h.t, "for-each-ref", "--format=%(refname)", "refs/heads"))
	byTarget := map[string]string{}
	for range 1 + h.rand.IntN(3) {
		src := h.pick(refs)
		switch target := "refs/heads/" + h.pick(branchNames); h.rand.IntN(6) {
		case 0:
			if slices.Contains(there, target) {
				byTarget[target] = ":" + target
			}
		case 1:
			byTarget[target] = src + ":" + target
		default:
			byTarget[src] = src
		}
	}
	if len(byTarget) == 0 {
		return []string{"--all"}
	}
	return slices.Sorted(maps.Values(byTarget))
}

// results are the lines of a porcelain push that tell of refs, sorted. Why a ref
// was refused is told in better words here.
func results(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Count(line, "\t") != 2 {
			continue
		}
		line, _, _ = strings.Cut(line, "[remote rejected]")
		lines = append(lines, strings.TrimSpace(line)+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// same compares the two repositories on disk: refs, and every object that they reach.
func (h *history) same() {
	h.t.Helper()
	for _, args := range [][]string{{"for-each-ref", "--format=%(objectname) %(objecttype) %(refname)"}, {"rev-list", "--objects", "--all", "--no-object-names"}} {
		a, b := strings.Split(h.ours.Run(h.t, args...), "\n"), strings.Split(h.bare.Run(h.t, args...), "\n")
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			h.t.Fatalf("git %q:\n%q\nand behind git http-backend\n%q", args, a, b)
		}
	}
}

// fetch clones from both in the same manner and compares what came.
func (h *history) fetch(g *apptest.Git, n int, ours, peers string) {
	h.t.Helper()
	options := [][]string{nil, {"--depth=2"}, {"--no-checkout", "--filter=blob:none"}, {"--mirror"}, {"--single-branch"}, {"--shallow-since=2001-01-01"}}[h.rand.IntN(6)]
	var got [2]string
	for i, url := range []string{ours, peers} {
		dir := fmt.Sprintf("fetched-%d-%d", n, i)
		if out, code := g.Try(h.t, slices.Concat([]string{"clone", "-q", "--branch", "main"}, options, []string{url, dir})...); code != 0 {
			got[i] = "fails"
			if strings.Contains(out, "panic") {
				h.t.Error(out)
			}
			continue
		}
		at := g.In(dir)
		count := strings.Split(at.Run(h.t, "rev-list", "--objects", "--all", "--missing=allow-any", "--no-object-names"), "\n")
		slices.Sort(count)
		got[i] = strings.Join(count, "\n") + at.Run(h.t, "for-each-ref", "--format=%(objectname) %(refname)")
		// A shallow clone of a commit without any file lacks its tree behind git, too.
		out, code := at.Try(h.t, "fsck", "--no-dangling")
		got[i] += fmt.Sprint("\nfsck: ", code, " ", out)
	}
	if got[0] != got[1] {
		h.t.Fatalf("clone %q gives\n%s\nand behind git http-backend\n%s", options, got[0], got[1])
	}
}
