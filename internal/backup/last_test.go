package backup

import (
	"os"
	"path/filepath"
	"testing"

	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/repo"
)

// TestCopyChanged_deletedAfterDump: the dump is written already when the last
// look finds a repository gone. The dump still names it, so its copy stays.
func TestCopyChanged_deletedAfterDump(t *testing.T) {
	t.Parallel()
	git, err := gitstore.Open(gitstore.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string][]repo.Repo{
		"its row is gone":    nil,
		"its folder is gone": {{ID: 7, DefaultBranch: "another"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &writer{o: Options{Git: git}, dir: t.TempDir(), copied: map[id.Repo]repo.Repo{7: {ID: 7}}, refs: map[id.Repo]int{}}
			head := filepath.Join(folder(filepath.Join(w.dir, reposName), 7), "HEAD")
			if err := os.MkdirAll(filepath.Dir(head), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(head, []byte("ref: refs/heads/main\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := w.copyChanged(t.Context(), rows, true); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(head); err != nil || len(w.copied) != 1 {
				t.Errorf("the copy was dropped: %v, %v", err, w.copied)
			}
		})
	}
}
