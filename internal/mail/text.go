package mail

import (
	"fmt"
	"strings"
	"time"

	"jeton/internal/notice"
	"jeton/internal/printable"
)

const (
	width    = 72
	listed   = 20 // tokens that a mail names
	maxTitle = 60 // bytes of a token's name in a subject
	moment   = "Monday, 2 January 2006, 15:04 UTC"
)

// words is what a mail says of a kind. count is how many tokens it is about.
type words struct {
	subject func(d *notice.Detail, left string) string
	many    string // the subject for several
	lead    string // what happened, for one and for several
	remedy  string
}

var texts = map[notice.Kind]words{
	notice.Created: {
		subject: func(d *notice.Detail, _ string) string { return title(d) + " " + made[d.How] },
		many:    "tokens of yours are new",
		lead:    "This happened to your account on %s:",
		remedy:  "If it was you, nothing is to be done. If it was not, delete the token at once, and change your password: somebody acts as you.",
	},
	notice.EndsWeek: {
		subject: func(d *notice.Detail, left string) string { return title(d) + " ends in " + left },
		many:    "tokens of yours end soon",
		lead:    "What uses this on %s stops working when it ends:",
		remedy:  "Regenerate the token on its page if it is still needed, or make another one where that can't be, and give the new secret to what uses it. Otherwise let it end.",
	},
	notice.Ended: {
		subject: func(d *notice.Detail, _ string) string { return title(d) + " has ended" },
		many:    "tokens of yours have ended",
		lead:    "What used this on %s does not work any more:",
		remedy:  "Regenerate the token on its page if it is still needed, or make another one where that can't be. Otherwise delete it.",
	},
	notice.NewNetwork: {
		subject: func(d *notice.Detail, _ string) string { return title(d) + " was used from a new network" },
		many:    "tokens of yours were used from new networks",
		lead:    "On %s this was used from where it was not used before:",
		remedy:  "If it was you or a program of yours, nothing is to be done. If you don't know that network, delete or regenerate the token: somebody else has it. Its page shows what it was used for.",
	},
	notice.Decided: {
		subject: func(d *notice.Detail, _ string) string {
			return title(d) + " was " + decided[d.How] + " in " + printable.Line(d.In, maxTitle)
		},
		many:   "tokens of yours were decided about",
		lead:   "The owners of an organization on %s decided about this:",
		remedy: "An approved token does there what it asked for. A denied one reads there what is public, until an owner lets it in: ask one of them.",
	},
	notice.Reuse: {
		subject: func(d *notice.Detail, _ string) string { return title(d) + " is frozen: an old secret was used" },
		many:    "tokens of yours are frozen",
		lead:    "On %s somebody used an old secret, though the token was rotated and the time of the old secret was over:",
		remedy:  "Two have held a secret of this token, and one of them may not be you. It opens nothing until you decide on its page: regenerate it, which ends every secret, or say that the old one was used by a program of yours.",
	},
}

var made = map[string]string{notice.Made: "was made", notice.Regenerated: "was regenerated", notice.Rotated: "was rotated"}

var decided = map[string]string{notice.Approved: "approved", notice.Denied: "denied"}

func wordsOf(k notice.Kind) words {
	if k == notice.EndsDay {
		k = notice.EndsWeek
	}
	return texts[k]
}

// kindNames is what people call the kinds of tokens.
var kindNames = map[string]string{"classic": "classic token", "fine-grained": "fine-grained token", "oauth": "token of an application", "deploy": "deploy token"}

// title names the token at the beginning of a sentence.
func title(d *notice.Detail) string {
	of := "Your token"
	if d.App != "" {
		of = "A token for the application"
	} else if d.Machine != "" {
		of = "The token of " + printable.Line(d.Machine, maxTitle)
	}
	return of + ` "` + printable.Line(d.Note, maxTitle) + `"`
}

// word writes the mail about notices of one kind.
func (f *Flow) word(list []notice.Notice, to person) Mail {
	now := f.o.Now()
	w := wordsOf(list[0].Kind)
	m := f.envelope(list[0], to.address)
	m.ID = fmt.Sprintf("notice-%d-%d@%s", list[0].ID, len(list), f.name())
	m.Subject = w.subject(&list[0].Detail, printable.Left(list[0].Detail.Ends().Sub(now)))
	if len(list) > 1 {
		m.Subject = fmt.Sprintf("%d %s", len(list), w.many)
	}
	var b strings.Builder
	paragraph(&b, "Hello "+printable.Line(to.login, maxTitle)+",")
	paragraph(&b, fmt.Sprintf(w.lead, f.host()))
	for i := range list[:min(len(list), listed)] {
		f.about(&b, &list[i])
	}
	if more := len(list) - listed; more > 0 {
		paragraph(&b, fmt.Sprintf("And %d more: all of them are at %s", more, f.o.URL+"/settings/tokens"))
	}
	paragraph(&b, w.remedy)
	f.foot(&b)
	m.Text = b.String()
	return m
}

func (f *Flow) foot(b *strings.Builder) {
	b.WriteString("-- \n")
	line(b, "You have an account at "+f.o.URL)
	line(b, "What you are told of: "+f.o.URL+"/settings/notifications")
}

func (f *Flow) envelope(n notice.Notice, to string) Mail {
	return Mail{Name: fmt.Sprintf("%s-%d", n.At.UTC().Format("20060102T150405Z"), n.ID), To: to, At: f.o.Now()}
}

// about writes what is known of one token.
func (f *Flow) about(b *strings.Builder, n *notice.Notice) {
	d := &n.Detail
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-9s %s\n", name+":", value)
		}
	}
	ends := until(d.Ends())
	fmt.Fprintf(b, "  %s (%s)\n", printable.Line(d.Note, 255), kindNames[d.Kind])
	fact("Of", printable.Line(d.Machine, 64))
	switch n.Kind {
	case notice.Created:
		fact("What", "It "+made[d.How])
	case notice.Decided:
		fact("What", "It was "+decided[d.How]+" by the owners of "+printable.Line(d.In, 64))
		fact("Reason", strings.Join(printable.Wrap(printable.Line(d.Answer, 1024), width-12), "\n"+strings.Repeat(" ", 12)))
	case notice.Reuse:
		fact("Secret", "the one that ends in "+printable.Line(d.Ending, 16))
	}
	if !n.Kind.OfEnd() {
		fact("When", n.At.UTC().Format(moment))
	}
	fact("From", printable.Line(d.Address, 64))
	fact("Network", printable.Line(d.Network, 64))
	fact("Client", printable.Line(d.Client, 200))
	if n.Kind == notice.Ended {
		fact("Ended", ends)
	} else {
		fact("Ends", ends)
	}
	fact("Its page", f.o.URL+page(n))
	b.WriteByte('\n')
}

// page is where the token can be looked at.
func page(n *notice.Notice) string {
	switch n.Detail.Kind {
	case "fine-grained":
		return fmt.Sprintf("/settings/personal-access-tokens/%d", n.Token)
	case "oauth":
		return "/settings/applications"
	}
	return fmt.Sprintf("/settings/tokens/%d", n.Token)
}

func until(end time.Time) string {
	if end.IsZero() {
		return "never"
	}
	return end.UTC().Format(moment)
}

func paragraph(b *strings.Builder, text string) {
	for _, l := range printable.Wrap(text, width) {
		line(b, l)
	}
	b.WriteByte('\n')
}

func line(b *strings.Builder, text string) { b.WriteString(text + "\n") }

// name is the host without its port, which may not stand in an id.
func (f *Flow) name() string {
	name, _, _ := strings.Cut(f.host(), ":")
	return name
}

func (f *Flow) host() string {
	_, host, _ := strings.Cut(f.o.URL, "://")
	return host
}
