package gitstore

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
	"jeton/internal/id"
	"jeton/internal/outbound"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// Source is where a repository is imported from: either a Path on this machine,
// which only its administrator may give, or an https URL.
type Source struct {
	Path     string
	URL      string
	User     string // for URL
	Password secret.Value
}

// Imported tells what came.
type Imported struct {
	Format        object.Format
	DefaultBranch string // without refs/heads/
	Empty         bool
}

// Import makes a repository with the branches and tags of another one. Nothing
// else comes with them: no hooks, configuration, alternates, links or other
// refs, since git hands over objects and refs alone, which are checked like
// those of a push. It fails with problem.Conflict when the number is taken.
func (s *Store) Import(ctx context.Context, repo id.Repo, src Source) (Imported, error) {
	if s.Exists(repo) {
		return Imported{}, problem.New(problem.Conflict, "a repository of that number is there already", "")
	}
	from, err := s.openSource(ctx, src)
	if err != nil {
		return Imported{}, err
	}
	defer from.close()
	im, err := s.fetchAll(ctx, repo, from)
	if cause := from.cause(); err != nil && cause != nil {
		err = cause
	}
	return im, err
}

// source is a place that git may fetch from, and the settings for it.
type source struct {
	url    string
	flags  []run.Flag
	config []string
	relay  *outbound.Relay
}

// localServer serves a repository on this machine. Its index of many packs is left
// out: that may name packs which lie elsewhere, and git would hand over what is in them.
const localServer = run.Flag("--upload-pack=git -c core.multiPackIndex=false upload-pack")

func (f *source) close() {
	if f.relay != nil {
		_ = f.relay.Close()
	}
}

func (f *source) cause() error {
	if f.relay == nil {
		return nil
	}
	return f.relay.Err()
}

func (s *Store) openSource(ctx context.Context, src Source) (*source, error) {
	if (src.Path == "") == (src.URL == "") {
		return nil, problem.New(problem.Invalid, "Give either a path or an https address to import from.", "")
	}
	if src.Path != "" {
		path, err := s.checkPath(src.Path)
		return &source{url: path, flags: []run.Flag{localServer}, config: []string{"protocol.file.allow", "always"}}, err
	}
	var auth func(*http.Request)
	if src.User != "" || !src.Password.IsZero() {
		auth = func(r *http.Request) { r.SetBasicAuth(src.User, src.Password.Reveal()) }
	}
	relay, err := s.outbound.Relay(ctx, src.URL, auth, s.limits.PackBytes)
	if err != nil {
		return nil, err
	}
	return &source{url: relay.URL(), relay: relay, config: []string{
		"protocol.http.allow", "always",
		"http.followRedirects", "false",
		"http.extraHeader", outbound.RelayHeader + ": " + relay.Key(),
	}}, nil
}

// checkPath refuses what is no repository's folder, and our own folders: who
// may run an import need not be who may read each repository here.
func (s *Store) checkPath(path string) (string, error) {
	bad := func(err error, public string) (string, error) {
		return "", problem.Wrap(err, problem.Invalid, public, "Give the folder of a git repository on this machine.")
	}
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return bad(err, "The path to import from can't be read.")
	}
	if fi, err := os.Stat(abs); err != nil || !fi.IsDir() {
		return bad(err, "The path to import from is no folder.")
	}
	if rel, err := filepath.Rel(s.dir, abs); err != nil || rel == "." || filepath.IsLocal(rel) {
		return bad(err, "The path to import from is one of this server's own.")
	}
	return abs, nil
}

func (s *Store) fetchAll(ctx context.Context, repo id.Repo, from *source) (im Imported, err error) {
	dir, err := s.prepare(ctx, object.SHA1, "main")
	if err != nil {
		return im, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what was installed is elsewhere
	head, err := s.lookAt(ctx, dir, from, &im)
	if err != nil {
		return im, err
	}
	if head == "" {
		head = "main"
	}
	im.DefaultBranch = head
	if im.Format == object.SHA256 || head != "main" {
		if err := os.RemoveAll(dir); err != nil {
			return im, err
		}
		if dir, err = s.prepare(ctx, im.Format, head); err != nil {
			return im, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, bare.OwnFolder, bare.OwnerLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return im, err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return im, err
	}
	if !im.Empty {
		if err := s.fetchInto(ctx, dir, from); err != nil {
			return im, err
		}
	}
	if err := os.Remove(filepath.Join(dir, bare.OwnFolder, bare.OwnerLock)); err != nil {
		return im, err
	}
	return im, s.install(dir, repo)
}

// lookAt asks the source for its refs: they tell its object format and its
// default branch.
func (s *Store) lookAt(ctx context.Context, dir string, from *source, im *Imported) (head string, err error) {
	out, err := s.git.Output(ctx, dir, run.Command{
		Name:   "ls-remote",
		Flags:  append([]run.Flag{"--quiet", "--symref"}, from.flags...),
		Args:   []string{from.url, "HEAD", "refs/heads/*", "refs/tags/*"},
		Config: from.config,
	}, 256<<20)
	if err != nil {
		return "", importError(err)
	}
	im.Format, im.Empty = object.SHA1, true
	first := ""
	branches := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		value, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if target, ok := strings.CutPrefix(value, "ref: refs/heads/"); ok && name == "HEAD" {
			head = target
			continue
		}
		if len(value) == 64 {
			im.Format = object.SHA256
		}
		branch, ok := strings.CutPrefix(name, "refs/heads/")
		im.Empty = im.Empty && name == "HEAD"
		if ok && object.CheckBranchName(branch) {
			branches[branch] = true
			if first == "" {
				first = branch
			}
		}
	}
	if !branches[head] && first != "" {
		head = first
	}
	if !object.CheckBranchName(head) {
		head = ""
	}
	return head, nil
}

func (s *Store) fetchInto(ctx context.Context, dir string, from *source) error {
	_, err := s.git.Output(ctx, dir, run.Command{
		Name: "fetch",
		Flags: append([]run.Flag{"--quiet", "--no-auto-maintenance", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--refmap=",
			"--no-show-forced-updates", "--no-write-commit-graph", "--atomic"}, from.flags...),
		Args:   []string{from.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"},
		Config: append([]string{"fetch.unpackLimit", "1", "core.bigFileThreshold", "32m"}, from.config...),
	}, 1<<20)
	if err != nil {
		return importError(err)
	}
	_, err = s.git.Output(ctx, dir, run.Command{Name: "pack-refs", Flags: []run.Flag{"--all"}}, 1<<20)
	return err
}

// importError words git's failure. Its text goes to the log, not to the person:
// it may name files of this machine.
func importError(err error) error {
	run, ok := errors.AsType[*run.Error](err)
	if !ok {
		return err
	}
	public, remedy := "The source can't be read as a git repository.", "Check that it is one, and that it may be read."
	if strings.Contains(run.Stderr, "dubious ownership") {
		public, remedy = "The source's folder belongs to another user of this machine.", "Copy it, or import it as its owner."
	}
	if strings.Contains(run.Stderr, "fsck error") || strings.Contains(run.Stderr, "error: object ") {
		public, remedy = "The source has objects that git's checks refuse.", "git fsck --strict in it tells which."
	}
	return problem.Wrap(err, problem.Invalid, public, remedy)
}
