package rest

import (
	"time"

	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// rotateRoutes are Jeton's own: a personal token gives itself a new secret.
func (d *Door) rotateRoutes() []route {
	return []route{
		{post, "/user/token/rotate", right.TokenRotate, d.rotateToken, "Rotate the token that is presented (Jeton's own)", doc{in: rotateInput{}, out: rotatedToken{}}},
	}
}

// rotateInput is the body. Absent fields have their defaults.
type rotateInput struct {
	IdempotencyKey  string  `json:"idempotency_key"`
	Window          *int64  `json:"window"` // seconds
	CloseAtFirstUse bool    `json:"close_at_first_use"`
	ExpiresAt       *string `json:"expires_at"`
}

// rotatedToken is the one answer of the API that holds a token's secret beside those
// that applications get.
type rotatedToken struct {
	ID              int64   `json:"id"`
	Name            string  `json:"name"`
	Token           string  `json:"token"`
	TokenLastEight  string  `json:"token_last_eight"`
	ExpiresAt       *string `json:"expires_at"`
	OldEndsAt       string  `json:"old_token_ends_at"`
	CloseAtFirstUse bool    `json:"close_at_first_use"`
}

func (d *Door) rotateToken(c *call) (any, error) {
	var in rotateInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	key, err := token.ParseRequestKey(in.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	n := token.Rotation{Window: token.DefaultWindow, Closes: in.CloseAtFirstUse}
	if in.Window != nil {
		seconds := min(max(*in.Window, 0), int64(token.MaxWindow.Seconds())+1) // no number of seconds overflows
		n.Window = time.Duration(seconds) * time.Second
	}
	if in.ExpiresAt != nil {
		if n.ExpiresAt, err = time.Parse(time.RFC3339, *in.ExpiresAt); err != nil {
			return nil, problem.Field("expires_at", "expires_at must be a time as in RFC 3339")
		}
	}
	presented := gate.ParseAuthorization(c.r.Header.Values("Authorization"))
	done, err := d.o.Tokens.RotateItself(c.r.Context(), c.actor, presented.Plain(), key, n)
	if err != nil {
		return nil, err
	}
	t := &done.Token
	c.w.Header().Set("Cache-Control", "no-store")
	return rotatedToken{ID: int64(t.ID), Name: t.Note, Token: done.Plain.Reveal(), TokenLastEight: t.LastEight, ExpiresAt: stamp(t.ExpiresAt),
		OldEndsAt: *stamp(done.OldEndsAt), CloseAtFirstUse: done.Closes}, nil
}
