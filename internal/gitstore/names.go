package gitstore

import "jeton/internal/gitstore/share"

// What callers of the store meet by its name here, wherever it is kept.

// Who is whose share a piece of work takes.
type Who = share.Who
