// Package scan is the flow that looks through what repositories hold already for
// tokens of this host: what was imported or forked, and what was there before
// anybody looked. What is pushed is looked at on its way, by package push. It works
// in the background, one repository at a time and git at the lowest priority,
// remembers what it has seen, and makes alerts. It must never keep what it finds.
package scan

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"jeton/internal/alert"
	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/id"
	"jeton/internal/leak"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/token"
)

// Options are what the flow needs. All but Log and Now are required.
type Options struct {
	DB     *db.DB
	Repos  *repo.Room
	Git    *gitstore.Store
	Leaks  *leak.Room
	Alerts *alert.Room
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
}

// Flow does the work.
type Flow struct{ o Options }

const (
	lookEvery = time.Minute
	perRepo   = time.Hour // that looking through one may take
	retry     = time.Hour // after a failure
	maxAsked  = 20_000    // texts of one repository that look like tokens and are asked about
	maxPlaces = 100       // of one token
	chunk     = 1 << 20   // bytes that are looked at together
)

// New returns the flow. It panics when a required part is missing.
func New(o Options) *Flow {
	if o.DB == nil || o.Repos == nil || o.Git == nil || o.Leaks == nil || o.Alerts == nil {
		panic("scan: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Flow{o: o}
}

// Run looks through what is due until ctx ends.
func (f *Flow) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.o.Alerts.Due():
		case <-tick.C:
		}
		if err := f.all(ctx); err != nil && ctx.Err() == nil {
			f.o.Log.WarnContext(ctx, "repositories are not looked through for tokens", "err", err)
		}
	}
}

func (f *Flow) all(ctx context.Context) error {
	for {
		next, err := f.o.Alerts.Next(ctx, f.o.DB)
		if err != nil || next == 0 {
			return err
		}
		if _, err := f.Repo(ctx, next); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !problem.Is(err, problem.NotFound) {
				f.o.Log.WarnContext(ctx, "a repository was not looked through for tokens", "repository", int64(next), "err", err)
			}
			if err := f.o.Alerts.Failed(ctx, next, retry); err != nil && !db.IsForeign(err) { // deleted meanwhile
				return err
			}
		}
	}
}

// Repo looks through a repository now: what came since the last time, or all of it.
// It returns how many tokens of this host it holds there.
func (f *Flow) Repo(ctx context.Context, in id.Repo) (int, error) {
	r, err := f.o.Repos.ByID(ctx, f.o.DB, in)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, perRepo)
	defer cancel()
	state, err := f.o.Alerts.State(ctx, f.o.DB, in)
	if err != nil {
		return 0, err
	}
	if state.Started.IsZero() {
		// A row, so that it is not taken up again if this fails.
		if err := f.o.Alerts.Failed(ctx, in, retry); err != nil {
			return 0, err
		}
	}
	now := alert.State{Kind: alert.Backfill, Started: f.o.Now()}
	var done []object.ID
	for _, tip := range state.Tips {
		done, now.Kind = append(done, object.ID(tip)), alert.Incremental
	}
	store := f.o.Git.Repo(in)
	tips, err := store.Tips(ctx)
	if err != nil {
		return 0, err
	}
	for _, tip := range tips {
		now.Tips = append(now.Tips, string(tip))
	}
	l := looking{flow: f, ctx: ctx, store: store, asked: map[string]*alert.Found{}}
	if err := store.LookThrough(ctx, tips, done, l.look); err != nil {
		return 0, err
	}
	found, err := l.locate()
	if err != nil {
		return 0, err
	}
	at := alert.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName(), Private: r.Private}
	for _, one := range found {
		if err := f.o.Alerts.Add(ctx, at, one); err != nil {
			return 0, err
		}
	}
	now.Done = f.o.Now()
	return len(found), f.o.Alerts.Scanned(ctx, in, now)
}

// looking is one look through a repository.
type looking struct {
	flow  *Flow
	ctx   context.Context
	store *gitstore.Repo
	asked map[string]*alert.Found // by the plain text, in memory alone; nil: it is no token of ours
	order []*alert.Found
}

// look goes through an object in parts, which overlap so that no token is torn.
func (l *looking) look(s gitstore.Seen, in io.Reader) error {
	buf := make([]byte, 0, int(min(s.Size, chunk))+token.Length)
	line, column := 1, 1 // of the first byte in buf
	for {
		n, err := io.ReadFull(in, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		keep := len(buf)
		if !last {
			keep = len(buf) - token.Length + 1 // a token that begins behind is found in the next part
		}
		if err := l.part(s, buf, keep, line, column); err != nil || last {
			return err
		}
		line, column = moved(buf[:keep], line, column)
		buf = buf[:copy(buf[:cap(buf)], buf[keep:])]
	}
}

// moved counts lines and columns on over text.
func moved(text []byte, line, column int) (int, int) {
	for _, c := range text {
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

// part looks at one part of an object: at what begins in its first keep bytes.
func (l *looking) part(s gitstore.Seen, data []byte, keep, line, column int) error {
	from := 0
	for c := range leak.Scan(data) {
		if c.Offset >= keep {
			break
		}
		line, column = moved(data[from:c.Offset], line, column)
		from = c.Offset
		found, asked := l.asked[c.Plain.Reveal()]
		if !asked {
			if len(l.asked) >= maxAsked {
				return problem.New(problem.TooLarge, "the repository holds more than 20000 texts that look like tokens", "")
			}
			f, live, known, err := l.flow.o.Leaks.Known(l.ctx, c.Plain)
			if err != nil {
				return err
			}
			if known {
				found = &alert.Found{Kind: f.Token.Kind, App: f.Token.App, Token: f.Token.Token, Owner: f.Token.Account, Note: f.Token.Note, LastEight: f.LastEight, Live: live}
				l.order = append(l.order, found)
			}
			l.asked[c.Plain.Reveal()] = found
		}
		if found != nil && len(found.Places) < maxPlaces {
			found.Places = append(found.Places, alert.Location{Kind: string(s.Kind), Object: string(s.ID), Path: s.Path, Line: line, Column: column})
		}
	}
	return nil
}

// locate finds the commits that brought the files.
func (l *looking) locate() ([]alert.Found, error) {
	origins := map[string]gitstore.Place{}
	var out []alert.Found
	for _, f := range l.order {
		for i := range f.Places {
			p := &f.Places[i]
			if object.Kind(p.Kind) != object.KindBlob {
				p.Commit, p.Path = p.Object, ""
				continue
			}
			from, known := origins[p.Object]
			if !known && len(origins) < maxPlaces {
				var err error
				if from, _, err = l.store.Origin(l.ctx, object.ID(p.Object)); err != nil && l.ctx.Err() != nil {
					return nil, err
				}
				origins[p.Object] = from
			}
			if from.Commit != "" {
				p.Commit, p.Path = string(from.Commit), from.Path
			}
		}
		out = append(out, *f)
	}
	return out, nil
}
