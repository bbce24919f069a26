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
		lead := b.oldName
		if o.Owner == 0 {
			lead = b.oldLogin
		}
		if err := lead(ctx, o); err != nil {
			return err
		}
	}
	for _, p := range b.p.World.People {
		if err := b.renamed(ctx, p.Login, p.ID); err != nil {
			return err
		}
	}
	for _, o := range b.p.World.Orgs {
		if err := b.renamed(ctx, o.Login, o.ID); err != nil {
			return err
		}
	}
	return nil
}

// renamed lets the login of there lead to an account that was given another one here.
func (b *bringer) renamed(ctx context.Context, login string, theirs int64) error {
	if strings.EqualFold(b.loginFor(login), login) {
		return nil
	}
	return b.oldLogin(ctx, foreign.Old{Name: login, To: theirs})
}

func (b *bringer) oldLogin(ctx context.Context, o foreign.Old) error {
	to, here := b.accounts[o.To]
	if !here {
		return nil
	}
	bad := account.CheckOld(o.Name)
	if bad == nil && b.p.Dry {
		_, err := b.o.Account.ByLogin(ctx, b.o.DB, o.Name)
		if err == nil {
			bad = problem.Field("login", "Username "+o.Name+" is not available")
		} else if !problem.Is(err, problem.NotFound) {
			return err
		}
	}
	return b.lead(ctx, o, o.Name, b.logins[o.To], bad, func() error {
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
