package mail

import (
	"context"
	"fmt"
	"strings"

	"jeton/internal/account"
	"jeton/internal/notice"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// confirmations sends the mails by which addresses of one account are confirmed: each
// to its address, and none whose link is worthless meanwhile.
func (f *Flow) confirmations(ctx context.Context, list []notice.Notice) error {
	facts, err := f.o.Accounts.Facts(ctx, f.o.DB, list[0].Account)
	if problem.Is(err, problem.NotFound) {
		return f.o.Notices.Finish(ctx, list, notice.Moot, "the account was deleted")
	}
	if err != nil {
		return fmt.Errorf("look for a recipient: %w", err)
	}
	if facts.Suspended {
		return f.o.Notices.Finish(ctx, list, notice.Moot, "the account is suspended")
	}
	all, err := f.o.Accounts.ListEmails(ctx, f.o.DB, list[0].Account)
	if err != nil {
		return err
	}
	good := map[string]account.Email{}
	for _, e := range all {
		if !e.Verified && !e.ConfirmAt.IsZero() && f.o.Now().Before(e.ConfirmAt.Add(account.ConfirmLife)) {
			good[notice.ConfirmMark(e.ID, e.ConfirmAt)] = e
		}
	}
	for _, n := range list {
		one := []notice.Notice{n}
		e, there := good[n.Mark]
		switch {
		case !there:
			err = f.o.Notices.Finish(ctx, one, notice.Moot, "not true any more")
		case f.o.Now().Before(f.resting):
			err = f.later(ctx, one, "the mail server did not take the one before")
		default:
			err = f.send(ctx, one, f.wordConfirm(n, facts.Login, e))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wordConfirm writes the mail by which an address is confirmed. Whoever reads it may
// be a stranger to this site: it holds nothing that the account's owner wrote but the
// login.
func (f *Flow) wordConfirm(n notice.Notice, login string, e account.Email) Mail {
	m := f.envelope(n, e.Address)
	m.ID = fmt.Sprintf("confirm-%d@%s", n.ID, f.name())
	m.Subject = "Confirm your e-mail address at " + f.host()
	login = printable.Line(login, maxTitle)
	var b strings.Builder
	paragraph(&b, "Hello,")
	paragraph(&b, fmt.Sprintf("This address was added to the account %s at %s. If that account is yours, open this link, sign in as %s if you are asked, and confirm:", login, f.host(), login))
	line(&b, f.o.URL+"/settings/emails/confirm#"+f.o.Signin.ConfirmLink(n.Account, e).Reveal())
	b.WriteByte('\n')
	paragraph(&b, "It works once, until "+e.ConfirmAt.Add(account.ConfirmLife).UTC().Format(moment)+", and not any more if this mail is sent again.")
	paragraph(&b, "If that account is not yours, do nothing: the address is not confirmed then, and nothing but such a mail is sent to it.")
	b.WriteString("-- \n")
	line(&b, "Sent by "+f.o.URL)
	m.Text = b.String()
	return m
}
