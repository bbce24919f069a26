package mail

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/id"
	"jeton/internal/notice"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/token"
)

// question is what an owner of an organization is asked about a token, as it stands
// when the mail is written.
type question struct {
	token.Request
	of   string // the login of the account whose token it is
	in   string // that of the organization
	note notice.Notice
}

// questions leaves out, and finishes, what somebody answered meanwhile, or what is not
// the recipient's to answer any more; the others are read again: what was asked for may
// be less by now.
func (f *Flow) questions(ctx context.Context, list []notice.Notice) (good []notice.Notice, asked []question, err error) {
	numbers := make([]id.TokenRequest, len(list))
	for i := range list {
		numbers[i] = list[i].Detail.Request
	}
	waiting, err := f.o.Tokens.WaitingFor(ctx, f.o.DB, list[0].Account, numbers)
	if err != nil {
		return nil, nil, err
	}
	var moot []notice.Notice
	for _, n := range list {
		q, there := waiting[n.Detail.Request]
		if !there {
			moot = append(moot, n)
			continue
		}
		of, err := f.o.Accounts.Facts(ctx, f.o.DB, q.Token.Account)
		in := of
		if err == nil {
			in, err = f.o.Accounts.Facts(ctx, f.o.DB, q.Org)
		}
		switch {
		case problem.Is(err, problem.NotFound):
			moot = append(moot, n)
		case err != nil:
			return nil, nil, fmt.Errorf("look for who asks: %w", err)
		default:
			good, asked = append(good, n), append(asked, question{q, of.Login, in.Login, n})
		}
	}
	return good, asked, f.o.Notices.Finish(ctx, moot, notice.Moot, "not true any more")
}

// wordAsked writes the mail about tokens that wait for an owner's consent. What their
// makers wrote stands in lines of its own, and no line begins with it.
func (f *Flow) wordAsked(asked []question, to person) Mail {
	first := &asked[0]
	m := f.envelope(first.note, to.address)
	m.ID = fmt.Sprintf("notice-%d-%d@%s", first.note.ID, len(asked), f.name())
	one, rest := printable.Line(first.in, maxTitle), ""
	if slices.ContainsFunc(asked, func(q question) bool { return q.Org != first.Org }) {
		rest = " and elsewhere"
	}
	m.Subject = fmt.Sprintf(`%s asks for the token "%s" in %s`, printable.Line(first.of, maxTitle), printable.Line(first.Token.Note, maxTitle), one)
	if len(asked) > 1 {
		m.Subject = fmt.Sprintf("%d tokens wait for approval in %s%s", len(asked), one, rest)
	}
	var b strings.Builder
	paragraph(&b, "Hello "+printable.Line(to.login, maxTitle)+",")
	paragraph(&b, fmt.Sprintf("You own an organization on %s whose owners approve fine-grained tokens. Until one of you does, what is listed here reads nothing there but what is public:", f.host()))
	for i := range asked[:min(len(asked), listed)] {
		f.asks(&b, &asked[i])
	}
	if more := len(asked) - listed; more > 0 {
		paragraph(&b, fmt.Sprintf("And %d more.", more))
	}
	paragraph(&b, "The page shows for which repositories each is, and lets you approve or deny it. If you do not know what it is for, ask whose it is before you approve: by the token a program does what is listed here.")
	f.foot(&b)
	m.Text = b.String()
	return m
}

// asks writes what is asked about one token.
func (f *Flow) asks(b *strings.Builder, q *question) {
	t := &q.Token
	in := printable.Line(q.in, 64)
	fmt.Fprintf(b, "  %s (%s)\n", printable.Line(t.Note, 255), kindNames[t.Kind.String()])
	fact := func(name, value string) {
		lines := printable.Wrap(value, width-14)
		fmt.Fprintf(b, "  %-11s %s\n", name+":", strings.Join(lines, "\n"+strings.Repeat(" ", 14)))
	}
	fact("Of", printable.Line(q.of, 64))
	fact("In", in)
	fact("Asks for", orNothing(strings.ReplaceAll(t.Permissions.String(), ",", ", ")))
	switch t.Access {
	case token.AllOf:
		fact("Within", "all repositories of "+in)
	case token.Selected:
		fact("Within", count(len(t.Repos), "repository", "repositories")+" of "+in)
	default:
		fact("Within", "no repository, but what is public")
	}
	if q.Reason != "" {
		fact("Reason", printable.Line(q.Reason, 1024))
	}
	fact("Asked", q.CreatedAt.UTC().Format(moment))
	fact("Ends", until(t.ExpiresAt))
	fact("Decide at", f.o.URL+"/organizations/"+in+"/settings/personal-access-token-requests")
	b.WriteByte('\n')
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
