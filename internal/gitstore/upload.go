package gitstore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pour"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
)

// Upload is a fetch whose request was read and checked.
type Upload struct {
	Version wire.Version
	Want    *wire.Fetch
	Request io.Reader // the whole request, as the client sent it
	Out     io.Writer // flushed after each piece, if it can be
	Idle    bool      // nobody waits for it: at the lowest priority
}

// uploadConfig is what git upload-pack may do. It may serve any object by id,
// since CheckFetch has looked at every one; refs that are not for clients stay
// hidden from it; and of the filters only those that look at kind and size.
var uploadConfig = [...]string{
	"uploadpack.allowFilter", "true",
	"uploadpack.allowAnySHA1InWant", "true",
	"uploadpack.keepAlive", "5",
	"uploadpackfilter.allow", "false",
	"uploadpackfilter.blob:none.allow", "true",
	"uploadpackfilter.blob:limit.allow", "true",
	"uploadpackfilter.tree.allow", "true",
	"uploadpackfilter.object:type.allow", "true",
	"uploadpackfilter.combine.allow", "true",
	"transfer.hideRefs", "refs/",
	"transfer.hideRefs", "!refs/heads/",
	"transfer.hideRefs", "!refs/tags/",
	"transfer.hideRefs", "!refs/notes/",
	"transfer.advertiseSID", "false",
	// One fetch must not take all processors, nor more memory than it needs.
	"pack.threads", "1",
	"pack.windowMemory", "128m",
	"pack.deltaCacheSize", "64m",
	"core.bigFileThreshold", "128m",
}

// freshConfig is for packs that hold a part of the objects, of which most
// deltas in the repository are of no use: a shallow or partial clone. To look
// for new ones takes as much time as all the rest, and saves next to no bytes.
var freshConfig = [...]string{"pack.window", "0", "pack.compression", "1"}

func (u *Upload) config() []string {
	if w := u.Want; w != nil && w.Haves == 0 && (w.Deepens || w.Filter != "") {
		return slices.Concat(uploadConfig[:], freshConfig[:])
	}
	return uploadConfig[:]
}

// CheckFetch looks at everything that a request names: each wanted object must
// be reachable from a ref of refs, each named ref be one of them. The error is
// problem.Invalid in the words of git.
func (r *Repo) CheckFetch(ctx context.Context, refs *Refs, f *wire.Fetch) error {
	if refs.Part && len(f.DeepenNot) > 0 {
		// git looks for the name among all refs, and says so when two have it.
		return problem.New(problem.Invalid, "git upload-pack: deepen-not is not for a token that is limited to some branches and tags", "Fetch without --shallow-exclude.")
	}
	for _, name := range f.DeepenNot {
		if !resolves(refs, name) {
			return problem.Newf(problem.Invalid, "git upload-pack: ambiguous deepen-not: %s", shown(name))
		}
	}
	bad, err := r.Unreachable(ctx, refs, f.Wants)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return problem.Newf(problem.Invalid, "upload-pack: not our ref %s", bad[0])
	}
	return r.checkUnshallow(ctx, refs, f)
}

// checkUnshallow looks at the ends of a shallow history of which the client
// wants all that lies behind: git hands out the parents of each, whether a ref
// reaches it or not. With any smaller depth it walks from the wants alone, and
// an end whose branch was replaced does no harm.
func (r *Repo) checkUnshallow(ctx context.Context, refs *Refs, f *wire.Fetch) error {
	if !f.Unshallow {
		return nil
	}
	bad, err := r.Unreachable(ctx, refs, f.Shallow)
	if err != nil || len(bad) == 0 {
		return err
	}
	return problem.New(problem.Invalid, fmt.Sprintf("upload-pack: your shallow clone ends at %s, which no branch or tag here reaches any more", bad[0]),
		"Clone again, or fetch with --depth in place of --unshallow.")
}

// resolves reports whether git would find name among the visible refs alone.
func resolves(refs *Refs, name string) bool {
	if name == "HEAD" {
		return true
	}
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/"} {
		full := prefix + name
		if _, ok := refs.Get(full); ok && object.Visible(full) {
			return true
		}
	}
	return false
}

func shown(s string) string {
	q := fmt.Sprintf("%+q", s[:min(len(s), 200)])
	return q[1 : len(q)-1]
}

// FetchSlot waits a moment for one of the slots for fetches: git does not come
// again by itself.
func (s *Store) FetchSlot(ctx context.Context, who share.Who) (release func(), err error) {
	return s.fetches.Take(ctx, who, 30*time.Second)
}

// UploadPack answers a fetch. The caller has checked it by CheckFetch and holds
// a slot.
func (r *Repo) UploadPack(ctx context.Context, u Upload) error {
	ctx, cancel := context.WithTimeout(ctx, r.store.limits.FetchTime)
	defer cancel()
	if u.Want != nil && u.Want.Whole(u.Version) {
		return r.packWhole(ctx, u)
	}
	c := run.Command{
		Name:   "upload-pack",
		Flags:  []run.Flag{"--stateless-rpc", "--strict"},
		Args:   []string{"."},
		Config: u.config(),
		Stdin:  u.Request,
	}
	switch u.Version {
	case wire.V1:
		c.Env = []string{"GIT_PROTOCOL=version=1"}
	case wire.V2:
		c.Env = []string{"GIT_PROTOCOL=version=2"}
	}
	p, err := r.bare.Start(ctx, c)
	if err != nil {
		return err
	}
	pour.Widen(p.Stdout)
	p.Yield(u.Idle)
	if err := pour.Copy(u.Out, p.Stdout); err != nil {
		return p.Abandon(err)
	}
	return p.Wait()
}
