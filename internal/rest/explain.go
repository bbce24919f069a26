package rest

import (
	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// explainRoutes are about the token that is presented. GitHub has nothing like it.
func (d *Door) explainRoutes() []route {
	return []route{
		{get, "/user/token/explain", right.SelfRead, d.explain, "Explain what the presented token may do", doc{query: "action repository ref from", out: explanation{}}},
	}
}

// explanation is what a door would answer to the token, and why.
type explanation struct {
	Allowed    bool            `json:"allowed"`
	Answer     *string         `json:"answer"` // how it is refused: unauthenticated, forbidden or not found; null when it is allowed
	Action     string          `json:"action"`
	Repository string          `json:"repository"`
	Ref        string          `json:"ref"`
	Parts      []explainedPart `json:"parts"`
	Notes      []string        `json:"notes"`
}

// explainedPart is one part of the decision.
type explainedPart struct {
	Part    string `json:"part"`
	Outcome string `json:"outcome"` // held, failed, or not asked
	Says    string `json:"says"`
	Remedy  string `json:"remedy"` // what would have to change
	Decides bool   `json:"decides"`
}

func (d *Door) explain(c *call) (any, error) {
	q := c.r.URL.Query()
	asked, err := gate.ParseQuestion(q.Get("action"), q.Get("repository"), q.Get("ref"), q.Get("from"))
	if err != nil {
		return nil, err
	}
	if !c.actor.IsToken() {
		return nil, problem.New(problem.Forbidden, "This is about a token, and none was presented.", "Send a personal access token.")
	}
	if !asked.From.IsValid() {
		asked.From = event.From(c.ctx()).Address
	}
	x, err := d.o.Gate.Explain(c.ctx(), &c.actor, gate.Subject{Actor: c.actor}, asked)
	if err != nil {
		return nil, err
	}
	out := explanation{Allowed: x.Allowed, Action: asked.Action.String(), Repository: q.Get("repository"), Ref: asked.Ref, Parts: []explainedPart{}, Notes: append([]string{}, x.Notes...)}
	if !x.Allowed {
		kind := x.Kind.String()
		out.Answer = &kind
	}
	for _, l := range x.Lines {
		out.Parts = append(out.Parts, explainedPart{l.Part, l.Outcome.String(), l.Says, l.Remedy, l.Decides})
	}
	return out, nil
}
