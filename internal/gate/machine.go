package gate

import (
	"jeton/internal/account"
	"jeton/internal/right"
)

// Through is a machine as those who answer for it look through it: at what it may
// reach by whoever shares something with it, to make a token of it. It opens nothing
// by itself, and is never who does something.
func (g *Gate) Through(a *account.Account) right.Actor {
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}
