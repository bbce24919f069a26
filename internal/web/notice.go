package web

import (
	"slices"

	"jeton/internal/notice"
)

// noticePage is what a person is told by mail.
type noticePage struct {
	Frame
	Address, Primary string // Address is the primary one if mails go there
	Kinds            []noticeKind
}

// noticeKind is one kind that can be chosen.
type noticeKind struct {
	Name        notice.Kind
	Label, Text string
	On, Always  bool
}

// noticesPage is how the mails of the site go.
type noticesPage struct {
	Frame
	Status        notice.Status
	To, LastError string
}

// noticeTexts says when there is a notice of a kind.
var noticeTexts = map[notice.Kind]noticeKind{
	notice.Created:    {Label: "A token is made", Text: "Or an application gets access, or a token gets a new secret."},
	notice.EndsWeek:   {Label: "A token ends in a week", Text: "Tokens that you made, with an end."},
	notice.EndsDay:    {Label: "A token ends in a day", Text: "The last word before it stops working."},
	notice.Ended:      {Label: "A token has ended", Text: "What used it does not work any more."},
	notice.NewNetwork: {Label: "A token is used from a new network", Text: "From where it was not used before. Of one token five times a day at most."},
	notice.Decided:    {Label: "A token is approved or denied", Text: "By the owners of the organization that it is for, with their reason."},
	notice.Asked:      {Label: "A token waits for your approval", Text: "In an organization that you own, if its owners approve fine-grained tokens."},
	notice.Reuse:      {Label: "An old secret is used after its end", Text: "Two hold a secret of the token, and it is frozen until you decide. This is always sent."},
}

func notificationSettings(c *call) error {
	emails, err := c.emails(c.actor.Account)
	if err != nil {
		return err
	}
	unwanted, err := c.door.o.Notices.Unwanted(c.ctx(), c.door.o.DB, c.actor.Account)
	if err != nil {
		return err
	}
	p := &noticePage{Frame: settingsFrame("Notifications", "/settings/notifications")}
	for _, e := range emails {
		if e.Primary {
			p.Primary = line(e.Address)
			if e.Verified {
				p.Address = p.Primary
			}
		}
	}
	for _, k := range notice.Kinds() {
		row := noticeTexts[k]
		row.Name, row.Always = k, k.Always()
		row.On = row.Always || !slices.Contains(unwanted, k)
		p.Kinds = append(p.Kinds, row)
	}
	return c.show("set-notifications", p)
}

func saveNotifications(c *call) error {
	var wanted []notice.Kind
	for _, name := range c.r.PostForm["kinds"] {
		wanted = append(wanted, notice.Kind(name))
	}
	if err := c.door.o.Notices.Choose(c.ctx(), c.actor, wanted); err != nil {
		return err
	}
	return c.done("Saved what you are told of.", "/settings/notifications")
}

func showNotices(c *call) error {
	s, err := c.door.o.Notices.Status(c.ctx(), c.door.o.DB)
	if err != nil {
		return err
	}
	p := &noticesPage{Frame: adminFrame("Notices"), Status: s, To: c.door.o.Mail.To(), LastError: line(s.LastError)}
	p.Here = "/admin/notices"
	return c.show("admin-notices", p)
}
