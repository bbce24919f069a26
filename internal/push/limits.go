package push

import (
	"context"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/wire"
	"jeton/internal/printable"
)

// limited is the reason in brackets of a command that a limit of the token is
// against. The sentence stands before it, behind "remote: ".
const limited = "declined by the limits of the token"

// limit judges a command by what limits the token says of refs: all that shows
// before anything is read. What the client says of the old value may be wrong;
// then the ref does not move.
func (p *pushing) limit(i int) {
	l, u := p.actor.Grant.Limits, p.cmds.Updates[i]
	if l == nil {
		return
	}
	name := printable.Line(u.Name, 200)
	switch what := gate.RefLimit(l, u.Name); {
	case what != "":
		p.limitedBy(i, what)
	case u.Deletes() && (l.Forward || l.Create):
		p.limitedBy(i, "it deletes no branch or tag, and you asked it to delete "+name)
	case l.Create && !u.Old.IsZero():
		p.limitedBy(i, "it makes branches and tags and moves none that is there, as "+name)
	case l.Forward && moves(u) && strings.HasPrefix(u.Name, "refs/tags/"):
		// Whichever way a tag moves, what it named is gone.
		p.limitedBy(i, "it moves no tag that is there, as "+name)
	}
}

// limitForward judges those commands of which the objects must be there first.
func (p *pushing) limitForward(ctx context.Context, in *gitstore.Incoming) error {
	if l := p.actor.Grant.Limits; l == nil || !l.Forward {
		return nil
	}
	return p.eachForced(ctx, in, func(i int, u wire.Update) {
		p.limitedBy(i, "it moves branches forward only, and this push takes commits away from "+printable.Line(u.Name, 200))
	})
}

// limitPaths judges what the open commands change, by the files that the token is
// limited to. A branch or tag that is made of what is here changes none.
func (p *pushing) limitPaths(ctx context.Context, in *gitstore.Incoming, refs *gitstore.Refs) error {
	l := p.actor.Grant.Limits
	if !l.LimitPaths() {
		return nil
	}
	changes, err := in.Changes(ctx, refs, l.ChangePath)
	if err != nil {
		return err
	}
	for i, u := range p.cmds.Updates {
		if p.results[i].Reason != "" || u.Deletes() {
			continue
		}
		commit, err := changes.IsCommit(u.New)
		if err != nil {
			return err
		}
		if !commit { // it is in no folder, and can be brought into any
			p.limitedBy(i, "it is limited to some files, and "+printable.Line(u.Name, 200)+" would name no commit")
			continue
		}
		path, err := changes.Of(ctx, u)
		if err != nil {
			return err
		}
		if path != "" {
			p.limitedBy(i, "it is not for changing "+printable.Line(path, 200))
		}
	}
	return nil
}

// limitedBy refuses a command, which the token's holder is told in words.
func (p *pushing) limitedBy(i int, what string) {
	e := p.flow.o.Gate.Limited(p.actor, what)
	p.results[i].Reason = limited
	p.because(Denied, e)
	p.answer.tell(e.Public, e.Remedy)
}
