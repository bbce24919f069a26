package push

import (
	"context"
	"slices"

	"jeton/internal/alert"
	"jeton/internal/gitstore/object"
	"jeton/internal/leak"
)

func (p *pushing) alertPlace() alert.Place {
	return alert.Place{Repo: p.repo.ID, Owner: p.repo.Owner, Name: p.repo.FullName(), Private: p.repo.Private}
}

// found is a finding as alerts have it, with the places that the push brings.
func (s *spilled) asAlert(f *leak.Finding) alert.Found {
	out := alert.Found{Kind: f.Token.Kind, App: f.Token.App, Token: f.Token.Token, Owner: f.Token.Account, Note: f.Token.Note, LastEight: f.LastEight, Live: true}
	for _, at := range s.places(f) {
		one := alert.Location{Kind: at.Kind, Object: at.Object, Path: s.paths[object.ID(at.Object)], Line: at.Line, Column: at.Column}
		if from, ok := s.from[object.ID(at.Object)]; ok {
			one.Commit, one.Path = string(from.Commit), from.Path
		} else if object.Kind(at.Kind) == object.KindCommit {
			one.Commit, one.Path = at.Object, ""
		}
		out.Places = append(out.Places, one)
	}
	return out
}

// letPass takes the tokens out of the findings that may be pushed: the repository
// has an alert about them already, or their sender said why.
func (p *pushing) letPass(ctx context.Context, s *spilled) error {
	var brought []alert.Found
	for i := range s.found {
		if one := s.asAlert(&s.found[i]); len(one.Places) > 0 {
			brought = append(brought, one)
		}
	}
	left, err := p.flow.o.Alerts.Pass(ctx, *p.actor, p.alertPlace(), brought)
	if err != nil || len(left) == len(brought) {
		return err
	}
	s.found = slices.DeleteFunc(s.found, func(f leak.Finding) bool {
		return !slices.ContainsFunc(left, func(one alert.Found) bool {
			return one.Kind == f.Token.Kind && one.Token == f.Token.Token && one.LastEight == f.LastEight
		})
	})
	// What only these brought is no reason to refuse a ref any more.
	kept := map[object.ID]bool{}
	for _, f := range s.found {
		for _, at := range f.Places {
			kept[object.ID(at.Object)] = true
		}
	}
	for one := range s.paths {
		if !kept[one] {
			delete(s.paths, one)
		}
	}
	return nil
}

// placeholders makes the addresses at which the sender can say why a token shall
// be pushed.
func (p *pushing) placeholders(ctx context.Context, s *spilled) error {
	var told []alert.Found
	for i := range s.found {
		if one := s.asAlert(&s.found[i]); len(one.Places) > 0 && len(told) < maxSpilled {
			told = append(told, one)
		}
	}
	names, err := p.flow.o.Alerts.Refused(ctx, p.repo.ID, p.actor.Account, told)
	if err != nil {
		return err
	}
	s.allow = map[string]string{}
	for i, one := range told {
		s.allow[one.LastEight] = p.flow.o.Gate.URL("/" + p.repo.FullName() + "/security/secret-scanning/unblock-secret/" + names[i])
	}
	return nil
}
