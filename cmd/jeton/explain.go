package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"jeton/internal/app"
	"jeton/internal/client"
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const explainUsage = `Usage: jeton explain ACTION OWNER/REPO [REF] --host https://HOST [--from ADDRESS]
                     [--fingerprint F] [--json]
       jeton explain ACTION OWNER/REPO [REF] --token-id N [--from ADDRESS]
                     [--json] [--data DIR]

Say whether a token may do something, and why or why not. Each part of the
decision is told, with what would have to change. Ends with 0 if it is allowed and
with 1 if not. REF is a branch, or a full name as refs/tags/v1.

The first form asks a host, about the token that it reads from standard input; the
token is sent to the host alone and is not kept. The second one is for the
administrator of the machine, about any token: "jeton token list" shows the ids.

ACTION is read, fetch, push, admin, delete, create, create-public, or the name of
an action as the security log has it: hook.edit, status.write.

  --host URL       the host that is asked
  --token-id N     the token, by its id
  --from ADDRESS   as if it came from there
  --fingerprint F  trust the host's own certificate authority if it has this
                   fingerprint
`

// errAnsweredNo ends a command that has already said why.
var errAnsweredNo = errors.New("the answer is no")

func explain(c *call) error {
	host := c.flags.String("host", "", "")
	number := c.flags.String("token-id", "", "")
	from := c.flags.String("from", "", "")
	fingerprint := c.flags.String("fingerprint", "", "")
	if err := c.parse(1, 3); err != nil {
		return err
	}
	q := client.Asked{Action: c.args[0], From: *from}
	if len(c.args) > 1 {
		q.Repository = c.args[1]
	}
	if len(c.args) > 2 {
		q.Ref = c.args[2]
	}
	asked, err := gate.ParseQuestion(q.Action, q.Repository, q.Ref, q.From)
	if err != nil {
		return usageError(problem.Of(err).Public, "See \"jeton explain --help\".")
	}
	switch {
	case (*host == "") == (*number == ""):
		return usageError("name a host or a token", "Add --host https://HOST and give the token on standard input, or on the machine itself --token-id N.")
	case *host != "":
		return c.explainThere(*host, *fingerprint, q)
	}
	tid, ok := id.Parse[id.Token](*number)
	if !ok {
		return usageError("not a token's id: "+strconv.Quote(*number), "\"jeton token list\" shows the ids.")
	}
	return c.with(func(k *app.Core) error {
		s, err := k.Gate.SubjectTokenByID(c.ctx, tid)
		if err != nil {
			return err
		}
		operator := right.Operator()
		x, err := k.Gate.Explain(c.ctx, &operator, s, asked)
		if err != nil {
			return err
		}
		return c.explained(explanationOf(x, asked, q))
	})
}

// explainThere asks a host about the token on standard input.
func (c *call) explainThere(at, fingerprint string, q client.Asked) error {
	host, err := client.ParseHost(at)
	if err != nil {
		return err
	}
	k, err := c.client(false)
	if err != nil {
		return err
	}
	plain, err := c.token()
	if err != nil {
		return err
	}
	x, err := k.Explain(c.ctx, host, c.confirm(fingerprint), plain, q)
	if err != nil {
		return err
	}
	return c.explained(x)
}

// explanationOf is an explanation of this machine in the form of the API's.
func explanationOf(x gate.Explanation, asked gate.Question, q client.Asked) client.Explanation {
	out := client.Explanation{Allowed: x.Allowed, Action: asked.Action.String(), Repository: q.Repository, Ref: asked.Ref, Parts: []client.ExplanationPart{}, Notes: append([]string{}, x.Notes...)}
	if !x.Allowed {
		kind := x.Kind.String()
		out.Answer = &kind
	}
	for _, l := range x.Lines {
		out.Parts = append(out.Parts, client.ExplanationPart{Part: l.Part, Outcome: l.Outcome.String(), Says: l.Says, Remedy: l.Remedy, Decides: l.Decides})
	}
	return out
}

func (c *call) explained(x client.Explanation) error {
	err := c.print(x, func(w io.Writer) {
		verdict := "Allowed"
		if !x.Allowed {
			verdict = "Not allowed"
			if x.Answer != nil {
				verdict += " (" + printable.Line(*x.Answer, 40) + ")"
			}
		}
		_, _ = fmt.Fprintf(w, "%s: %s %s %s\n\n", verdict, printable.Line(x.Action, 80), printable.Line(x.Repository, 200), printable.Line(x.Ref, 200))
		for _, p := range x.Parts {
			mark := "–"
			switch p.Outcome {
			case right.Held.String():
				mark = "✓"
			case right.Failed.String():
				mark = "✗"
			}
			_, _ = fmt.Fprintf(w, "%s %s\n", mark, printable.Line(p.Says, 1000))
			arrow := "→"
			for line := range strings.Lines(p.Remedy) {
				_, _ = fmt.Fprintf(w, "  %s %s\n", arrow, printable.Line(strings.TrimRight(line, "\n"), 1000))
				arrow = " "
			}
		}
		for _, n := range x.Notes {
			_, _ = fmt.Fprintf(w, "! %s\n", printable.Line(n, 1000))
		}
	})
	if err == nil && !x.Allowed {
		err = errAnsweredNo
	}
	return err
}
