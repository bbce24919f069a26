package odb

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"jeton/internal/gitstore/object"
)

// Abbreviated lists the objects whose ids begin with some digits (at least
// two), at most limit of them, in no particular order.
func (db *DB) Abbreviated(digits string, limit int) ([]object.ID, error) {
	if len(digits) < 2 || len(digits) > 2*db.format.Size() || !object.IsHex(digits) {
		return nil, nil
	}
	seen := map[object.ID]bool{}
	if err := db.Refresh(); err != nil {
		return nil, err
	}
	err := db.abbreviated(digits, limit, seen)
	out := make([]object.ID, 0, len(seen))
	for id := range seen {
		out = append(out, id)
	}
	return out, err
}

func (db *DB) abbreviated(digits string, limit int, seen map[object.ID]bool) error {
	if db.under != nil {
		if err := db.front.abbreviated(digits, limit, seen); err != nil {
			return err
		}
		return db.under.abbreviated(digits, limit, seen)
	}
	packs, err := db.Packs()
	if err != nil {
		return err
	}
	for _, p := range packs {
		if err := p.abbreviated(digits, limit, seen); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(filepath.Join(db.dir, digits[:2]))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		id, ok := db.format.ParseID(digits[:2] + e.Name())
		if ok && strings.HasPrefix(string(id), digits) && len(seen) < limit {
			seen[id] = true
		}
	}
	if s := db.state.Load(); s != nil {
		for _, a := range s.alternates {
			if err := a.abbreviated(digits, limit, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Pack) abbreviated(digits string, limit int, seen map[object.ID]bool) error {
	var from Hash
	even := digits
	if len(even)%2 == 1 {
		even += "0"
	}
	if _, err := hex.Decode(from[:], []byte(even)); err != nil {
		return err
	}
	x, err := p.acquire()
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.release()
	for i, _ := x.find(&from); i < x.n && len(seen) < limit; i++ {
		h := x.hash(i)
		id := h.ID(p.format)
		if !strings.HasPrefix(string(id), digits) {
			break
		}
		seen[id] = true
	}
	return nil
}
