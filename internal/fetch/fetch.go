// Package fetch is the flow of what an actor may read of a repository: which
// refs are shown, which objects may be asked for. The gate has allowed the
// actor to read the repository before anything here runs. What a request asks
// for is looked at here, each time anew, before the answer is taken from those
// that are kept or made by git. It must never send what it has not looked at.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/wire"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Options are what the flow needs; both are required.
type Options struct {
	Gate *gate.Gate
	Git  *gitstore.Store
}

// Flow does the work.
type Flow struct{ o Options }

// New makes the flow.
func New(o Options) *Flow {
	if o.Gate == nil || o.Git == nil {
		panic("fetch: New without a required option")
	}
	return &Flow{o: o}
}

// Advertise writes the answer to info/refs for git-upload-pack. protocol is the
// value of the Git-Protocol header. Nothing is written before an error.
func (f *Flow) Advertise(ctx context.Context, actor *right.Actor, r gate.Repo, protocol string, w io.Writer) error {
	a, err := f.refs(ctx, actor, &r)
	if err != nil {
		return err
	}
	if err := f.o.Gate.Meter(actor).Check(ctx); err != nil {
		return err
	}
	var offer wire.Offer
	v := wire.ParseVersion(protocol)
	if v == wire.V2 {
		bundles, err := f.o.Git.Repo(r.ID).Bundles(ctx, a)
		if err != nil {
			return err
		}
		offer.BundleURI = len(bundles) > 0 && !actor.Grant.Limits.Counted()
	}
	offer.Counted = actor.Grant.Limits.Counted()
	return wire.WriteBody(w, a.Upload(v, offer))
}

// refs asks the gate once more, where the refs are read: nothing in this flow
// shows a repository that it did not ask about.
func (f *Flow) refs(ctx context.Context, actor *right.Actor, r *gate.Repo) (*gitstore.Refs, error) {
	if err := f.o.Gate.CheckRepo(actor, right.RepoFetch, r); err != nil {
		return nil, err
	}
	return f.o.Git.Repo(r.ID).Sight(actor.Grant.Limits.Sight()).Refs(ctx)
}

// Lease is for how long a request may go on.
type Lease interface {
	// Still asks again what let the request in, if anything has changed since.
	Still() error
	// Long returns a context that ends when the request is no longer allowed.
	Long() context.Context
}

// Serve answers the POST of git-upload-pack, within ctx; what takes long, as long
// as the lease holds. A refusal is written as git's ERR
// line, since git shows the body of no other answer here; what is returned as
// an error before the first byte is a failure of the server.
func (f *Flow) Serve(ctx context.Context, actor *right.Actor, r gate.Repo, protocol string, in io.Reader, w io.Writer, lease Lease) error {
	refs, err := f.refs(ctx, actor, &r)
	if err != nil {
		return err
	}
	meter := f.o.Gate.Meter(actor)
	if err = meter.Check(ctx); err == nil {
		err = f.serve(ctx, actor, meter, r, refs, wire.ParseVersion(protocol), in, w, lease)
	}
	meter.Close(ctx)
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Public == "" || p.Kind == problem.Internal || p.Kind == problem.Unauthenticated {
		return err // who may sign in is asked to by the status
	}
	text := p.Public
	if p.Remedy != "" {
		text += "\n" + p.Remedy
	}
	_, err = w.Write(pktline.AppendError(nil, text))
	return err
}

// whose says whose share a fetch takes.
func whose(ctx context.Context, actor *right.Actor) gitstore.Who {
	if actor.IsAnonymous() {
		return gitstore.Who{Network: limit.Network(event.From(ctx).Address)}
	}
	return gitstore.Who{Account: actor.Account}
}

func (f *Flow) serve(ctx context.Context, actor *right.Actor, meter *gate.Meter, r gate.Repo, refs *gitstore.Refs, v wire.Version, in io.Reader, w io.Writer, lease Lease) error {
	repo, who := f.o.Git.Repo(r.ID), whose(ctx, actor)
	spool, err := f.o.Git.Spool(ctx, who, in)
	if err != nil {
		return err
	}
	defer func() { _ = spool.Close() }()
	request, err := spool.Reader()
	if err != nil {
		return err
	}
	bundles := func() error {
		if meter != nil {
			return wire.InvalidCommand("bundle-uri") // it is not offered: whoever takes one has used nothing
		}
		return f.listBundles(ctx, r, refs, w)
	}
	want, info, err := read(request, refs, v, w, bundles)
	if err != nil || want == nil && info == nil {
		return err
	}
	ctx = lease.Long()
	if info != nil {
		release, err := f.o.Git.FetchSlot(ctx, who)
		if err != nil {
			return problem.Ended(ctx, err)
		}
		defer release()
		return problem.Ended(ctx, objectInfo(ctx, repo, refs, info, w))
	}
	out := &once{w: w}
	ask := gitstore.Fetch{Who: who, Refs: refs, Version: v, Want: want, Request: spool, Out: out}
	if meter != nil {
		out.w = meter.Writer(ctx, w)
		ask.Before = func() error { return meter.Use(ctx) }
	}
	out.w = f.nagging(actor, want, v, out.w)
	err = problem.Ended(ctx, repo.Fetch(ctx, ask))
	if err != nil && out.began {
		// No ERR line now: the door cuts the connection, so that half a pack
		// does not look whole.
		return fmt.Errorf("fetch ended early: %s", err.Error())
	}
	return err
}

// read reads the request. An ls-refs is answered at once; nothing is returned
// when nothing is left to do.
func read(r io.Reader, refs *gitstore.Refs, v wire.Version, w io.Writer, bundles func() error) (*wire.Fetch, *wire.ObjectInfo, error) {
	if v != wire.V2 {
		want, err := wire.ReadV0(r, refs.Format)
		if err != nil || len(want.Wants) == 0 {
			return nil, nil, err
		}
		return &want, nil, nil
	}
	c, err := wire.ReadV2(r, refs.Format)
	switch {
	case err != nil:
		return nil, nil, err
	case c.LsRefs != nil:
		return nil, nil, wire.WriteBody(w, refs.LsRefs(c.LsRefs))
	case c.BundleURI:
		return nil, nil, bundles()
	}
	return c.Fetch, c.ObjectInfo, nil
}

// objectInfo answers an object-info. An object out of the actor's reach is
// spoken of as one that does not exist.
func objectInfo(ctx context.Context, repo *gitstore.Repo, refs *gitstore.Refs, q *wire.ObjectInfo, w io.Writer) error {
	var sizes map[object.ID]int64
	if q.Size && len(q.IDs) > 0 {
		var err error
		if sizes, err = repo.Sizes(ctx, refs, q.IDs); err != nil {
			return err
		}
	}
	return wire.WriteBody(w, wire.Body{Plain: wire.AppendObjectInfo(nil, q, sizes)})
}

// once notes whether anything was written.
type once struct {
	w     io.Writer
	began bool
}

// Write implements io.Writer.
func (o *once) Write(b []byte) (int, error) {
	o.began = true
	return o.w.Write(b)
}

// ReadFrom implements io.ReaderFrom: a file goes out without passing through
// here.
func (o *once) ReadFrom(r io.Reader) (int64, error) {
	o.began = true
	return io.Copy(o.w, r)
}

// SetSize says how much will be written in all.
func (o *once) SetSize(n int64) {
	if s, ok := o.w.(interface{ SetSize(int64) }); ok && !o.began {
		s.SetSize(n)
	}
}

// Began reports whether anything was written.
func (o *once) Began() bool { return o.began }

// Flush sends what was written so far.
func (o *once) Flush() {
	if f, ok := o.w.(interface{ Flush() }); ok {
		f.Flush()
	}
}
