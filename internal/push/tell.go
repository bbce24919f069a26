package push

import (
	"context"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/hook"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// Of a push with more than these nobody is told: whoever mirrors a repository
// would start everything that listens thousands of times. GitHub's bounds are
// three tags, and 5,000 branches.
const (
	maxToldTags     = 3
	maxToldBranches = 500
)

// pushed is what webhooks are told of a ref; package deliver adds the commits.
type pushed struct {
	Ref    string    `json:"ref"`
	Before object.ID `json:"before"`
	After  object.ID `json:"after"`
}

// came is what they are told of a branch or tag that is new or gone.
type came struct {
	Ref          string  `json:"ref"`
	RefType      string  `json:"ref_type"`
	MasterBranch string  `json:"master_branch,omitempty"`
	Description  *string `json:"description,omitempty"`
	PusherType   string  `json:"pusher_type"`
}

// tell has the repository's webhooks told of what moved, if the transaction is
// committed.
func (f *Flow) tell(ctx context.Context, tx *db.Tx, r *repo.Repo, actor right.Actor, at time.Time, m gitstore.Moved) error {
	tags, branches := 0, 0
	for _, u := range m.Updates {
		if strings.HasPrefix(u.Name, "refs/tags/") {
			tags++
		} else {
			branches++
		}
	}
	head := strings.TrimPrefix(m.Head, "refs/heads/")
	if head == "" {
		head = r.DefaultBranch
	}
	for _, u := range m.Updates {
		kind, name := "branch", strings.TrimPrefix(u.Name, "refs/heads/")
		if strings.HasPrefix(u.Name, "refs/tags/") {
			kind, name = "tag", strings.TrimPrefix(u.Name, "refs/tags/")
		}
		if name == u.Name || kind == "tag" && tags > maxToldTags || kind == "branch" && branches > maxToldBranches {
			continue
		}
		if err := f.tellOne(ctx, tx, r, actor, at, u, came{Ref: name, RefType: kind, MasterBranch: head, PusherType: "user"}); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) tellOne(ctx context.Context, tx *db.Tx, r *repo.Repo, actor right.Actor, at time.Time, u wire.Update, c came) error {
	say := func(event string, body any) error {
		return f.o.Hooks.Emit(ctx, tx, hook.Deed{Event: event, Repo: r.ID, Actor: actor, At: at, Body: body})
	}
	size := max(len(u.Old), len(u.New))
	whole := func(id object.ID) object.ID { // GitHub writes nothing as zeros
		if id.IsZero() {
			return object.ID(strings.Repeat("0", size))
		}
		return id
	}
	switch {
	case u.Deletes():
		c.MasterBranch = ""
		if err := say("delete", c); err != nil {
			return err
		}
	case u.Old.IsZero():
		c.Description = &r.Description
		if err := say("create", c); err != nil {
			return err
		}
	}
	return say("push", pushed{Ref: u.Name, Before: whole(u.Old), After: whole(u.New)})
}
