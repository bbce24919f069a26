package crash

import (
	"os"
	"testing"

	"jeton/internal/app/apptest"
)

const (
	journalFile = "internal/gitstore/journal.go"
	recoverFile = "internal/gitstore/recover.go"
	migrateFile = "internal/gitstore/incoming/migrate.go"
	commitFile  = "internal/gitstore/ref/commit.go"
	syncRefFile = "internal/gitstore/ref/sync.go"
)

// mutants are the server without one of the syncs on a push's way to the disk.
var mutants = map[string]apptest.Mutant{
	"a small pack":            {File: migrateFile, Old: "\t\terr = f.Sync()\n", New: "\t\tif string(data[:4]) != \"PACK\" {\n\t\t\terr = f.Sync()\n\t\t}\n"},
	"a small pack's index":    {File: migrateFile, Old: "\t\terr = f.Sync()\n", New: "\t\tif string(data[:4]) == \"PACK\" {\n\t\t\terr = f.Sync()\n\t\t}\n"},
	"a large pack":            {File: migrateFile, Old: "disk.Sync(names[i])", New: "disk.Sync(names[1])"},
	"a large pack's index":    {File: migrateFile, Old: "disk.Sync(names[i])", New: "disk.Sync(names[0])"},
	"the folder of packs":     {File: migrateFile, Old: "if err := disk.Sync(to); err != nil {", New: "if err := error(nil); err != nil {"},
	"the journal":             {File: journalFile, Old: "err = j.file.Sync()", New: "err = error(nil)"},
	"the journal's name":      {File: journalFile, Old: "return disk.Sync(filepath.Dir(j.path))", New: "return nil"},
	"the journal's folder":    {File: journalFile, Old: "err = disk.Sync(r.bare.Dir)", New: "err = nil"},
	"the new values":          {File: journalFile, Old: "synced <- tx.Sync()", New: "synced <- nil"},
	"a ref":                   {File: commitFile, Old: "paths = append(paths, lockOf(t.db.path(it.Name)))", New: "_ = it"},
	"packed-refs":             {File: commitFile, Old: "paths = append(paths, lockOf(t.db.packed.path))", New: "paths = append(paths, \"/\")"},
	"HEAD":                    {File: commitFile, Old: "paths = append(paths, lockOf(t.db.head.path))", New: "paths = append(paths, \"/\")"},
	"the folders of refs":     {File: commitFile, Old: "error { return syncAll(t.folders()) }", New: "error { return nil }"},
	"the folders of each ref": {File: commitFile, Old: "\t\t\tadd(d.path(dir))\n", New: ""},
	"the folder of folders":   {File: commitFile, Old: "add(d.path(\"refs\"))", New: "_ = d"},
	"the top folder":          {File: commitFile, Old: "\tif top {\n\t\tadd(d.dir)", New: "\tif false {\n\t\tadd(d.dir)"},
	"one file alone":          {File: syncRefFile, Old: "return syncOne(paths[0])", New: "return nil"},
	"several files":           {File: syncRefFile, Old: "if err := syncOne(p); err != nil {", New: "if err := error(nil); err != nil && p != \"\" {"},
	"the database":            {File: "internal/db/sqlite.go", Old: `sync := "FULL"`, New: `sync := "NORMAL"`},
}

// recoveryMutants are the server without what makes a recovery last.
var recoveryMutants = map[string]apptest.Mutant{
	"the new values":    {File: recoverFile, Old: "if err := tx.Sync(); err != nil {", New: "if err := error(nil); err != nil {"},
	"what moved before": {File: recoverFile, Old: "return r.syncRefs(e)", New: "return nil"},
	"each folder":       {File: recoverFile, Old: "if err := disk.Sync(dir); err != nil && !errors.Is", New: "if err := error(nil); err != nil && dir != r.bare.Dir && !errors.Is"},
	"the repository itself": {File: recoverFile, Old: "dirs := map[string]bool{r.bare.Dir: true}", New: "dirs := map[string]bool{}", Also: []apptest.Mutant{
		{File: commitFile, Old: "\tif top {\n\t\tadd(d.dir)", New: "\tif false {\n\t\tadd(d.dir)"}}},
	"the record":   {File: recoverFile, Old: "if err := r.store.recorder(ctx, r.bare.ID, j.entry.moved()); err != nil {", New: "if err := error(nil); err != nil {"},
	"the database": {File: "internal/db/sqlite.go", Old: `sync := "FULL"`, New: `sync := "NORMAL"`},
}

// TestMutants takes out each sync and sees that TestOrder, or TestRecoveryOrder,
// fails. That takes minutes; the ordinary run only sees that the syncs are where
// the lists say.
func TestMutants(t *testing.T) {
	t.Parallel()
	for run, list := range map[string]map[string]apptest.Mutant{"TestOrder": mutants, "TestRecoveryOrder": recoveryMutants} {
		for name, m := range list {
			t.Run(run+" without "+name, func(t *testing.T) {
				m.Present(t)
				if os.Getenv("JETON_LONG") != "" {
					m.MustFail(t, "jeton/internal/crash", "^"+run+"$")
				}
			})
		}
	}
}

// forgetful are the servers that don't know a journal that is back after a crash
// for what it is: the tests that fail then are what makes the sync of its end
// needless.
var forgetful = map[string]struct {
	apptest.Mutant
	pkg, run string
}{
	"records it again": {apptest.Mutant{File: "internal/push/record.go", Old: "if again {", New: "if again && m.Head == \"x\" {"},
		"jeton/internal/crash", "^TestRecordedOnce$"},
	"takes every content for its": {apptest.Mutant{File: "internal/gitstore/spare.go", Old: "e.Version == 1 || e.Version > 1 && e.Number == number(path)", New: "true"},
		"jeton/internal/gitstore", "^TestSpare_afterPowerLoss$"},
	"takes every journal for its": {apptest.Mutant{File: "internal/gitstore/spare.go", Old: "e.Version > 1 && e.Number == number(path)", New: "e.Version > 1"},
		"jeton/internal/gitstore", "^TestSpare_afterPowerLoss$"},
	"moves refs once more": {apptest.Mutant{File: journalFile, Old: "err = tx.SyncFolders(); err == nil {\n\t\t\terr = j.settled()", New: "err = tx.SyncFolders(); err == nil {\n\t\t\terr = nil"},
		"jeton/internal/gitstore", "^TestRecover_movedBack$"},
}

// TestForgetful is TestMutants for them.
func TestForgetful(t *testing.T) {
	t.Parallel()
	for name, m := range forgetful {
		t.Run(name, func(t *testing.T) {
			m.Present(t)
			if os.Getenv("JETON_LONG") != "" {
				m.MustFail(t, m.pkg, m.run)
			}
		})
	}
}
