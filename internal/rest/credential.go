package rest

import (
	"fmt"
	"net/http"
	"time"

	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// credentialRoutes are for whoever found a token: it needs no credential.
func (d *Door) credentialRoutes() []route {
	return []route{
		{post, "/credentials/revoke", right.SiteVisit, d.revokeCredentials, "Revoke a list of credentials", doc{in: foundCredentials{}, out: accepted{}, code: http.StatusAccepted}},
	}
}

// foundCredentials is the body of those who hand tokens in.
type foundCredentials struct {
	Credentials []string `json:"credentials"`
}

// accepted is an answer without anything in it: whether a credential was one is
// told to nobody but its owner.
type accepted struct{}

// Bounds for what strangers hand in.
const (
	maxFound       = 1000
	reportsPerHour = 60 // from one network
)

// handedIn is what its owner reads in the security log.
const handedIn = "somebody who found it handed it in"

func (d *Door) revokeCredentials(c *call) (any, error) {
	ctx := c.r.Context()
	var in foundCredentials
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch n := len(in.Credentials); {
	case n == 0:
		return nil, problem.Field("credentials", "credentials can't be blank")
	case n > maxFound:
		return nil, problem.Field("credentials", fmt.Sprintf("credentials has %d values (maximum is %d)", n, maxFound))
	}
	if ok, after := d.o.Limit.Allow("credentials "+limit.Network(event.From(ctx).Address), limit.Rate{Count: reportsPerHour, Per: time.Hour}, 1); !ok {
		p := problem.New(problem.TooMany, "Too many reports came from your network.", "Send up to 1000 credentials in each.")
		p.After = int(after.Seconds()) + 1
		return nil, p
	}
	nobody := right.Anonymous()
	for _, one := range in.Credentials {
		plain := secret.New(one)
		if token.Parse(plain) != nil {
			continue // it opens nothing here
		}
		var err error
		if k, _ := token.KindOf(one); k.Personal() || k == token.OAuth {
			_, err = d.o.Tokens.Surrender(ctx, nobody, plain, handedIn)
		} else {
			_, err = d.o.Apps.Surrender(ctx, nobody, plain, handedIn)
		}
		if err != nil {
			return nil, err
		}
	}
	return accepted{}, nil
}
