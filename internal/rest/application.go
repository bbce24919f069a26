package rest

import (
	"crypto/sha256"
	"encoding/hex"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// applicationRoutes are for applications, about the tokens that they were given.
func (d *Door) applicationRoutes() []route {
	const path = "/applications/{client_id}"
	return []route{
		{post, path + "/token", right.AppTokens, d.checkToken, "Check a token", doc{in: accessToken{}, out: authorization{}}},
		{patch, path + "/token", right.AppTokens, d.resetToken, "Reset a token", doc{in: accessToken{}, out: authorization{}}},
		{del, path + "/token", right.AppTokens, d.deleteAppToken, "Delete an app token", doc{in: accessToken{}}},
		{post, path + "/token/scoped", right.AppTokens, d.scopeToken, "Create a scoped access token", doc{in: scopedInput{}, out: scopedAuthorization{}}},
		{del, path + "/grant", right.AppTokens, d.deleteAppGrant, "Delete an app authorization", doc{in: accessToken{}}},
	}
}

// accessToken is the body that names a token by itself.
type accessToken struct {
	AccessToken string `json:"access_token"`
}

// authorizationApp is the application of an authorization.
type authorizationApp struct {
	ClientID string `json:"client_id"`
	Name     string `json:"name"`
	URL      string `json:"url"`
}

// authorization is a token of an application. Token holds what the caller sent,
// or the new secret that they asked for.
type authorization struct {
	ID             int64            `json:"id"`
	URL            string           `json:"url"`
	Scopes         []string         `json:"scopes"`
	Token          string           `json:"token"`
	TokenLastEight *string          `json:"token_last_eight"`
	HashedToken    *string          `json:"hashed_token"`
	App            authorizationApp `json:"app"`
	Note           *string          `json:"note"`
	NoteURL        *string          `json:"note_url"`
	UpdatedAt      string           `json:"updated_at"`
	CreatedAt      string           `json:"created_at"`
	Fingerprint    *string          `json:"fingerprint"`
	ExpiresAt      *string          `json:"expires_at"`
	User           *simpleUser      `json:"user"`
}

// appToken reads the token that the body names. The application in the path
// must be the one that asks.
func (c *call) appToken() (secret.Value, error) {
	if c.r.PathValue("client_id") != c.actor.App {
		return secret.Value{}, errNotFound
	}
	var in accessToken
	if err := c.decode(&in); err != nil {
		return secret.Value{}, err
	}
	if in.AccessToken == "" {
		return secret.Value{}, problem.Field("access_token", "access_token can't be blank")
	}
	return secret.New(in.AccessToken), nil
}

func (c *call) authorization(t token.Token, plain secret.Value) (authorization, error) {
	a, err := c.door.o.Apps.ByClientID(c.r.Context(), t.App)
	if err != nil {
		return authorization{}, err
	}
	who, err := c.door.o.Accounts.ByID(c.r.Context(), c.door.o.DB, t.Account)
	if err != nil {
		return authorization{}, err
	}
	u := c.simpleUser(int64(who.ID), who.Login, who.SiteAdmin)
	sum := sha256.Sum256([]byte(plain.Reveal()))
	hashed := hex.EncodeToString(sum[:])
	created := *stamp(t.CreatedAt)
	return authorization{
		ID: int64(t.ID), URL: c.url("/authorizations/" + id.Text(t.ID)), Scopes: t.Scopes.Names(), Token: plain.Reveal(),
		TokenLastEight: &t.LastEight, HashedToken: &hashed, App: authorizationApp{a.ClientID, a.Name, a.Homepage},
		CreatedAt: created, UpdatedAt: created, ExpiresAt: stamp(t.ExpiresAt), User: &u,
	}, nil
}

func (d *Door) checkToken(c *call) (any, error) {
	plain, err := c.appToken()
	if err != nil {
		return nil, err
	}
	t, err := d.o.Apps.Check(c.r.Context(), c.actor.App, plain)
	if err != nil {
		return nil, err
	}
	return c.authorization(t, plain)
}

func (d *Door) resetToken(c *call) (any, error) {
	plain, err := c.appToken()
	if err != nil {
		return nil, err
	}
	t, fresh, err := d.o.Apps.Reset(c.r.Context(), c.actor, plain)
	if err != nil {
		return nil, err
	}
	return c.authorization(t, fresh)
}

func (d *Door) deleteAppToken(c *call) (any, error) {
	plain, err := c.appToken()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Apps.End(c.r.Context(), c.actor, plain)
}

func (d *Door) deleteAppGrant(c *call) (any, error) {
	plain, err := c.appToken()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Apps.EndGrant(c.r.Context(), c.actor, plain)
}
