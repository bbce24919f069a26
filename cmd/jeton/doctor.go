package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jeton/internal/app"
	"jeton/internal/audit"
	"jeton/internal/backup"
	"jeton/internal/cert"
	"jeton/internal/config"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/repo"
)

const doctorUsage = `Usage: jeton doctor [--repositories] [--trust] [--json] [--data DIR] [flags as for serve]

Look for what is wrong, and say what to do about it. Nothing is repaired. Ends
with 1 when something is wrong.

  --repositories  also let git check every repository, and hash every large file,
                  which can take long
  --trust         say how to trust the local certificate authority on Windows,
                  macOS and Linux, and do nothing else
`

// finding is the answer to one question of the doctor.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

func good(check, format string, args ...any) finding {
	return finding{Check: check, OK: true, Found: fmt.Sprintf(format, args...)}
}

func bad(check string, err error, remedy string) finding {
	p := problem.Of(err)
	if p.Remedy != "" {
		remedy = p.Remedy
	}
	return finding{Check: check, Found: err.Error(), Remedy: remedy}
}

func doctor(c *call) error {
	deep := c.flags.Bool("repositories", false, "")
	trustOnly := c.flags.Bool("trust", false, "")
	var all []string
	for _, s := range config.Settings() {
		all = append(all, s.Name)
	}
	if err := c.parse(0, 0, all...); err != nil {
		return err
	}
	c.config.URL = c.url()
	if *trustOnly {
		return c.trustGuide()
	}
	list := []finding{c.checkGit(), c.checkData(), c.checkSpace(), c.checkKeyFiles(), c.checkCertificate(), c.checkMail()}
	list = append(list, c.checkInside(*deep)...)
	sick := 0
	for _, f := range list {
		if !f.OK {
			sick++
		}
	}
	err := c.print(list, func(w io.Writer) {
		for _, f := range list {
			mark := "ok   "
			if !f.OK {
				mark = "WRONG"
			}
			_, _ = fmt.Fprintf(w, "%s  %-14s %s\n", mark, f.Check, f.Found)
			if f.Remedy != "" {
				_, _ = fmt.Fprintf(w, "       %-14s → %s\n", "", f.Remedy)
			}
		}
	})
	if err == nil && sick > 0 {
		err = problem.New(problem.Conflict, fmt.Sprintf("%d of %d checks found something wrong", sick, len(list)), "Each says above what to do.")
	}
	return err
}

func (c *call) checkGit() finding {
	dir, err := os.MkdirTemp("", "jeton-doctor-")
	if err != nil {
		return bad("git", err, "Check the folder for temporary files.")
	}
	defer os.RemoveAll(dir)
	// Only the version is asked for: the store in this folder stays empty.
	s, err := gitstore.Open(gitstore.Options{Dir: dir, Git: c.config.Git})
	if err != nil {
		return bad("git", err, "Install git "+gitstore.MinVersion+" or newer.")
	}
	return good("git", "%s", s.GitVersion())
}

func (c *call) checkData() finding {
	const check = "data folder"
	info, err := os.Stat(c.config.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return finding{check, false, c.config.Data + " does not exist", "Name the server's data folder with --data, or start \"jeton serve\" first."}
	case err != nil:
		return bad(check, err, "Run this as the user that runs the server.")
	case !info.IsDir():
		return finding{check, false, c.config.Data + " is not a folder", "Name the server's data folder with --data."}
	}
	if err := checkRestored(c.config.Data); err != nil {
		return bad(check, err, "")
	}
	if err := c.checkOwner(c.config.Data); err != nil {
		return bad(check, err, "")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return finding{check, false, fmt.Sprintf("%s can be read by other users (mode %04o)", c.config.Data, mode), "chmod 700 " + c.config.Data}
	}
	f, err := os.CreateTemp(c.config.Data, ".doctor-*")
	if err != nil {
		return bad(check, err, "Give the server's user the right to write to "+c.config.Data+".")
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return good(check, "%s", c.config.Data)
}

// enough is the free space below which the doctor warns: a push of the largest
// pack needs its size twice while it is checked.
const enough = 2 << 30

func (c *call) checkSpace() finding {
	var st syscall.Statfs_t
	if err := syscall.Statfs(c.config.Data, &st); err != nil {
		return bad("disk space", err, "Check that "+c.config.Data+" exists.")
	}
	free := uint64(st.Bavail) * uint64(st.Bsize)
	if free < enough {
		return finding{"disk space", false, fmt.Sprintf("%.1f GiB are free", float64(free)/(1<<30)), "Make room, or move the data folder to a larger disk: pushes fail when it is full."}
	}
	if st.Files > 0 && st.Ffree < 10000 {
		return finding{"disk space", false, fmt.Sprintf("only %d more files can be made", st.Ffree), "Make room for inodes, or move the data folder to another file system."}
	}
	return good("disk space", "%.1f GiB are free", float64(free)/(1<<30))
}

func (c *call) checkKeyFiles() finding {
	const check = "key files"
	entries, err := os.ReadDir(c.config.Keys)
	if err != nil {
		return bad(check, err, "Name the folder of the keys with --keys, or restore it from its copy: without the keys every token and session is lost.")
	}
	n := 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(c.config.Keys, e.Name())
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return finding{check, false, fmt.Sprintf("%s can be read by other users (mode %04o)", path, mode), "chmod 600 " + path + "; if others may have read it, run \"jeton keys rotate\"."}
		}
		n++
	}
	if n == 0 {
		return finding{check, false, "there is no key in " + c.config.Keys, "Name the folder of the keys with --keys, or start the server once."}
	}
	return good(check, "%d in %s", n, c.config.Keys)
}

func (c *call) certOptions() cert.Options {
	mode := map[config.TLSMode]cert.Mode{config.Local: cert.Local, config.Files: cert.Files, config.ACME: cert.ACME}[c.config.TLS]
	return cert.Options{Mode: mode, Dir: c.config.TLSDir(), Host: c.config.Host(), CertFile: c.config.TLSCert, KeyFile: c.config.TLSKey}
}

func (c *call) checkCertificate() finding {
	if c.config.TLS == config.Off {
		return good("certificate", "none: a trusted proxy does TLS")
	}
	s := cert.Inspect(c.certOptions())
	if s.Wrong != "" {
		return finding{"certificate", false, s.Wrong, s.Remedy}
	}
	return good("certificate", "%s: %s, until %s", c.config.TLS, strings.Join(s.Names, " "), s.Ends.UTC().Format(time.DateOnly))
}

// checkInside looks at what only the opened rooms know.
func (c *call) checkInside(deep bool) []finding {
	if err := c.checkFolder(); err != nil {
		return []finding{bad("database", err, "")}
	}
	var list []finding
	err := c.with(func(k *app.Core) error {
		start := time.Now()
		if err := k.DB.Ping(c.ctx); err != nil {
			return err
		}
		list = append(list, good("database", "%s answers in %s", k.DB.Engine(), time.Since(start).Round(10*time.Microsecond)),
			good("server keys", "key %d is current, %d in use", k.Keys.Current(), len(k.Keys.Live())), c.checkClock(k), c.checkPolicies(k))
		f, err := c.checkRepositories(c.ctx, k, deep)
		list = append(list, f...)
		if err != nil {
			return err
		}
		list = append(list, c.checkLargeFiles(k, deep), c.checkAssets(k, deep))
		return nil
	})
	if err != nil {
		list = append(list, bad("database", err, "Check --database and that the database runs, or restore a backup."))
	}
	return list
}

// checkClock compares the machine's clock with the newest line of the log: a
// clock that went back makes expired tokens live again.
func (c *call) checkClock(k *app.Core) finding {
	newest, err := newestLine(c.ctx, k)
	if err != nil {
		return bad("clock", err, "")
	}
	if ahead := time.Until(newest); ahead > time.Minute {
		return finding{"clock", false, fmt.Sprintf("the newest line of the security log is %s in the future", ahead.Round(time.Second)), "Set the machine's clock, and keep it right with NTP: expirations depend on it."}
	}
	return good("clock", "%s", time.Now().UTC().Format(time.RFC3339))
}

// checkPolicies reads every policy about tokens: one that can't be read shuts out all.
func (c *call) checkPolicies(k *app.Core) finding {
	all, err := k.Policies.Current(c.ctx)
	n := 0
	switch {
	case policy.Unreadable(err):
		return finding{"token policies", false, err.Error(), "Save it again, on its page \"Token policy\"."}
	case err != nil:
		return bad("token policies", err, "")
	case all == nil:
	case all.Site != nil:
		n = len(all.Of) + 1
	default:
		n = len(all.Of)
	}
	return good("token policies", "%d", n)
}

// checkRepositories compares the rows with the folders.
func (c *call) checkRepositories(ctx context.Context, k *app.Core, deep bool) ([]finding, error) {
	rows, err := allRepos(ctx, k)
	if err != nil {
		return nil, err
	}
	known := map[id.Repo]bool{}
	var list []finding
	for _, r := range rows {
		known[r.ID] = true
		if !k.Git.Exists(r.ID) {
			list = append(list, finding{"repository", false, r.FullName() + " has no data on disk", "Restore it from a backup, or run: jeton repo delete " + r.FullName() + " --yes"})
			continue
		}
		if !deep {
			continue
		}
		if err := k.Git.Repo(r.ID).Verify(ctx); err != nil {
			list = append(list, bad("repository", fmt.Errorf("%s: %w", r.FullName(), err), "Restore it from a backup, or push it again from a clone."))
		}
	}
	ids, err := k.Git.IDs()
	if err != nil {
		return nil, err
	}
	stray := 0
	for _, n := range ids {
		if !known[n] {
			stray++
		}
	}
	if stray > 0 {
		list = append(list, finding{"repositories", false, fmt.Sprintf("%d folders belong to no repository", stray), "They are left from a crash or a restore. The server removes them when it starts."})
	}
	if len(list) == 0 {
		list = append(list, good("repositories", "%d", len(rows)))
	}
	return list, nil
}

// checkLargeFiles compares what repositories hold in Git LFS with the bytes.
func (c *call) checkLargeFiles(k *app.Core, deep bool) finding {
	const check = "large files"
	rep, err := largefile.Check(c.ctx, k.DB, k.Blobs, deep)
	switch {
	case err != nil:
		return bad(check, err, "Check that this user may read "+c.config.LargeFiles()+".")
	case len(rep.Missing) > 0:
		return finding{check, false, fmt.Sprintf("%d of %d are missing, the first is %s", len(rep.Missing), rep.Objects, rep.Missing[0]), "Restore " + c.config.LargeFiles() + " from a backup, or push them again from a clone: git lfs push --all"}
	case len(rep.Damaged) > 0:
		return finding{check, false, fmt.Sprintf("%d of %d are damaged, the first is %s", len(rep.Damaged), rep.Objects, rep.Damaged[0]), "Restore it from a backup into " + c.config.LargeFiles() + "."}
	case rep.Stray > 0:
		return good(check, "%d, and %d that no repository holds", rep.Objects, rep.Stray)
	}
	return good(check, "%d", rep.Objects)
}

// checkAssets compares the files of releases with the bytes.
func (c *call) checkAssets(k *app.Core, deep bool) finding {
	const check = "files of releases"
	rep, err := release.Check(c.ctx, k.DB, k.ReleaseBlobs, deep)
	switch {
	case err != nil:
		return bad(check, err, "Check that this user may read "+c.config.Releases()+".")
	case rep.Missing+rep.Damaged > 0:
		return finding{check, false, fmt.Sprintf("of %d, %d are missing and %d are damaged", rep.Assets, rep.Missing, rep.Damaged), "Restore " + c.config.Releases() + " from a backup, or upload them again."}
	}
	return good(check, "%d", rep.Assets)
}

// allRepos lists every repository, from one state of the database.
func allRepos(ctx context.Context, k *app.Core) ([]repo.Repo, error) {
	return backup.Rows(ctx, k.DB, k.Repos)
}

func (c *call) trustGuide() error {
	if c.config.TLS != config.Local {
		return problem.New(problem.Invalid, "this server has no authority of its own", "Its certificate comes from elsewhere (tls is "+string(c.config.TLS)+"); clients trust it already, or know whom to ask.")
	}
	a, err := cert.ReadAuthority(c.config.TLSDir())
	if err != nil {
		return err
	}
	guides := a.Guides(c.config.URL, a.File)
	v := struct {
		File        string       `json:"file"`
		Fingerprint string       `json:"sha256"`
		Guides      []cert.Guide `json:"guides"`
	}{a.File, a.Fingerprint, guides}
	return c.print(v, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "The authority's certificate: %s\nSHA-256 %s\nCopy it to the machine that shall trust it, compare the fingerprint there, and\nwrite its place on that machine into the lines below.\n", a.File, a.Fingerprint)
		for _, g := range guides {
			_, _ = fmt.Fprintf(w, "\n%s\n", g.System)
			for _, s := range g.Steps {
				_, _ = fmt.Fprintf(w, "  %s: %s\n      %s\n", s.Tool, s.Text, strings.Join(s.Lines, "\n      "))
			}
		}
	})
}

// newestLine returns when the newest line of the security log was written, the
// zero time when there is none.
func newestLine(ctx context.Context, k *app.Core) (time.Time, error) {
	lines, err := k.Audit.List(ctx, audit.Query{Whole: true, Limit: 1})
	if err != nil || len(lines) == 0 {
		return time.Time{}, err
	}
	return lines[0].At, nil
}
