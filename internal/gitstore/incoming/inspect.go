package incoming

import (
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// Look is called with each object that a push brings, while its content is at
// hand: blobs, commits and tags. data is the callee's for the call alone. It may
// be called from several goroutines.
type Look func(kind object.Kind, id object.ID, data []byte)

// Inspect has Index show every new object to look. Call it before Index.
// Objects past the limit of size are left out: they are refused anyway.
func (in *Push) Inspect(look Look) { in.look = look }

// Watch has Index note whether a folder that the push brings has an entry of that
// name. Introduced and Files, of a path that begins with it, don't read what it
// brings when there is none: the usual case. Call it before Index.
func (in *Push) Watch(name string) { in.seen.watched = name }

// Met reports whether the pack that Index has read holds such a folder.
func (in *Push) Met() bool { return in.seen.met.Load() }

// lacks reports that a tree, of what the push brings, has surely no entry of a
// name.
func (in *Push) lacks(tree odb.Hash, name string) bool {
	return name == in.seen.watched && !in.Met() && in.kind(tree) == object.KindTree
}
