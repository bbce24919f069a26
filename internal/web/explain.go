package web

import (
	"net/url"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// explainForm asks what a token can do; its page has the answer, too.
type explainForm struct {
	Href            string // of the token
	Actions         []explainAction
	Repo, Ref, From string
}

// explainAction is one thing that can be asked about.
type explainAction struct {
	Word, Text string
	Selected   bool
}

// explainPage is the answer about one token.
type explainPage struct {
	Frame
	Explain explainForm
	Note    string
	Answer  *explainAnswer // nil while something is wrong with the question
}

// explainAnswer is what a door would answer, and why.
type explainAnswer struct {
	Allowed bool
	What    string
	Kind    string // of the refusal
	Parts   []explainPart
	Notes   []string
}

// explainPart is one part of a decision.
type explainPart struct {
	Class, Mark, Word string
	Says              string
	Remedy            string
	Command           string // a line of the remedy that is to be run
	Href              string // the page where something would have to change
	Decides           bool
}

func newExplainForm(href string, q url.Values) explainForm {
	f := explainForm{Href: href, Repo: line(cut(q.Get("repository"), 300)), Ref: line(cut(q.Get("ref"), 300)), From: line(cut(q.Get("from"), 60))}
	for _, w := range gate.Words() {
		f.Actions = append(f.Actions, explainAction{w.Word, w.Says, w.Word == q.Get("action")})
	}
	return f
}

// explainToken answers what one of the person's tokens can do.
func explainToken(k token.Kind) handler {
	return func(c *call) error {
		t, err := c.ownToken(k)
		if err != nil {
			return err
		}
		home, q := c.homeOf(k), c.r.URL.Query()
		p := &explainPage{Frame: home.frame("What can this token do?"), Note: line(t.Note), Explain: newExplainForm(home.of(t.ID, ""), q)}
		p.Crumbs = append(p.Crumbs, Link{Text: line(t.Note), Href: p.Explain.Href})
		if q.Get("action") == "" {
			return c.show("token-explain", p)
		}
		asked, err := gate.ParseQuestion(q.Get("action"), strings.TrimSpace(q.Get("repository")), strings.TrimSpace(q.Get("ref")), strings.TrimSpace(q.Get("from")))
		if err != nil {
			return c.again(err, "token-explain", p)
		}
		s, err := c.door.o.Gate.SubjectToken(c.ctx(), t)
		if err != nil {
			return err
		}
		x, err := c.door.o.Gate.Explain(c.ctx(), c.holder(), s, asked)
		if err != nil {
			return err
		}
		p.Answer = c.explainAnswer(x, asked)
		return c.show("token-explain", p)
	}
}

func (c *call) explainAnswer(x gate.Explanation, q gate.Question) *explainAnswer {
	a := &explainAnswer{Allowed: x.Allowed, Notes: x.Notes, What: q.Action.String()}
	if q.Name != "" {
		a.What += " " + line(q.Owner+"/"+q.Name)
	}
	if q.Ref != "" {
		a.What += " " + line(q.Ref)
	}
	switch x.Kind {
	case problem.Unauthenticated:
		a.Kind = "The token is refused (401)."
	case problem.NotFound:
		a.Kind = "It is answered as if it did not exist (404)."
	default:
		a.Kind = "It is refused (403)."
	}
	for _, l := range x.Lines {
		p := explainPart{Class: "none", Mark: "–", Word: "Not asked", Says: l.Says, Decides: l.Decides}
		switch l.Outcome {
		case right.Held:
			p.Class, p.Mark, p.Word = "held", "✓", "Holds"
		case right.Failed:
			p.Class, p.Mark, p.Word = "failed", "✗", "Fails"
		}
		p.Remedy, p.Href = l.Remedy, ""
		if before, command, ok := strings.Cut(l.Remedy, "\n  "); ok {
			p.Remedy, p.Command = before, command
		}
		if i := strings.LastIndex(p.Remedy, " "); i > 0 && strings.HasPrefix(p.Remedy[i+1:], c.door.o.Gate.URL("/")) {
			p.Remedy, p.Href = p.Remedy[:i], strings.TrimSuffix(p.Remedy[i+1:], ".")
		}
		a.Parts = append(a.Parts, p)
	}
	return a
}
