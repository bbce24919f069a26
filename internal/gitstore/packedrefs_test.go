package gitstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// Many new refs are written at once, as git itself would have packed them.
func TestPublish_manyNew(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"empty", "packed", "locked", "old form"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testStore(t)
			r := testRepo(t, s, 1, object.SHA1)
			dir := gittest.Work(t, r.bare.Dir)
			gittest.Write(t, dir, "a", "1\n")
			head := gittest.Commit(t, dir, "1")
			gittest.Git(t, dir, "tag", "-am", "x", "annotated")
			tag := object.ID(gittest.Git(t, dir, "rev-parse", "annotated"))
			gittest.Git(t, dir, "push", "-q", "origin", "main", "annotated:refs/pull/1/head", "annotated:refs/tags/before")
			switch name {
			case "packed":
				gittest.Git(t, r.bare.Dir, "pack-refs", "--all")
			case "locked":
				gittest.Write(t, r.bare.Dir, "packed-refs.lock", "")
			case "old form":
				gittest.Write(t, r.bare.Dir, "packed-refs", "# pack-refs with: peeled \n"+string(head)+" refs/heads/older\n")
			}
			var updates []wire.Update
			for i := range 50 {
				updates = append(updates, wire.Update{Name: fmt.Sprintf("refs/heads/b%d", i), Old: object.SHA1.Zero(), New: head})
			}
			updates = append(updates, wire.Update{Name: "refs/tags/new", Old: object.SHA1.Zero(), New: tag})
			results, err := publish(t.Context(), r, nil, Publication{Updates: updates, Atomic: true})
			if err != nil || len(results) != 51 || results[50].Reason != "" {
				t.Fatalf("%v %v", results, err)
			}
			want := 50 + 4
			if name == "old form" {
				want++
			}
			out := gittest.Git(t, r.bare.Dir, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")
			if lines := strings.Split(out, "\n"); len(lines) != want {
				t.Errorf("%d refs:\n%s", len(lines), out)
			}
			for _, line := range []string{"refs/pull/1/head " + string(tag), "refs/tags/before " + string(tag), "refs/tags/new " + string(tag) + " " + string(head), "refs/heads/b49 " + string(head)} {
				if !strings.Contains(out, line) {
					t.Errorf("missing %q in:\n%s", line, out)
				}
			}
			if name == "empty" || name == "packed" {
				if loose, _ := filepath.Glob(filepath.Join(r.bare.Dir, "refs/heads/b*")); len(loose) != 0 {
					t.Errorf("loose: %v", loose)
				}
				if _, err := os.Stat(filepath.Join(r.bare.Dir, "packed-refs.lock")); err == nil {
					t.Error("the lock stayed")
				}
			}
			refs, err := r.Refs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if ref, ok := refs.Get("refs/tags/new"); !ok || ref.Peeled != head {
				t.Errorf("tag: %+v", ref)
			}
			if err := r.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
