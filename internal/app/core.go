// Package app builds everything from one validated configuration. Core is the
// rooms and what is below them: the administrator's commands use it as it is.
// App adds the gate's doors and the listener: serve runs it, and the tests start
// the same thing.
package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/blob"
	"jeton/internal/carried"
	"jeton/internal/carry"
	"jeton/internal/chain"
	"jeton/internal/change"
	"jeton/internal/commitstatus"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/deployment"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/keys"
	"jeton/internal/largefile"
	"jeton/internal/leak"
	"jeton/internal/ledger"
	"jeton/internal/lifecycle"
	"jeton/internal/limit"
	"jeton/internal/notice"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/pubkey"
	"jeton/internal/release"
	"jeton/internal/repo"
	"jeton/internal/scan"
	"jeton/internal/signin"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// Options are what surrounds the program. The zero value works.
type Options struct {
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now, as each part has it by itself
	Version string           // shown by /meta and the pages
	// PasswordCost is the cost of a password's hash; zero is the usual one. Only
	// tests want another.
	PasswordCost signin.Cost
}

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "development"
	}
}

// Core is everything below the doors.
type Core struct {
	Config    config.Config
	DB        *db.DB
	Keys      *keys.Ring
	Change    *change.Bus
	Chain     *chain.Chain
	Audit     *audit.Log
	Ledger    *ledger.Room
	Limit     *limit.Limiter
	Accounts  *account.Room
	Signin    *signin.Room
	Tokens    *token.Room
	Trusts    *trust.Room
	Inventory *inventory.Room
	Hooks     *hook.Room
	Notices   *notice.Room
	Repos     *repo.Room
	Apps      *application.Room
	Orgs      *org.Room
	Policies  *policy.Room
	Leaks     *leak.Room
	Alerts    *alert.Room
	Scan      *scan.Flow
	Blobs     *blob.Folder
	Files     *largefile.Room
	Git       *gitstore.Store
	Gate      *gate.Gate
	Lifecycle *lifecycle.Flow
	Carry     *carry.Flow

	PublicKeys   *pubkey.Room
	Statuses     *commitstatus.Room
	Deployments  *deployment.Room
	Releases     *release.Room
	ReleaseBlobs *blob.Folder

	o       Options
	closers []func(context.Context) error // in the order of opening
}

// OpenCore opens the data folder that c names: c must be complete. It works
// beside a running server as well as without one.
func OpenCore(ctx context.Context, c config.Config, o Options) (_ *Core, err error) {
	o.defaults()
	k := &Core{Config: c, o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close(context.WithoutCancel(ctx))) // what was opened must be closed even when ctx has ended
		}
	}()
	if err := k.openOutside(ctx); err != nil {
		return nil, err
	}
	k.openRooms()
	return k, nil
}

func (k *Core) openOutside(ctx context.Context) (err error) {
	c, o := k.Config, k.o
	if err := makeDataFolder(c); err != nil {
		return err
	}
	k.DB, err = db.Open(ctx, db.Options{URL: c.Database.Reveal(), Path: c.SQLite(), BackupDir: c.Backups(), Log: o.Log, Now: o.Now})
	if err != nil {
		return err
	}
	k.onClose(func(context.Context) error { return k.DB.Close() })
	k.Change = change.New(change.Options{DB: k.DB, Log: o.Log, Now: o.Now, Socket: c.Socket()})
	k.onClose(func(context.Context) error { k.Change.Close(); return nil })
	k.Keys, err = keys.Open(ctx, keys.Options{Dir: c.Keys, DB: k.DB, Now: o.Now, Changed: func(ctx context.Context, tx *db.Tx) error {
		return k.Change.Record(ctx, tx, change.Change{Kind: change.KeysChanged})
	}})
	if err != nil {
		return err
	}
	k.Git, err = gitstore.Open(gitstore.Options{
		Dir: c.Repositories(), Git: c.Git, Log: o.Log, Now: o.Now,
		Limits: gitstore.Limits{PackBytes: int64(c.MaxPackSize), ObjectBytes: int64(c.MaxFileSize), PackObjects: int64(c.MaxObjectsPerPush), Commands: c.MaxRefsPerPush, RefName: c.MaxRefLength, FetchTime: c.FetchTimeout, PushTime: c.PushTimeout},
		Upkeep: gitstore.UpkeepOptions{Off: c.Maintenance == "off", Parallel: c.MaintenanceJobs, PruneAfter: c.PruneAfter},
	})
	if err != nil {
		return err
	}
	if k.Blobs, err = blob.OpenFolder(c.LargeFiles()); err != nil {
		return err
	}
	k.onClose(func(context.Context) error { return k.Blobs.Close() })
	if k.ReleaseBlobs, err = blob.OpenFolder(c.Releases()); err != nil {
		return err
	}
	k.onClose(func(context.Context) error { return k.ReleaseBlobs.Close() })
	return nil
}

func (k *Core) openRooms() {
	o := k.o
	k.Chain = chain.New(chain.Options{DB: k.DB, Keys: k.Keys, Log: o.Log, Now: o.Now})
	k.onClose(k.Chain.Close)
	k.Audit = audit.New(audit.Options{DB: k.DB, Chain: k.Chain, Now: o.Now})
	k.Limit = limit.New(limit.Options{Now: o.Now})
	k.Accounts = account.New(account.Options{DB: k.DB, Change: k.Change, Audit: k.Audit, Now: o.Now})
	k.Policies = policy.New(policy.Options{DB: k.DB, Change: k.Change, Audit: k.Audit, Now: o.Now})
	k.Hooks = hook.New(hook.Options{DB: k.DB, Change: k.Change, Audit: k.Audit, Keys: k.Keys, Log: o.Log, Now: o.Now})
	k.Notices = notice.New(notice.Options{DB: k.DB, Audit: k.Audit, Hooks: k.Hooks, Now: o.Now})
	k.Signin = signin.New(signin.Options{DB: k.DB, Account: k.Accounts, Keys: k.Keys, Change: k.Change, Audit: k.Audit, Notices: k.Notices, Now: o.Now, Cost: o.PasswordCost})
	k.Tokens = token.New(token.Options{DB: k.DB, Keys: k.Keys, Change: k.Change, Audit: k.Audit, Policies: k.Policies, Notices: k.Notices, Log: o.Log, Now: o.Now})
	k.Trusts = trust.New(trust.Options{DB: k.DB, Audit: k.Audit, Tokens: k.Tokens, Private: len(k.Config.WebhookAllow) > 0, Log: o.Log, Now: o.Now})
	k.Ledger = ledger.New(ledger.Options{DB: k.DB, Chain: k.Chain, Audit: k.Audit, Tokens: k.Tokens, Keep: k.Config.UsesKeep, KeepRevoked: k.Config.UsesKeepRevoked, Log: o.Log, Now: o.Now})
	k.Inventory = inventory.New(inventory.Options{DB: k.DB, Keys: k.Keys, Accounts: k.Accounts, Tokens: k.Tokens, Now: o.Now})
	k.Repos = repo.New(repo.Options{DB: k.DB, Account: k.Accounts, Change: k.Change, Audit: k.Audit, Hooks: k.Hooks, Now: o.Now, RepoQuota: int64(k.Config.RepositoryQuota), AccountQuota: int64(k.Config.AccountQuota)})
	k.Apps = application.New(application.Options{DB: k.DB, Keys: k.Keys, Change: k.Change, Audit: k.Audit, Accounts: k.Accounts, Tokens: k.Tokens, Limit: k.Limit, Now: o.Now})
	k.Orgs = org.New(org.Options{DB: k.DB, Account: k.Accounts, Change: k.Change, Audit: k.Audit, Hooks: k.Hooks, Now: o.Now})
	k.Orgs.WhenDemoted(k.Tokens.DemotedTx)
	k.Leaks = leak.New(leak.Options{Tokens: k.Tokens, Apps: k.Apps})
	k.Alerts = alert.New(alert.Options{DB: k.DB, Tokens: k.Tokens, Audit: k.Audit, Hooks: k.Hooks, Now: o.Now})
	k.Scan = scan.New(scan.Options{DB: k.DB, Repos: k.Repos, Git: k.Git, Leaks: k.Leaks, Alerts: k.Alerts, Log: o.Log, Now: o.Now})
	k.Files = largefile.New(largefile.Options{DB: k.DB, Audit: k.Audit, Blobs: k.Blobs, MaxSize: int64(k.Config.LFSMaxObjectSize),
		Quota: k.roomFor, Held: k.Repos.AddLFSBytes, Log: o.Log, Now: o.Now})
	k.Gate = gate.New(gate.Options{
		DB: k.DB, Change: k.Change, Audit: k.Audit,
		Accounts: k.Accounts, Signin: k.Signin, Tokens: k.Tokens, Apps: k.Apps,
		Repos: k.Repos, Orgs: k.Orgs, Policies: k.Policies, Ledger: k.Ledger,
		Log: o.Log, URL: k.Config.URL, Closed: k.Config.Closed, Now: o.Now,
	})
	k.Lifecycle = lifecycle.New(lifecycle.Options{
		DB:      k.DB,
		Account: k.Accounts, Signin: k.Signin, Token: k.Tokens, Apps: k.Apps, Org: k.Orgs,
		Repo: k.Repos, Files: k.Files, Git: k.Git, Hooks: k.Hooks, Alerts: k.Alerts, Trusts: k.Trusts, Policy: k.Policies,
		Log: o.Log, Now: o.Now,
	})
	k.Carry = carry.New(carry.Options{DB: k.DB, Account: k.Accounts, Org: k.Orgs, Repo: k.Repos, Token: k.Tokens, Carried: carried.New(carried.Options{DB: k.DB, Now: o.Now}), Lifecycle: k.Lifecycle, Now: o.Now})
	k.PublicKeys = pubkey.New(pubkey.Options{DB: k.DB, Account: k.Accounts, Change: k.Change, Audit: k.Audit, Now: o.Now})
	k.Statuses = commitstatus.NewRoom(commitstatus.Options{DB: k.DB, Hooks: k.Hooks, Now: o.Now})
	k.Deployments = deployment.NewRoom(deployment.Options{DB: k.DB, Hooks: k.Hooks, Now: o.Now})
	k.Releases = release.New(release.Options{DB: k.DB, Blobs: k.ReleaseBlobs, Hooks: k.Hooks, Quota: k.roomFor, Held: k.Repos.AddLFSBytes, Log: o.Log, Now: o.Now})
	k.Lifecycle.WhenDeleting(k.Statuses.DropTx)
	k.Lifecycle.WhenDeleting(k.Deployments.DropTx)
	k.Lifecycle.WhenDeleting(k.Releases.DropTx)
	k.onClose(k.Lifecycle.Close)
}

// roomFor refuses bytes of large files that a quota has no room for.
func (k *Core) roomFor(ctx context.Context, in id.Repo, bytes int64) error {
	r, err := k.Repos.ByID(ctx, k.DB, in)
	if err != nil {
		return err
	}
	space, err := k.Repos.Space(ctx, k.DB, &r)
	if err != nil {
		return err
	}
	return space.Refuse(bytes)
}

func (k *Core) onClose(f func(context.Context) error) { k.closers = append(k.closers, f) }

// Close closes what was opened, last first.
func (k *Core) Close(ctx context.Context) error {
	var errs []error
	for i := len(k.closers) - 1; i >= 0; i-- {
		errs = append(errs, k.closers[i](ctx))
	}
	k.closers = nil
	return errors.Join(errs...)
}

// makeDataFolder makes the folders, readable by their owner alone.
func makeDataFolder(c config.Config) error {
	for _, dir := range []string{c.Data, c.Repositories(), filepath.Dir(c.SQLite())} {
		if err := mkdir(dir); err != nil {
			return err
		}
	}
	return nil
}
