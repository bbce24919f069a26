package gate

import (
	"context"
	"fmt"

	"jeton/internal/account"
	"jeton/internal/right"
)

// Through is a machine as those who answer for it look through it: at what it may
// reach by whoever shares something with it, to make a token of it. It opens nothing
// by itself, and is never who does something.
func (g *Gate) Through(a *account.Account) right.Actor {
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
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
