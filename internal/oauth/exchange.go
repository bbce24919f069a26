package oauth

import (
	"log/slog"
	"net/http"
	"strconv"

	"jeton/internal/event"
	"jeton/internal/exchange"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// TokenExchange is the grant type of RFC 8693.
const TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// The types of tokens that are exchanged, and of the one that is given.
const (
	typeID     = "urn:ietf:params:oauth:token-type:id_token"
	typeJWT    = "urn:ietf:params:oauth:token-type:jwt"
	typeAccess = "urn:ietf:params:oauth:token-type:access_token"
)

// exchange gives a machine a token for what another issuer says of it. No client
// proves anything here: the identity token does.
func (c *call) exchange() (answer, error) {
	wrong := func(text string) error {
		return problem.New(problem.Invalid, text, "")
	}
	switch in := &c.in; {
	case in.get("subject_token") == "":
		return nil, wrong("The subject_token is missing.")
	case in.get("subject_token_type") != typeID && in.get("subject_token_type") != typeJWT:
		return nil, wrong("The subject_token_type must be " + typeID + " or " + typeJWT + ".")
	case in.get("resource") == "":
		return nil, wrong("The resource is missing: the address of a repository or an organization here.")
	case in.get("actor_token") != "":
		return nil, wrong("An actor_token is not taken here.")
	case in.get("requested_token_type") != "" && in.get("requested_token_type") != typeAccess:
		return nil, wrong("The requested_token_type can be " + typeAccess + " alone.")
	}
	g, err := c.door.o.Exchange.Exchange(c.r.Context(), exchange.Request{Identity: secret.New(c.in.get("subject_token")), Resource: c.in.get("resource"), Scope: c.in.get("scope")})
	if err != nil {
		return nil, err
	}
	event.From(c.r.Context()).Add(slog.Int64("token", int64(g.Token.ID)))
	return answer{{"access_token", g.Plain}, {"issued_token_type", typeAccess}, {"token_type", "bearer"},
		{"expires_in", int(g.Token.ExpiresAt.Sub(c.door.o.Now()).Round(1e9).Seconds())}, {"scope", exchange.Scope(g.Token.Permissions)}}, nil
}

// refuseExchange answers a fault as RFC 6749 has it: nobody here expects GitHub's 200.
func (c *call) refuseExchange(f *exchange.Fault) error {
	event.From(c.r.Context()).Add(slog.String("fault", f.Code))
	status := http.StatusBadRequest
	if p := problem.Of(f); p.Kind == problem.Unavailable {
		status = http.StatusServiceUnavailable
		c.w.Header().Set("Retry-After", strconv.Itoa(p.After))
	}
	return write(c.w, c.r, status, answer{{"error", f.Code}, {"error_description", f.Description()}})
}
