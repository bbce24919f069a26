// Package bare is one bare repository on the disk: its format, its objects, its size
// and the runs of git in it. It knows no ref and no right: what is read here may be
// out of reach.
package bare

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/run"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// The names of what is not git's inside a repository's folder.
const (
	// OwnFolder is the folder that is ours: journals, the locks and the state of
	// maintenance.
	OwnFolder = "jeton"
	// IncomingPrefix begins the names of the quarantines of pushes, among the
	// folders of objects.
	IncomingPrefix = "incoming-"
	// OwnerLock is a file that who works on a folder holds a lock on. It dies with
	// its process: who finds the lock free may remove the folder.
	OwnerLock = "owner.lock"
)

// Repo is one bare repository on the disk. What is exported is set before it is used,
// and does not change. It is safe for concurrent use.
type Repo struct {
	ID   id.Repo
	Dir  string // its folder
	Git  *run.Git
	Pool *odb.Pool // of which its objects are
	Now  func() time.Time

	mu     sync.Mutex // guards what follows
	format object.Format
	db     *odb.DB
	size   sizeMemo
}

// Gone means that the folder is not there: never made, or deleted.
func Gone(err error) error {
	return problem.Wrap(err, problem.NotFound, "the repository's data is missing", "Ask the administrator to run jeton doctor.")
}

// Start runs git in it; see run.Git.
func (r *Repo) Start(ctx context.Context, c run.Command) (*run.Process, error) {
	return r.Git.Start(ctx, r.Dir, c)
}

// Output runs git in it to its end; see run.Git.
func (r *Repo) Output(ctx context.Context, c run.Command, limit int64) ([]byte, error) {
	return r.Git.Output(ctx, r.Dir, c, limit)
}

// Format returns the hash that the repository uses.
func (r *Repo) Format() (object.Format, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.format != "" {
		return r.format, nil
	}
	data, err := os.ReadFile(filepath.Join(r.Dir, "config"))
	if err != nil {
		return "", Gone(err)
	}
	r.format = object.SHA1
	for line := range strings.Lines(strings.ToLower(string(data))) {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "objectformat" && strings.TrimSpace(value) == string(object.SHA256) {
			r.format = object.SHA256
		}
	}
	return r.format, nil
}
