package push

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/event"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/leak"
	"jeton/internal/printable"
	"jeton/internal/right"
)

// violations is the reason in brackets of a command that brings a secret.
const violations = "push declined due to repository rule violations"

// leaks refuses the commands that bring a live token of this host into the
// repository. What a ref reaches already is no news. A push without anything that
// looks like a token asks nobody anything.
func (p *pushing) leaks(ctx context.Context, in *gitstore.Incoming, refs *gitstore.Refs) error {
	tips := p.tips()
	if len(tips) == 0 {
		return nil
	}
	found, err := p.flow.o.Leaks.Live(ctx, &p.secrets)
	if err != nil || len(found) == 0 {
		return err
	}
	s := spilled{in: in, refs: refs, found: found}
	if err := s.locate(ctx, tips); err != nil {
		return err
	}
	if err := p.letPass(ctx, &s); err != nil || len(s.found) == 0 {
		return err
	}
	var bad []string
	for i, u := range p.cmds.Updates {
		if p.results[i].Reason != "" || u.Deletes() {
			continue
		}
		brings, err := s.brings(ctx, u.New, len(tips))
		if err != nil {
			return err
		}
		if brings {
			p.results[i].Reason = violations
			bad = append(bad, u.Name)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	p.because(Secret, secretDetected())
	if err := p.placeholders(ctx, &s); err != nil {
		return err
	}
	p.tellLeaks(bad, &s)
	return p.recordLeaks(ctx, &s)
}

// spilled are live tokens with what holds them in the push.
type spilled struct {
	in    *gitstore.Incoming
	refs  *gitstore.Refs
	found []leak.Finding
	paths map[object.ID]string         // of what the tips bring
	from  map[object.ID]gitstore.Place // where files came in
	allow map[string]string            // the address at which a token can be allowed, by its end
}

// locate finds which of the objects the push brings, and where.
func (s *spilled) locate(ctx context.Context, tips []object.ID) error {
	wanted := map[object.ID]bool{}
	for _, f := range s.found {
		for _, place := range f.Places {
			wanted[object.ID(place.Object)] = true
		}
	}
	var err error
	if s.paths, err = s.in.Brings(ctx, s.refs, tips, wanted); err != nil || len(s.paths) == 0 {
		return err
	}
	// A file that was here before may come again, where a client did not know.
	var ids []object.ID
	for one := range s.paths {
		ids = append(ids, one)
	}
	fresh, err := s.in.Fresh(ctx, s.refs, ids)
	if err != nil {
		return err
	}
	for one := range s.paths {
		if !slices.Contains(fresh, one) {
			delete(s.paths, one)
		}
	}
	files := map[object.ID]bool{}
	for one := range s.paths {
		files[one] = true
	}
	s.from, err = s.in.Origins(ctx, s.refs, tips, files)
	return err
}

// brings reports whether one tip brings any of them. Of very many tips each is
// held to bring what all do.
func (s *spilled) brings(ctx context.Context, tip object.ID, tips int) (bool, error) {
	if len(s.paths) == 0 || tips == 1 || tips > lookAtEach {
		return len(s.paths) > 0, nil
	}
	wanted := map[object.ID]bool{}
	for one := range s.paths {
		wanted[one] = true
	}
	brought, err := s.in.Brings(ctx, s.refs, []object.ID{tip}, wanted)
	return len(brought) > 0, err
}

// places are the places of a finding that the push brings.
func (s *spilled) places(f *leak.Finding) []leak.Place {
	return slices.DeleteFunc(slices.Clone(f.Places), func(at leak.Place) bool {
		_, brought := s.paths[object.ID(at.Object)]
		return !brought
	})
}

// where words a place as GitHub does: a file by commit and line, a message by
// the commit or tag that it is of.
func (s *spilled) where(at leak.Place) []string {
	one := object.ID(at.Object)
	from, ok := s.from[one]
	switch {
	case ok:
		return []string{"         - commit: " + string(from.Commit), fmt.Sprintf("           path: %s:%d", printable.Line(from.Path, 200), at.Line)}
	case object.Kind(at.Kind) == object.KindBlob: // a tag names it, or its tree
		return []string{"         - blob: " + at.Object, fmt.Sprintf("           path: %s:%d", printable.Line(s.paths[one], 200), at.Line)}
	}
	return []string{fmt.Sprintf("         - %s: %s", at.Kind, at.Object), fmt.Sprintf("           line %d of the %s itself", at.Line, at.Kind)}
}

const maxSpilled = 5 // tokens, and places of each, that are told

// tellLeaks speaks as GitHub's push protection does: tools and people know it.
func (p *pushing) tellLeaks(names []string, s *spilled) {
	say := p.answer.say
	for _, name := range names[:min(len(names), maxNamed)] {
		say("error: GH013: Repository rule violations found for " + printable.Line(name, 200) + ".")
	}
	say("", "- GITHUB PUSH PROTECTION",
		"  "+strings.Repeat("—", 41),
		"    Resolve the following violations before pushing again", "",
		"    - Push cannot contain secrets", "")
	told := 0
	for i := range s.found {
		f := &s.found[i]
		places := s.places(f)
		if len(places) == 0 {
			continue
		}
		if told++; told > maxSpilled {
			say("", "      More tokens were found. Resolve these first.")
			break
		}
		say("", "      —— Jeton "+f.Name()+" "+strings.Repeat("—", 24), "       locations:")
		for _, at := range places[:min(len(places), maxSpilled)] {
			say(s.where(at)...)
		}
		say("")
		p.remedy(f)
		if to := s.allow[f.LastEight]; to != "" {
			say("", "       (?) To push it nevertheless, follow this URL and say why:", "       "+to)
		}
	}
	say("", "       (?) Or remove the token from every commit that you push:",
		"       git commit --amend for the last one, git rebase -i for others.")
}

// remedy says how to be rid of a token. Whose it is, and what it is called, only
// its owner is told.
func (p *pushing) remedy(f *leak.Finding) {
	if f.Token.Account != p.actor.Account {
		p.answer.say("       (?) This is a live token of another account. To push, remove it;",
			"       its owner has been told in the security log.")
		return
	}
	whose := "Your token "
	if f.Token.App != "" {
		whose = "Your application's secret "
	}
	if f.Token.Node != "" {
		whose = "What was narrowed from your token "
	}
	p.answer.say("       (?) "+whose+printable.Line(fmt.Sprintf("%q", f.Token.Note), 120)+", which ends in "+f.LastEight+", is live:",
		"       whoever can read the repository could use it.",
		"       Delete it, then this push goes through:",
		"       "+p.flow.o.Gate.URL(f.Path()))
}

// recordLeaks tells the tokens' owners. Who else's push it was, and to which
// repository, they learn where they may see it.
func (p *pushing) recordLeaks(ctx context.Context, s *spilled) error {
	for i := range s.found {
		f := &s.found[i]
		if len(s.places(f)) == 0 {
			continue
		}
		e := audit.Entry{Action: "secret_scanning.push_blocked", Account: f.Token.Account, Target: f.Token.Note,
			Detail: map[string]string{"token": fmt.Sprint(int64(f.Token.Token))}}
		to := ctx
		own := f.Token.Account == p.actor.Account
		if own {
			e.Actor = *p.actor
		} else {
			e.Actor = right.Anonymous()
			to = event.With(ctx, &event.Event{}) // neither the address nor the program of somebody else
		}
		if own || !p.repo.Private || f.Token.Account == p.repo.Owner {
			e.Repo, e.Detail["repository"] = p.repo.ID, p.repo.FullName()
		}
		if err := p.flow.o.Audit.RecordAlone(to, e); err != nil {
			return err
		}
	}
	return nil
}
