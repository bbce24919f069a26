package view

import (
	"context"
	"io"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/share"
	"jeton/internal/problem"
)

// ArchiveFormat is the form of an archive.
type ArchiveFormat string

// The forms.
const (
	TarGz ArchiveFormat = "tar.gz"
	Zip   ArchiveFormat = "zip"
)

// archiveWait is how long one waits for its slot.
const archiveWait = 3 * time.Second

// Archive opens an archive of the view's commit whose files are below the folder
// prefix. Like Stream it outlives the view, and its Close must be called. It fails
// with problem.TooMany when who reads too many at a time.
func (v *View) Archive(ctx context.Context, who share.Who, format ArchiveFormat, prefix string) (io.ReadCloser, error) {
	release, err := v.shared.Archives.Take(ctx, who, archiveWait)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, v.shared.Time)
	p, err := v.repo.Start(ctx, run.Command{Name: "archive",
		Flags: []run.Flag{run.Flag("--format=" + string(format)), run.Flag("--prefix=" + prefix + "/")}, Args: []string{string(v.Commit.ID)},
		Config: []string{"tar.tar.gz.command", "git archive gzip"}})
	if err != nil {
		cancel()
		release()
		return nil, err
	}
	return run.NewReader(p, func() { cancel(); release() }), nil
}

// maxSurveyed is how many files Sizes of a tree looks at.
const maxSurveyed = 200_000

// Files calls f for each file of the view's commit with its size, at most
// maxSurveyed of them. Links and submodules are none.
func (v *View) Files(f func(path string, size int64)) error {
	n := 0
	var failed error
	err := v.Walk(v.Commit.Tree, true, func(e object.File) bool {
		if !e.Mode.IsFile() {
			return true
		}
		var size int64
		if size, failed = v.SizeOf(e.ID); failed != nil {
			return false
		}
		f(e.Path, size)
		n++
		return n < maxSurveyed
	})
	if failed != nil {
		return failed
	}
	return err
}

// Contributor is somebody by the name and address that their commits have.
type Contributor struct {
	Name, Email string
	Commits     int
}

// maxContributors bounds how many are told apart.
const maxContributors = 50_000

// Contributors counts the commits of the view's history by author, most first.
func (v *View) Contributors() ([]Contributor, error) {
	out, err := v.repo.Output(v.ctx, run.Command{Name: "shortlog", Flags: []run.Flag{"--summary", "--numbered", "--email", "--no-merges"},
		Args: []string{string(v.Commit.ID)}}, 8<<20)
	if err != nil {
		return nil, err
	}
	return parseShortlog(string(out))
}

func tooManyContributors() error {
	return problem.New(problem.TooLarge, "the history has too many contributors to list", "")
}
