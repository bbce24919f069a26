package push

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// journaled is what the journal keeps of a push beside its refs, so that it can
// be recorded after a crash as if nothing had happened.
type journaled struct {
	At      time.Time            `json:"at"`
	Account id.Account           `json:"account"`
	Login   string               `json:"login"`
	Kind    right.CredentialKind `json:"kind"`
	Token   id.Token             `json:"token,omitempty"`
	Note    string               `json:"note,omitempty"`
	Node    string               `json:"node,omitempty"`
	Session id.Session           `json:"session,omitempty"`
	Address netip.Addr           `json:"address"`
	Client  string               `json:"client,omitempty"`
	Request string               `json:"request,omitempty"`
}

func (p *pushing) event(ctx context.Context) ([]byte, error) {
	ev := event.From(ctx)
	a := p.actor
	return json.Marshal(journaled{
		At: p.flow.o.Now(), Account: a.Account, Login: a.Login, Kind: a.Kind, Token: a.Token, Note: a.Note, Node: a.Node, Session: a.Sess,
		Address: ev.Address, Client: ev.Client, Request: ev.Request,
	})
}

// recovered records what a crash cut off, unless it had been recorded when the
// crash came.
func (f *Flow) recovered(ctx context.Context, repo id.Repo, m gitstore.Moved) error {
	return f.record(ctx, repo, m, true)
}

// record records that refs have moved: right after it, or, again, before the
// repository is served once more after a crash.
func (f *Flow) record(ctx context.Context, repo id.Repo, m gitstore.Moved, again bool) error {
	var j journaled
	if err := json.Unmarshal(m.Event, &j); err != nil {
		return fmt.Errorf("read the journal of a push: %w", err)
	}
	actor := right.Actor{Account: j.Account, Login: j.Login, Kind: j.Kind, Token: j.Token, Note: j.Note, Node: j.Node, Sess: j.Session}
	ctx = event.With(ctx, &event.Event{Request: j.Request, Address: j.Address, Client: j.Client, Start: j.At})
	size, err := f.o.Git.Repo(repo).Size()
	if err != nil {
		return err
	}
	err = f.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := f.o.Repos.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		entry := audit.Entry{
			At: j.At, Action: "git.push", Actor: actor, Account: r.Owner, Repo: repo, Target: r.FullName(), Detail: detail(m),
		}
		if again {
			if has, err := f.o.Audit.Has(ctx, tx, entry); err != nil || has {
				return err
			}
		}
		head := strings.TrimPrefix(m.Head, "refs/heads/")
		err = f.o.Repos.Pushed(ctx, tx, repo, j.At, head)
		if head != "" && problem.Is(err, problem.Invalid) {
			err = f.o.Repos.Pushed(ctx, tx, repo, j.At, "") // a name that the database does not take
		}
		if err != nil {
			return err
		}
		if err := f.o.Repos.SetSize(ctx, tx, repo, size>>10); err != nil {
			return err
		}
		if err := f.tell(ctx, tx, &r, actor, j.At, m); err != nil {
			return err
		}
		return f.o.Audit.Record(ctx, tx, entry)
	})
	if problem.Is(err, problem.NotFound) {
		return nil // the repository was deleted meanwhile
	}
	return err
}

// detail says what moved, the first refs in full.
func detail(m gitstore.Moved) map[string]string {
	const most, bytes = 8, 60
	out := map[string]string{"refs": strconv.Itoa(len(m.Updates))}
	for i, u := range m.Updates {
		if i == most {
			break
		}
		out[fmt.Sprintf("ref%d", i+1)] = fmt.Sprintf("%s %s→%s", printable.Line(u.Name, bytes), brief(u.Old), brief(u.New))
	}
	return out
}

func brief(id object.ID) string {
	if id.IsZero() {
		return "none"
	}
	return string(id[:12])
}
