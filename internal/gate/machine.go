package gate

import (
	"context"
	"fmt"

	"jeton/internal/account"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Through is a machine as those who answer for it look through it: at what it may
// reach by whoever shares something with it, to make a token of it. It opens nothing
// by itself, and is never who does something.
func (g *Gate) Through(a *account.Account) right.Actor {
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}

// MachineOf returns the hidden account of a repository by its login, to whoever may
// read the repository, or problem.NotFound. It is for those who look at it: nothing is
// ever given to it by that name.
func (g *Gate) MachineOf(ctx context.Context, actor *right.Actor, login string) (account.Account, Repo, error) {
	place, ok := account.PlaceOf(login)
	if !ok {
		return account.Account{}, Repo{}, problem.New(problem.NotFound, "There is no such user.", "")
	}
	r, err := g.RepoByID(ctx, actor, right.RepoRead, place)
	if err != nil {
		return account.Account{}, Repo{}, err
	}
	a, err := g.o.Accounts.OfPlace(ctx, g.o.DB, place)
	return a, r, err
}

// confine takes what is public out of the reach of a repository's own machine where
// visitors see none of it: it is let in to that repository, and not to the site.
func (g *Gate) confine(ctx context.Context, a *right.Actor) error {
	if !g.o.Closed || a.Grant.Reach == nil || a.Kind != right.DeployToken && a.Kind != right.ExchangedToken {
		return nil
	}
	f, err := g.o.Accounts.Facts(ctx, g.o.DB, a.Account)
	if err != nil {
		return fmt.Errorf("read account: %w", err)
	}
	if f.Hidden {
		reach := *a.Grant.Reach // others may have the same
		reach.Beyond = false
		a.Grant.Reach = &reach
	}
	return nil
}
