package web

import (
	"jeton/internal/application"
	"jeton/internal/event"
	"jeton/internal/problem"
)

// deviceForm asks for the code that a device shows. It is typed, never taken
// from a link: who follows a link from somebody else must notice.
func deviceForm(c *call) error { return c.show("device", c.devicePage()) }

func (c *call) devicePage() *devicePage {
	return &devicePage{Frame: Frame{Title: "Sign in a device"}, Code: cut(c.field("user_code"), 20)}
}

// confirmDevice shows which program asks, from where, and for what.
func confirmDevice(c *call) error {
	q, err := c.door.o.Apps.Waiting(c.ctx(), &c.actor, c.field("user_code"))
	if problem.Is(err, problem.NotFound) {
		return c.seeOther("/login/device/failure?reason=not_found")
	}
	if err != nil {
		return c.again(err, "device", c.devicePage())
	}
	p := &deviceConfirmPage{Frame: Frame{Title: "Authorize " + line(q.App.Name)}, App: appWords(q.App), Scopes: scopeWords(q.Scopes), Code: application.ShownCode(cut(c.field("user_code"), 20)),
		Address: q.Address, Client: line(q.Client), Asked: q.CreatedAt, SameAddress: q.Address != "" && q.Address == event.From(c.ctx()).Address.Unmap().WithZone("").String()}
	if p.App.Owner, err = c.ownerOf(q.App); err != nil {
		return err
	}
	return c.show("device-confirm", p)
}

func decideDevice(c *call) error {
	allow := c.field("decision") == "authorize"
	err := c.door.o.Apps.Decide(c.ctx(), c.actor, c.field("user_code"), allow)
	switch {
	case problem.Is(err, problem.Conflict), problem.Is(err, problem.NotFound), problem.Is(err, problem.Invalid):
		return c.seeOther("/login/device/failure?reason=not_found")
	case err != nil:
		return err
	case !allow:
		return c.seeOther("/login/device/failure?reason=access_denied")
	}
	return c.seeOther("/login/device/success")
}

func deviceSuccess(c *call) error {
	return c.show("device-done", &deviceDonePage{Frame: Frame{Title: "Your device is connected"}, Good: true,
		Text: "The program on your device goes on by itself within a few seconds. You can close this page."})
}

func deviceFailure(c *call) error {
	text := "The code was used already, or its time is over. Start the program on your device anew, and type the new code."
	if c.r.URL.Query().Get("reason") == "access_denied" {
		text = "You refused. The program on your device got no access."
	}
	return c.show("device-done", &deviceDonePage{Frame: Frame{Title: "The device was not connected"}, Text: text})
}
