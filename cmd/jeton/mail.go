package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/mail"
	"jeton/internal/problem"
)

const mailTestUsage = `Usage: jeton mail test ADDRESS [--json] [--data DIR] [flags as for serve]

Send one mail to ADDRESS by the settings of this server, and say how that went.
Without the setting mail it is written into the folder DATA/mail.
`

// mailPatience is how long a mail server may take for one mail or question.
const mailPatience = time.Minute

func mailTest(c *call) error {
	var all []string
	for _, s := range config.Settings() {
		all = append(all, s.Name)
	}
	if err := c.parse(1, 1, all...); err != nil {
		return err
	}
	if err := c.checkFolder(); err != nil {
		return err
	}
	c.config.URL = c.url()
	to := c.args[0]
	if err := account.CheckEmail(to); err != nil {
		return problem.New(problem.Invalid, "that is not an e-mail address", "Write it as ada@example.com.")
	}
	s, err := app.MailSender(c.config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, mailPatience)
	defer cancel()
	now := time.Now().UTC()
	err = s.Send(ctx, mail.Mail{ID: fmt.Sprintf("test-%d@%s", now.UnixNano(), c.config.Host()), Name: "test-" + now.Format("20060102T150405.000000000Z"), To: to, At: now,
		Subject: "Mails from " + c.config.Host() + " arrive",
		Text:    "The administrator of " + c.config.URL + " tries out whether its\nmails arrive. This one did. Nothing is to be done.\n"})
	if err != nil {
		return problem.Wrap(err, problem.Unavailable, "the mail was not taken: "+mail.Says(err), mailRemedy(err))
	}
	return c.print(map[string]string{"to": to, "by": s.String()}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Handed a mail for %s to %s.\n", to, s)
	})
}

func mailRemedy(err error) string {
	if errors.Is(err, mail.ErrRefused) {
		return "The server refused this mail or its recipient. Check the address, and mail-from: many servers take mails of their own domain alone."
	}
	return "Check mail, mail-user, mail-password and mail-ca. \"jeton doctor\" tries them without sending anything."
}

// checkMail signs in at the mail server, and sends nothing.
func (c *call) checkMail() finding {
	const check = "mail"
	s, err := app.MailSender(c.config)
	if err != nil {
		return bad(check, err, "")
	}
	if c.config.Mail == "" {
		return good(check, "none is sent: mails are files in %s", c.config.Mails())
	}
	ctx, cancel := context.WithTimeout(c.ctx, mailPatience)
	defer cancel()
	if err := s.Check(ctx); err != nil {
		return finding{check, false, s.String() + ": " + mail.Says(err), "Check mail, mail-user, mail-password and mail-ca, and that the server lets this machine in."}
	}
	return good(check, "%s answers", s)
}
