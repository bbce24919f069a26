package app

import (
	"context"

	"jeton/internal/config"
	"jeton/internal/deliver"
	"jeton/internal/exchange"
	"jeton/internal/fetch"
	"jeton/internal/githttp"
	"jeton/internal/graphql"
	"jeton/internal/lfs"
	"jeton/internal/oauth"
	"jeton/internal/outbound"
	"jeton/internal/publish"
	"jeton/internal/push"
	"jeton/internal/rest"
	"jeton/internal/signin"
	"jeton/internal/web"
)

// doors builds each door with the rooms and flows that it hands work to.
func (a *App) doors() (err error) {
	k := a.Core
	pushes := push.New(push.Options{Gate: k.Gate, Git: k.Git, DB: k.DB, Repos: k.Repos, Audit: k.Audit, Leaks: k.Leaks, Hooks: k.Hooks, Alerts: k.Alerts, Log: k.o.Log, Now: k.o.Now, WarnFile: int64(k.Config.WarnFileSize)})
	publishes := publish.New(publish.Options{DB: k.DB, Git: k.Git, Push: pushes, Releases: k.Releases})
	reach, err := strangers(k)
	if err != nil {
		return err
	}
	a.Deliver = deliver.New(deliver.Options{DB: k.DB, Hooks: k.Hooks, Repos: k.Repos, Accounts: k.Accounts, Orgs: k.Orgs, Gate: k.Gate, Git: k.Git, Alerts: k.Alerts,
		Outbound: reach, Log: k.o.Log, Now: k.o.Now})
	a.onClose(func(context.Context) error { a.Deliver.Close(); return nil })
	if a.Mail, err = mailer(k); err != nil {
		return err
	}
	a.Rest = rest.New(rest.Options{
		DB: k.DB, Gate: k.Gate, Limit: k.Limit,
		Accounts: k.Accounts, Orgs: k.Orgs, Tokens: k.Tokens, Apps: k.Apps,
		Repos: k.Repos, Git: k.Git, Push: pushes, Lifecycle: k.Lifecycle,
		Hooks: k.Hooks, Deliver: a.Deliver, Alerts: k.Alerts,
		PublicKeys: k.PublicKeys, Statuses: k.Statuses, Deployments: k.Deployments,
		Releases: k.Releases, Publish: publishes, UploadTimeout: k.Config.PushTimeout,
		PerHour: k.Config.APIRateLimit, Version: k.o.Version, Now: k.o.Now,
	})
	a.GraphQL = graphql.New(graphql.Options{DB: k.DB, Gate: k.Gate, Accounts: k.Accounts, Orgs: k.Orgs, Repos: k.Repos, Git: k.Git, Lifecycle: k.Lifecycle, Releases: k.Releases, Statuses: k.Statuses,
		Enter: a.Rest.Enter, State: a.Rest.State, Log: k.o.Log, Now: k.o.Now})
	a.GitHTTP = githttp.New(githttp.Options{Gate: k.Gate,
		Fetch:   fetch.New(fetch.Options{Gate: k.Gate, Git: k.Git}),
		Push:    pushes,
		MaxPack: int64(k.Config.MaxPackSize), FetchTimeout: k.Config.FetchTimeout, PushTimeout: k.Config.PushTimeout, Now: k.o.Now})
	off := k.Config.LFS == config.SwitchedOff
	a.LFS = lfs.New(lfs.Options{DB: k.DB, Gate: k.Gate, Files: k.Files, Keys: k.Keys, Off: off,
		DownloadTimeout: k.Config.FetchTimeout, UploadTimeout: k.Config.PushTimeout, Now: k.o.Now})
	exchanges := exchange.New(exchange.Options{DB: k.DB, Audit: k.Audit, Accounts: k.Accounts, Orgs: k.Orgs, Repos: k.Repos, Tokens: k.Tokens, Trusts: k.Trusts, Limit: k.Limit,
		Outbound: reach, URL: k.Config.URL, Private: len(k.Config.WebhookAllow) > 0, Log: k.o.Log, Now: k.o.Now})
	a.OAuth = oauth.New(oauth.Options{Gate: k.Gate, Apps: k.Apps, Exchange: exchanges, Now: k.o.Now})
	o := web.Options{
		DB: k.DB, Gate: k.Gate, Audit: k.Audit, Ledger: k.Ledger, Reveals: signin.NewReveals(k.o.Now),
		Accounts: k.Accounts, Orgs: k.Orgs, Signin: k.Signin, Policies: k.Policies, Tokens: k.Tokens, Inventory: k.Inventory, Apps: k.Apps,
		Repos: k.Repos, Git: k.Git, Lifecycle: k.Lifecycle,
		Hooks: k.Hooks, Deliver: a.Deliver, Alerts: k.Alerts, Trusts: k.Trusts, Notices: k.Notices, Mail: a.Mail,
		PublicKeys: k.PublicKeys, Statuses: k.Statuses, Releases: k.Releases, Publish: publishes, UploadTimeout: k.Config.PushTimeout,
		Log: k.o.Log, Now: k.o.Now,
	}
	if !off {
		o.Files = k.Files
	}
	if authority, local := a.Authority(); local {
		o.Authority = &authority
	}
	a.Web, err = web.New(o)
	return err
}

// strangers is the way to what people here name: receivers of webhooks, and issuers of
// identity tokens. What it reaches is not what an import reaches: the administrator
// opens networks for each.
func strangers(k *Core) (*outbound.Client, error) {
	o := outbound.Options{Allow: k.Config.WebhookAllow}
	var err error
	if o.Roots, err = rootsWith(k.Config.WebhookCA, "webhook-ca"); err != nil {
		return nil, err
	}
	return outbound.New(o), nil
}
