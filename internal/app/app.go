package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"jeton/internal/cert"
	"jeton/internal/change"
	"jeton/internal/config"
	"jeton/internal/deliver"
	"jeton/internal/githttp"
	"jeton/internal/gitstore"
	"jeton/internal/graphql"
	"jeton/internal/httpkit"
	"jeton/internal/lfs"
	"jeton/internal/mail"
	"jeton/internal/oauth"
	"jeton/internal/problem"
	"jeton/internal/rest"
	"jeton/internal/web"
)

// App is the server.
type App struct {
	*Core
	Rest    *rest.Door
	Web     *web.Door
	GraphQL *graphql.Door
	GitHTTP *githttp.Door
	LFS     *lfs.Door
	Deliver *deliver.Flow
	Mail    *mail.Flow
	OAuth   *oauth.Door

	cert     *cert.Source // nil when a proxy does TLS
	listener net.Listener
	server   *http.Server
	served   chan error
	metrics  *metrics
	draining atomic.Bool
	// stopUpkeep ends what nobody waits for before the drain begins.
	stopUpkeep func()
}

// New opens everything and binds the address, but serves nothing yet. c must
// be complete; its URL is filled in when it asks for any free port.
func New(ctx context.Context, c config.Config, o Options) (_ *App, err error) {
	o.defaults()
	a := &App{served: make(chan error, 1), stopUpkeep: func() {}}
	if a.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, listenError(c, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.listener.Close())
		}
	}()
	c = c.WithPort(a.listener.Addr().(*net.TCPAddr).Port)
	if a.Core, err = OpenCore(ctx, c, o); err != nil {
		return nil, err
	}
	if err = a.build(ctx); err != nil {
		return nil, errors.Join(err, a.Core.Close(context.WithoutCancel(ctx))) // the data folder must be let go of in any case
	}
	return a, nil
}

func (a *App) build(ctx context.Context) error {
	release, err := a.DB.LockServer(ctx)
	if err != nil {
		return err
	}
	a.onClose(func(context.Context) error { release(); return nil })
	if err := a.keepFetches(); err != nil {
		return err
	}
	var tlsConfig *tls.Config
	if a.Config.TLS != config.Off {
		if a.cert, err = openCert(a.Config, a.o); err != nil {
			return err
		}
		tlsConfig = a.cert.TLS()
	}
	a.metrics = newMetrics(a.Gate, a.Git)
	if err := a.doors(); err != nil {
		return err
	}
	a.metrics.notices(a.Mail, a.queued)
	handler, err := a.handler()
	if err != nil {
		return err
	}
	a.server = httpkit.NewServer(handler, tlsConfig, a.o.Log)
	return nil
}

// keepFetches opens the cache of fetches, which commands beside the server must
// leave alone.
func (a *App) keepFetches() error {
	c := a.Config
	err := a.Git.KeepFetches(gitstore.FetchOptions{Dir: c.GitCache(), Bytes: int64(c.GitCacheSize), BundleDir: c.GitBundles(), BundleLeast: int64(c.GitBundleSize)})
	if err != nil {
		return err
	}
	a.onClose(func(context.Context) error { a.Git.CloseFetches(); return nil })
	return nil
}

// Start serves until Close. It returns once requests are answered.
func (a *App) Start(ctx context.Context) error {
	a.followKeys(ctx)
	if err := a.Change.Start(ctx); err != nil {
		return err
	}
	a.Tokens.Start(ctx)
	a.onClose(a.Tokens.Close)
	if err := a.Chain.Seal(ctx); err != nil { // takes in what was logged before there was a chain
		return err
	}
	a.background(ctx, a.Chain.Run)
	a.background(ctx, a.Ledger.Run)
	a.background(ctx, a.Signin.Run)
	a.stopUpkeep = a.background(ctx, a.Git.RunUpkeep)
	a.background(ctx, a.Files.Run)
	a.background(ctx, a.Releases.Run)
	a.background(ctx, a.Deliver.Run)
	a.background(ctx, a.Mail.Run)
	a.background(ctx, a.Scan.Run)
	a.background(ctx, a.Trusts.Run)
	if err := a.Lifecycle.Sweep(ctx); err != nil {
		return err
	}
	if err := a.Files.Sweep(ctx); err != nil {
		return err
	}
	if err := a.Releases.Sweep(ctx); err != nil {
		return err
	}
	if a.cert != nil {
		if err := a.cert.Start(ctx); err != nil {
			return err
		}
		a.onClose(func(context.Context) error { a.cert.Close(); return nil })
	}
	go func() {
		var err error
		if a.cert != nil {
			err = a.server.ServeTLS(a.listener, "", "")
		} else {
			err = a.server.Serve(a.listener)
		}
		a.served <- err
	}()
	return nil
}

// followKeys reads the server's keys again whenever a command has rotated them.
func (a *App) followKeys(ctx context.Context) {
	rotated := make(chan struct{}, 1)
	a.Change.Subscribe(func(c change.Change) {
		if c.Kind == change.KeysChanged || c.Kind == change.All {
			select {
			case rotated <- struct{}{}:
			default: // a reload is due already
			}
		}
	})
	a.background(ctx, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-rotated:
				if err := a.Keys.Reload(ctx); err != nil && ctx.Err() == nil {
					a.o.Log.ErrorContext(ctx, "the server's keys can't be read again", "err", err)
				}
			}
		}
	})
}

// background runs f until Close, which waits for it, or until stop.
func (a *App) background(ctx context.Context, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the caller's end is not the server's: Close is
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	a.onClose(func(context.Context) error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	return cancel
}

// Done delivers the error with which serving ended by itself.
func (a *App) Done() <-chan error { return a.served }

// URL is where people reach the server.
func (a *App) URL() string { return a.Config.URL }

// Address is where the server listens on this machine.
func (a *App) Address() string { return a.listener.Addr().String() }

// Authority returns the local certificate authority, if one is in use.
func (a *App) Authority() (cert.Authority, bool) {
	if a.cert == nil {
		return cert.Authority{}, false
	}
	return a.cert.Authority()
}

// Close drains and stops: whatever clones or pushes goes on for the configured
// time, maintenance stops, everything new is told to come back, then the
// connections end.
func (a *App) Close(ctx context.Context) error {
	a.draining.Store(true)
	a.stopUpkeep()
	drain, cancel := context.WithTimeout(ctx, a.Config.DrainTime)
	defer cancel()
	a.GitHTTP.Drain(drain)
	a.LFS.Drain(drain)
	stop, cancelStop := context.WithTimeout(ctx, a.Config.ShutdownTimeout)
	defer cancelStop()
	err := a.server.Shutdown(stop)
	if err != nil { // out of time: nothing may run on while the rooms close
		err = a.server.Close()
	}
	_ = a.listener.Close() // Shutdown closed it already, unless nothing was served
	return errors.Join(err, a.Core.Close(ctx))
}

func listenError(c config.Config, err error) error {
	return problem.Wrap(err, problem.Unavailable, "The server can't listen on "+c.Listen+".",
		"Stop the program that listens there, or choose another address with --listen.")
}

func openCert(c config.Config, o Options) (*cert.Source, error) {
	mode := map[config.TLSMode]cert.Mode{config.Local: cert.Local, config.Files: cert.Files, config.ACME: cert.ACME}[c.TLS]
	return cert.Open(cert.Options{Mode: mode, Dir: c.TLSDir(), Host: c.Host(), CertFile: c.TLSCert, KeyFile: c.TLSKey,
		Email: c.ACMEEmail, Directory: c.ACMEDirectory, RootsFile: c.ACMERoots, Listen: c.Listen, Log: o.Log, Now: o.Now})
}

// retryAfter is what a client is told while the server stops.
const retryAfter = 10 * time.Second
