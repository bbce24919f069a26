package app

import (
	"jeton/internal/config"
	"jeton/internal/fetch"
	"jeton/internal/githttp"
	"jeton/internal/graphql"
	"jeton/internal/lfs"
	"jeton/internal/push"
	"jeton/internal/rest"
	"jeton/internal/signin"
	"jeton/internal/web"
)

// doors builds each door with the rooms and flows that it hands work to.
func (a *App) doors() (err error) {
	k := a.Core
	pushes := push.New(push.Options{Gate: k.Gate, Git: k.Git, DB: k.DB, Repos: k.Repos, Audit: k.Audit, Leaks: k.Leaks, Log: k.o.Log, Now: k.o.Now, WarnFile: int64(k.Config.WarnFileSize)})
	a.Rest = rest.New(rest.Options{DB: k.DB, Gate: k.Gate, Accounts: k.Accounts, Repos: k.Repos, Tokens: k.Tokens, Lifecycle: k.Lifecycle, PublicKeys: k.PublicKeys, Statuses: k.Statuses, Deployments: k.Deployments, Releases: k.Releases, UploadTimeout: k.Config.PushTimeout,
		Git: k.Git, Push: pushes, Limit: k.Limit, PerHour: k.Config.APIRateLimit, Version: k.o.Version, Now: k.o.Now})
	a.GraphQL = graphql.New(graphql.Options{DB: k.DB, Gate: k.Gate, Accounts: k.Accounts, Repos: k.Repos, Git: k.Git, Lifecycle: k.Lifecycle,
		Enter: a.Rest.Enter, State: a.Rest.State, Used: a.Rest.Used, Log: k.o.Log, Now: k.o.Now})
	a.GitHTTP = githttp.New(githttp.Options{Gate: k.Gate, Tokens: k.Tokens,
		Fetch:   fetch.New(fetch.Options{Gate: k.Gate, Git: k.Git}),
		Push:    pushes,
		MaxPack: int64(k.Config.MaxPackSize), FetchTimeout: k.Config.FetchTimeout, PushTimeout: k.Config.PushTimeout, Now: k.o.Now})
	off := k.Config.LFS == config.SwitchedOff
	a.LFS = lfs.New(lfs.Options{DB: k.DB, Gate: k.Gate, Tokens: k.Tokens, Files: k.Files, Keys: k.Keys, Off: off,
		DownloadTimeout: k.Config.FetchTimeout, UploadTimeout: k.Config.PushTimeout, Now: k.o.Now})
	o := web.Options{DB: k.DB, Gate: k.Gate, Accounts: k.Accounts, Signin: k.Signin, Tokens: k.Tokens, Repos: k.Repos, Audit: k.Audit,
		Git: k.Git, Lifecycle: k.Lifecycle, PublicKeys: k.PublicKeys, Statuses: k.Statuses, Releases: k.Releases, Reveals: signin.NewReveals(k.o.Now), Log: k.o.Log, Now: k.o.Now}
	if !off {
		o.Files = k.Files
	}
	if authority, local := a.Authority(); local {
		o.Authority = &authority
	}
	a.Web, err = web.New(o)
	return err
}
