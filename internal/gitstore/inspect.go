package gitstore

import (
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// Look is called with each object that a push brings, while its content is at
// hand: blobs, commits and tags. data is the callee's for the call alone. It may
// be called from several goroutines.
type Look func(kind object.Kind, id object.ID, data []byte)

// Inspect has Index show every new object to look. Call it before Index.
// Objects past the store's size limit are left out: they are refused anyway.
func (in *Incoming) Inspect(look Look) { in.look = look }

// Watch has Index note whether a folder that the push brings has an entry of that
// name. Introduced and Files, of a path that begins with it, don't read what it
// brings when there is none: the usual case. Call it before Index.
func (in *Incoming) Watch(name string) { in.seen.watched = name }

// lacks reports that a tree, of what the push brings, has surely no entry of a
// name.
func (in *Incoming) lacks(tree odb.Hash, name string) bool {
	return name == in.seen.watched && !in.seen.met.Load() && in.kind(tree) == object.KindTree
}
