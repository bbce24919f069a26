package carry

import (
	"context"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/foreign"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

// oldNames lets names lead here to what they led to there, so that clones of what was
// renamed go on working. What has such a name here keeps it.
func (b *bringer) oldNames(ctx context.Context) error {
	for _, o := range b.p.World.Old {
		var err error
		if o.Owner == 0 {
			err = b.oldLogin(ctx, o)
		} else {
			err = b.oldName(ctx, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bringer) oldLogin(ctx context.Context, o foreign.Old) error {
	to, here := b.accounts[o.To]
	if !here {
		return nil
	}
	return b.lead(ctx, o, o.Name, b.logins[o.To], account.CheckLogin(o.Name), func() error {
		return b.o.Account.LeadHere(ctx, o.Name, to)
	})
}

func (b *bringer) oldName(ctx context.Context, o foreign.Old) error {
	to, here := b.repos[o.To]
	owner, known := b.accounts[o.Owner]
	if !here || !known {
		return nil
	}
	return b.lead(ctx, o, b.logins[o.Owner]+"/"+o.Name, b.names[o.To], repo.CheckName(o.Name), func() error {
		return b.o.Repo.LeadHere(ctx, owner, o.Name, to)
	})
}

// lead lets a name lead to another, unless that was done before. One that can't be is no
// reason to stop anybody: what it led to is here.
func (b *bringer) lead(ctx context.Context, o foreign.Old, name, to string, bad error, do func() error) error {
	t := b.thing(ofOld, time.Time{}, o.Owner, o.To)
	t.Theirs += "/" + o.Name
	_, there, err := b.find(ctx, t)
	if err != nil {
		return err
	}
	if there {
		b.tell(ofOld, name, There)
		return nil
	}
	if bad == nil && b.planned[strings.ToLower(name)] {
		bad = problem.New(problem.Invalid, "it is the name of something else that would be made", "")
	}
	if bad == nil && !b.p.Dry {
		bad = do()
	}
	if problem.Is(bad, problem.Invalid) {
		b.tell(ofOld, name, Skipped, "it can't lead to "+to+" here", words(problem.Of(bad)))
		return nil
	}
	if bad != nil {
		return bad
	}
	if err := b.note(ctx, t, 0); err != nil {
		return err
	}
	b.tell(ofOld, name, Made, "it leads to "+to)
	return nil
}
