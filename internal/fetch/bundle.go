package fetch

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// BundleFolder is the part of a bundle's address between the repository's and
// the name of the bundle.
const BundleFolder = "bundles"

// listBundles answers a bundle-uri. Whoever asks has been shown the refs, and
// hears of those bundles alone of which every ref is in their reach.
func (f *Flow) listBundles(ctx context.Context, r gate.Repo, refs *gitstore.Refs, w io.Writer) error {
	list, err := f.o.Git.Repo(r.ID).Bundles(ctx, refs)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return wire.InvalidCommand("bundle-uri") // it was not offered
	}
	urls, order := map[string]string{}, []string{}
	for _, b := range list[:1] {
		id := strings.TrimSuffix(b.Name, ".bundle")
		urls[id] = f.o.Gate.URL("/" + r.OwnerLogin + "/" + r.Name + ".git/" + BundleFolder + "/" + b.Name)
		order = append(order, id)
	}
	return wire.WriteBody(w, wire.Body{Plain: wire.AppendBundles(nil, urls, order)})
}

// Bundle opens a bundle for the actor, who must be able to read now every ref
// that it holds. It fails with problem.NotFound when there is none of that
// name, or not any more. The caller closes the file.
func (f *Flow) Bundle(ctx context.Context, actor *right.Actor, r gate.Repo, name string) (*os.File, time.Time, error) {
	refs, err := f.refs(ctx, actor, &r)
	if err != nil {
		return nil, time.Time{}, err
	}
	if actor.Grant.Limits.Counted() {
		return nil, time.Time{}, problem.New(problem.NotFound, "There are no bundles for this token.", "")
	}
	file, b, err := f.o.Git.Repo(r.ID).OpenBundle(ctx, refs, name)
	if err != nil {
		return nil, time.Time{}, err
	}
	return file, b.Made, nil
}
