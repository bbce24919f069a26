package upkeep

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jeton/internal/gitstore/bare"
)

// survey is what a glance at a repository's folder tells, without reading an
// object: what decides whether there is something to do, and what is shown.
type survey struct {
	packs     int       // packs that git uses, those of unreachable objects included
	cruft     int       // of them, packs of unreachable objects
	bytes     int64     // of all packs
	apart     int       // packs that the multi-pack index does not cover
	apartSize int64     // bytes in them
	covered   []string  // the names of the others
	newest    time.Time // when the newest pack that is not cruft came
	loose     int       // objects that have a file each
	looseSize int64
	looseRefs int
	bitmap    bool
}

// look surveys the repository. It takes no lock: what moves meanwhile is seen
// before or after, which is good enough to decide by.
func look(r *bare.Repo) (survey, error) {
	var v survey
	format, err := r.Format()
	if err != nil {
		return v, err
	}
	packDir := filepath.Join(r.Dir, "objects", "pack")
	entries, err := os.ReadDir(packDir)
	if err != nil {
		return v, bare.Gone(err)
	}
	have := make(map[string]bool, len(entries))
	for _, e := range entries {
		have[e.Name()] = true
	}
	m, err := ReadMidx(packDir, format)
	if err != nil && !errors.Is(err, errMidx) {
		return v, err
	}
	v.bitmap = m != nil && have[m.BitmapFile()]
	for _, e := range entries {
		pack, ok := strings.CutSuffix(e.Name(), ".pack")
		if !ok || !have[pack+".idx"] {
			continue
		}
		fi, err := e.Info()
		if err != nil {
			continue // repacked while we looked
		}
		v.packs++
		v.bytes += fi.Size()
		v.bitmap = v.bitmap || have[pack+".bitmap"]
		if have[pack+".mtimes"] {
			v.cruft++
		} else if fi.ModTime().After(v.newest) {
			v.newest = fi.ModTime()
		}
		if m == nil || !m.Packs[pack] {
			v.apart++
			v.apartSize += fi.Size()
		} else {
			v.covered = append(v.covered, pack)
		}
	}
	if err := v.countLoose(filepath.Join(r.Dir, "objects")); err != nil {
		return v, err
	}
	return v, v.countRefs(filepath.Join(r.Dir, "refs"))
}

func (v *survey) countLoose(objects string) error {
	folders, err := os.ReadDir(objects)
	if err != nil {
		return err
	}
	for _, d := range folders {
		if len(d.Name()) != 2 || !d.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(objects, d.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, f := range files {
			if fi, err := f.Info(); err == nil && !strings.HasPrefix(f.Name(), "tmp_") {
				v.loose++
				v.looseSize += fi.Size()
			}
		}
	}
	return nil
}

func (v *survey) countRefs(refs string) error {
	return filepath.WalkDir(refs, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Type().IsRegular() {
			v.looseRefs++
		}
		return err
	})
}
