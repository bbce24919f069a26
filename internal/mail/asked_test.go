package mail_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/id"
	"jeton/internal/notice"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// asking is an organization of ada's and carol's that approves tokens, of which bob
// is a member, and the office where its mails come in.
type asking struct {
	*apptest.Server
	o               *office
	in              org.Found
	ada, bob, carol account.Account
	seen            int
}

func newAsking(t *testing.T) *asking {
	t.Helper()
	w := &asking{o: open(t, how{}, "")}
	w.Server = apptest.Start(t, func(c *config.Config) { c.Mail = "smtp+plain://" + w.o.address })
	w.ada, w.bob, w.carol = w.User(t, "ada"), w.User(t, "bob"), w.User(t, "carol")
	w.in = w.Org(t, w.ada, "works")
	w.Join(t, w.in, org.Owner, w.carol)
	w.Join(t, w.in, org.Member, w.bob)
	w.policy(t, true)
	round(t, w.Server)
	w.seen = len(w.o.letters())
	return w
}

func (w *asking) policy(t *testing.T, approve bool) {
	t.Helper()
	if err := w.Policies.Set(t.Context(), as(w.ada), w.in.ID, right.Policy{Approve: approve}); err != nil {
		t.Fatal(err)
	}
}

// make makes a token by the form, whose making is told, too: that is left out.
func (w *asking) make(t *testing.T, who account.Account, name string, more url.Values) {
	t.Helper()
	form := url.Values{"name": {name}, "target_name": {"works"}, "access": {"all"}, "contents": {"write"}, "expires": {"30"}, "reason": {"to build the site"}}
	for k, v := range more {
		form[k] = v
	}
	if got := w.Person(t, who).Post(t, "/settings/personal-access-tokens", form); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", got.StatusCode, got.Text)
	}
}

// came returns the mails since, "to: subject", without those that a token was made.
func (w *asking) came(t *testing.T) (out []string, bodies []string) {
	t.Helper()
	round(t, w.Server)
	all := w.o.letters()
	for _, l := range all[w.seen:] {
		d := read(t, l.text)
		if s := d.subject(t); !strings.HasSuffix(s, "was made") && !strings.Contains(s, "are new") {
			out, bodies = append(out, l.to+": "+s), append(bodies, d.body)
		}
	}
	w.seen = len(all)
	slices.Sort(out)
	return out, bodies
}

func (w *asking) expect(t *testing.T, what string, want ...string) []string {
	t.Helper()
	got, bodies := w.came(t)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the mails are %q, want %q", what, got, want)
	}
	return bodies
}

// hold has the office take nothing for now, and release has what waits come.
func (w *asking) hold() {
	w.o.say(func(string) error { return &smtp.SMTPError{Code: 451, Message: "later"} })
}

// tried waits until nothing is on its way to the office any more.
func (w *asking) tried(t *testing.T) {
	t.Helper()
	round(t, w.Server)
}

func (w *asking) release() {
	w.o.say(nil)
	w.Advance(4 * time.Hour)
}

func (w *asking) waiting(t *testing.T) []token.Request {
	t.Helper()
	all, _, err := w.Tokens.Requests(t.Context(), w.in.ID, token.OwnerQuery{PerPage: 100})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAsked: every owner of an organization reads that a token waits for them, and its
// maker what became of it.
func TestAsked(t *testing.T) {
	t.Parallel()
	w := newAsking(t)
	w.make(t, w.bob, "ci", nil)
	bodies := w.expect(t, "a token waits", `ada@example.com: bob asks for the token "ci" in works`, `carol@example.com: bob asks for the token "ci" in works`)
	if len(bodies) != 2 {
		t.FailNow()
	}
	for _, want := range []string{"ci (fine-grained token)", "Of:         bob", "In:         works", "Asks for:   contents=write, metadata=read", "Within:     all repositories of works",
		"Reason:     to build the site", w.URL() + "/organizations/works/settings/personal-access-token-requests", "/settings/notifications"} {
		if !strings.Contains(strings.ReplaceAll(bodies[0], "\r\n", "\n"), want) {
			t.Errorf("the mail does not say %q:\n%s", want, bodies[0])
		}
	}
	if strings.Contains(bodies[0], "jtf_") {
		t.Error("the mail holds a token")
	}
	w.expect(t, "told already")

	// Denied on the page: its maker reads why.
	q := w.waiting(t)[0]
	got := w.Person(t, w.carol).Post(t, fmt.Sprint("/organizations/works/settings/personal-access-token-requests/", q.ID), url.Values{"decision": {"deny"}, "reason": {"ask for contents=read"}})
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", got.StatusCode, got.Text)
	}
	bodies = w.expect(t, "denied", `bob@example.com: Your token "ci" was denied in works`)
	if len(bodies) == 1 && !strings.Contains(bodies[0], "ask for contents=read") {
		t.Errorf("it does not say why:\n%s", bodies[0])
	}

	// An owner's own token is asked about by nobody.
	w.make(t, w.ada, "hers", nil)
	w.expect(t, "an owner's token")
}

// TestAsked_moot: what was decided or taken back before the mail left is not sent, nor
// to somebody who owns the organization no more, nor what is not wanted, nor about
// somebody who left.
func TestAsked_moot(t *testing.T) {
	t.Parallel()
	w := newAsking(t)
	ctx := t.Context()
	if err := w.Notices.Choose(ctx, as(w.carol), slices.DeleteFunc(notice.Kinds(), func(k notice.Kind) bool { return k == notice.Asked })); err != nil {
		t.Fatal(err)
	}
	dave, err := w.Accounts.Create(ctx, right.Operator(), account.NewAccount{Login: "dave", Email: "dave@example.com"}) // who has confirmed no address
	if err != nil {
		t.Fatal(err)
	}
	erin := w.User(t, "erin")
	w.Join(t, w.in, org.Owner, dave, erin)
	w.hold()
	for _, name := range []string{"decided", "deleted", "left over"} {
		w.make(t, w.bob, name, nil)
	}
	w.tried(t)
	all := w.waiting(t) // the newest first
	if len(all) != 3 {
		t.Fatalf("%d wait", len(all))
	}
	if err := w.Tokens.Decide(ctx, as(w.ada), w.in.ID, all[2].ID, true, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Tokens.Revoke(ctx, as(w.bob), w.bob.ID, all[1].Token.ID); err != nil {
		t.Fatal(err)
	}
	w.Join(t, w.in, org.Member, erin)
	w.release()
	w.expect(t, "one is left", `ada@example.com: bob asks for the token "left over" in works`, `bob@example.com: Your token "decided" was approved in works`)

	w.hold()
	w.make(t, w.bob, "another", nil)
	w.tried(t)
	if err := w.Lifecycle.RemoveMember(ctx, as(w.ada), w.in.ID, w.bob.ID, false); err != nil {
		t.Fatal(err)
	}
	w.release()
	w.expect(t, "he left")
	if n := len(w.waiting(t)); n != 2 {
		t.Errorf("%d wait", n)
	}

	// The outcome is not sent about a token that is gone.
	w.hold()
	one := w.waiting(t)[0]
	if err := w.Tokens.Decide(ctx, as(w.ada), w.in.ID, one.ID, false, "no"); err != nil {
		t.Fatal(err)
	}
	w.tried(t)
	if _, err := w.Tokens.Revoke(ctx, as(w.bob), w.bob.ID, one.Token.ID); err != nil {
		t.Fatal(err)
	}
	w.release()
	w.expect(t, "decided and deleted")
}

// TestAsked_renamed: a mail that waits names the organization, and leads to its page, by
// the name that it has when the mail leaves.
func TestAsked_renamed(t *testing.T) {
	t.Parallel()
	w := newAsking(t)
	w.hold()
	w.make(t, w.bob, "ci", nil)
	w.tried(t)
	if _, err := w.Accounts.Rename(t.Context(), as(w.ada), w.in.ID, "weavers"); err != nil {
		t.Fatal(err)
	}
	w.release()
	bodies := w.expect(t, "renamed", `ada@example.com: bob asks for the token "ci" in weavers`, `carol@example.com: bob asks for the token "ci" in weavers`)
	for _, b := range bodies {
		if strings.Contains(b, "works") || !strings.Contains(b, "/organizations/weavers/settings/personal-access-token-requests") {
			t.Errorf("the mail says\n%s", b)
		}
	}
}

// TestAsked_many: who is asked about many tokens at once gets few mails, whoever made
// them, and a policy that asks about those that are there does not fill a mailbox.
func TestAsked_many(t *testing.T) {
	t.Parallel()
	w := newAsking(t)
	fine := func(name string) {
		w.FineToken(t, w.bob, token.NewFine{Name: name, Owner: w.in.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{1, 2}}, "contents=read")
	}
	w.policy(t, false)
	for i := range 30 {
		fine(fmt.Sprint("t", i))
	}
	w.policy(t, true)
	bodies := w.expect(t, "thirty", "ada@example.com: 30 tokens wait for approval in works", "carol@example.com: 30 tokens wait for approval in works")
	if len(bodies) != 2 || !strings.Contains(bodies[0], "And 10 more.") || !strings.Contains(bodies[0], "2 repositories of works") {
		t.Errorf("the mails say\n%s", strings.Join(bodies, "\n"))
	}
	mails := 0
	for i := range 15 {
		fine(fmt.Sprint("u", i))
		some, _ := w.came(t)
		mails += len(some)
	}
	if mails == 0 || mails > 10 {
		t.Errorf("%d mails about 15 tokens", mails)
	}
	w.Advance(time.Hour)
	if some, _ := w.came(t); len(some) != 2 {
		t.Errorf("the rest came as %q", some)
	}
	w.Advance(3 * time.Hour)

	// One who owns two organizations is told which asks.
	other := w.Org(t, w.ada, "looms")
	if err := w.Policies.Set(t.Context(), as(w.ada), other.ID, right.Policy{Approve: true}); err != nil {
		t.Fatal(err)
	}
	w.Join(t, other, org.Member, w.bob)
	w.hold()
	fine("here")
	w.FineToken(t, w.bob, token.NewFine{Name: "there", Owner: other.ID, OwnerIsOrg: true, Access: token.AllOf}, "contents=read")
	w.tried(t)
	w.release()
	bodies = w.expect(t, "two organizations", "ada@example.com: 2 tokens wait for approval in works and elsewhere", `carol@example.com: bob asks for the token "here" in works`)
	for _, b := range bodies {
		if strings.Contains(b, "Hello ada") != strings.Contains(b, "/organizations/looms/settings/") {
			t.Errorf("the mail is\n%s", b)
		}
	}
}
