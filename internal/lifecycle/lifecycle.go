// Package lifecycle is the flow of beginnings and ends: repositories that are
// made, imported, given away and deleted, accounts that are suspended and
// deleted, and everything that such an end touches in other rooms and on disk.
// It must never decide whether somebody may ask for it: the gate did.
package lifecycle

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/application"
	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/repo"
	"jeton/internal/signin"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// leftoverAge is how long making a repository, or a file in the store's
// temporary folder, is left alone before it counts as given up. Nothing that is
// alive takes as long: the store bounds the time of an import.
const leftoverAge = 24 * time.Hour

// Options are the parts that the flow joins. All but Hooks, Alerts, Trusts, Policy, Log and Now are
// required.
type Options struct {
	DB      *db.DB
	Account *account.Room
	Signin  *signin.Room // ends an account's sessions by itself, inside account's transactions
	Token   *token.Room
	Apps    *application.Room
	Repo    *repo.Room
	Org     *org.Room
	Files   *largefile.Room
	Git     *gitstore.Store
	Hooks   *hook.Room       // nil: there are no webhooks
	Alerts  *alert.Room      // nil: nobody looks for tokens
	Trusts  *trust.Room      // nil: no other issuer is trusted
	Policy  *policy.Room     // nil: there are no policies
	Log     *slog.Logger     // nil discards
	Now     func() time.Time // nil is time.Now
}

// Flow does the work. It may be used from several goroutines; Close waits for
// what it left running.
type Flow struct {
	o    Options
	work sync.WaitGroup // folders being removed
	// dropping runs within the transaction that deletes a repository.
	dropping []func(ctx context.Context, tx *db.Tx, repo id.Repo) error
}

// New returns the flow. It panics when a required part is missing.
func New(o Options) *Flow {
	if o.DB == nil || o.Account == nil || o.Signin == nil || o.Token == nil || o.Apps == nil || o.Repo == nil || o.Org == nil || o.Files == nil || o.Git == nil {
		panic("lifecycle: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Flow{o: o}
	o.Git.OnMeasured(f.measured)
	return f
}

// WhenDeleting registers f to run inside the transaction that deletes a
// repository, for a room that keeps something of repositories. Call it before the
// flow is used.
func (f *Flow) WhenDeleting(drop func(ctx context.Context, tx *db.Tx, repo id.Repo) error) {
	f.dropping = append(f.dropping, drop)
}

// Close waits until the folders of deleted repositories are gone, or ctx ends;
// Sweep removes at the next start what is left then.
func (f *Flow) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { f.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remove deletes the folder of a number that no row names, and settles it. What
// fails is tried again by Sweep.
func (f *Flow) remove(ctx context.Context, repo id.Repo) {
	err := f.o.Git.Delete(ctx, repo)
	if err == nil {
		err = f.o.Repo.Settle(ctx, repo)
	}
	if err != nil {
		f.o.Log.ErrorContext(ctx, "a repository's folder was not removed; the next start tries again", "repo", int64(repo), "err", err)
	}
}

// removeLater is remove in the background, for a caller who does not wait: a
// large repository takes a while. The caller's end does not end it.
func (f *Flow) removeLater(ctx context.Context, repo id.Repo) {
	ctx = context.WithoutCancel(ctx)
	f.work.Go(func() { f.remove(ctx, repo) })
}

// Sweep removes what interrupted work left behind: folders of deleted
// repositories and of ones that were never finished, and old temporary files. A
// folder that no row ever named is left alone, since a database that was
// restored, or the wrong one, must not cost anybody their repositories.
// It is called at the start and may be called at any time.
func (f *Flow) Sweep(ctx context.Context) error {
	left, err := f.o.Repo.Leftovers(ctx, f.o.DB, f.o.Now().Add(-leftoverAge))
	if err != nil {
		return err
	}
	for _, repo := range left {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.remove(ctx, repo)
	}
	n, err := f.o.Git.Sweep(leftoverAge)
	if err != nil {
		f.o.Log.WarnContext(ctx, "old temporary files were not removed", "err", err)
	}
	if len(left)+n > 0 {
		f.o.Log.InfoContext(ctx, "removed what interrupted work left", "repositories", len(left), "temporary", n)
	}
	return nil
}
