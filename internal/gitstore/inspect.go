package gitstore

import "jeton/internal/gitstore/object"

// Look is called with each object that a push brings, while its content is at
// hand: blobs, commits and tags. data is the callee's for the call alone. It may
// be called from several goroutines.
type Look func(kind object.Kind, id object.ID, data []byte)

// Inspect has Index show every new object to look. Call it before Index.
// Objects past the store's size limit are left out: they are refused anyway.
func (in *Incoming) Inspect(look Look) { in.look = look }
