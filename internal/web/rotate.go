package web

import (
	"time"

	"jeton/internal/problem"
	"jeton/internal/token"
)

// windows are for how long an old secret can be left to work, the second
// preselected.
var windows = [...]struct {
	value, text string
	of          time.Duration
}{
	{"1h", "1 hour", time.Hour},
	{"1d", "1 day", token.DefaultWindow},
	{"3d", "3 days", 3 * 24 * time.Hour},
	{"7d", "7 days", token.MaxWindow},
}

func (c *call) rotatePage(t *token.Token) *rotatePage {
	p := &rotatePage{regeneratePage: *c.regeneratePage(t), Closes: c.field("closes") != ""}
	h := c.homeOf(t.Kind)
	p.Frame = h.frame("Rotate "+h.noun, "expiry.js")
	chosen := c.field("window")
	if chosen == "" {
		chosen = windows[1].value
	}
	for _, w := range windows {
		p.Windows = append(p.Windows, levelOption{w.value, w.text, w.value == chosen})
	}
	return p
}

func rotateForm(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		p := c.rotatePage(&t)
		if err := c.limitExpiry(&p.Expiry, t.Owner); err != nil {
			return err
		}
		return c.show("token-rotate", p)
	}
}

func rotateToken(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		p := c.rotatePage(&t)
		n := token.Rotation{Closes: p.Closes}
		if n.ExpiresAt, err = c.expiry(&p.Expiry, t.Owner); err != nil {
			return c.again(err, "token-rotate", p)
		}
		for _, w := range windows {
			if w.value == c.field("window") {
				n.Window = w.of
			}
		}
		if n.Window == 0 {
			return c.again(problem.Field("window", "Choose one of the times."), "token-rotate", p)
		}
		done, err := c.door.o.Tokens.Rotate(c.ctx(), c.actor, c.holder().Account, t.ID, n)
		if err != nil {
			return c.again(err, "token-rotate", p)
		}
		return c.reveal(done.Token, done.Plain, false)
	}
}

func endOldSecret(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		if _, err := c.door.o.Tokens.EndOld(c.ctx(), c.actor, c.holder().Account, t.ID); err != nil {
			return err
		}
		return c.done("The old secret of "+line(t.Note)+" has ended.", c.homeOf(k).of(t.ID, ""))
	}
}

func unfreezeToken(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		_, err = c.door.o.Tokens.Unfreeze(c.ctx(), c.actor, c.holder().Account, t.ID)
		if problem.Is(err, problem.Conflict) {
			return c.done("The token "+line(t.Note)+" is not frozen.", c.homeOf(k).of(t.ID, ""))
		}
		if err != nil {
			return err
		}
		return c.done("The token "+line(t.Note)+" works again.", c.homeOf(k).of(t.ID, ""))
	}
}
