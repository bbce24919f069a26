package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"jeton/internal/app/apptest"
)

// person is somebody with a browser window of their own: nothing is shared with
// others, cookies neither.
type person struct {
	t   *testing.T
	s   *apptest.Server
	ctx context.Context

	led string // beginning of the addresses of others that a page may lead to; empty: none

	mu     sync.Mutex
	wrong  []string // guarded by mu: what the browser complained of
	status int64    // guarded by mu: of the last document
}

// visit opens a window. When the test ends, whatever the browser complained of
// fails it.
func visit(t *testing.T, s *apptest.Server) *person {
	t.Helper()
	p := &person{t: t, s: s}
	tab, cancel := chromedp.NewContext(shared.browser(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	p.ctx, cancel = context.WithTimeout(tab, limit)
	t.Cleanup(cancel)
	call(p, runtime.Enable, cdp.Empty{})
	call(p, audits.Enable, cdp.Empty{})
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		_, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
			Origin: s.URL(), BrowserContextID: chromedp.FromContext(tab).BrowserContextID})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.window(light, wide)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range p.wrong {
			t.Error(w)
		}
	})
	return p
}

// call runs a command of the protocol.
func call[P, R any](p *person, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	r, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// hear collects what no page may cause: errors in the console, what the content
// security policy had to refuse, and a request to anybody else.
func (p *person) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) { p.wrong = append(p.wrong, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			said, _ := json.Marshal(e.Args)
			complain("the console says: %s", said)
		}
	case *runtime.EventExceptionThrown:
		complain("a script failed: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.URL)
	case *log.EventEntryAdded:
		// The status of a document is checked where it is opened.
		if e.Entry.Level == "error" && e.Entry.Source != "network" || e.Entry.Level == "warning" {
			complain("the browser says: %s (%s)", e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if p.led != "" && e.Issue.Code == "BounceTrackingIssue" {
			return // it was led to the program, which is the purpose
		}
		details, _ := json.Marshal(e.Issue.Details)
		complain("the browser objects: %s %s", e.Issue.Code, details)
	case *network.EventRequestWillBeSent:
		u := e.Request.URL
		if p.led != "" && strings.HasPrefix(u, p.led) && e.Type == network.ResourceTypeDocument {
			return
		}
		if !strings.HasPrefix(u, p.s.URL()+"/") && !slices.ContainsFunc([]string{"data:", "blob:", "about:"}, func(s string) bool { return strings.HasPrefix(u, s) }) {
			complain("a page asks another host: %s", u)
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			p.status = e.Response.Status
		} else if e.Response.Status >= 400 {
			complain("%d for %s", e.Response.Status, e.Response.URL)
		}
	}
}

// do runs steps and ends the test when one fails.
func (p *person) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\non %s:\n%s", what, err, p.path(), p.text())
	}
}

// load runs steps that lead to another page, and waits until that is there.
func (p *person) load(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\non %s:\n%s", what, err, p.path(), p.text())
	}
}

// open goes to an address of the site, as typed into the address bar.
func (p *person) open(path string) {
	p.t.Helper()
	p.load("open "+path, chromedp.Navigate(p.s.URL()+path))
	p.got(200)
}

// openRefused goes to an address that answers with another status.
func (p *person) openRefused(path string, status int64) {
	p.t.Helper()
	p.load("open "+path, chromedp.Navigate(p.s.URL()+path))
	p.got(status)
}

// back presses the Back button. A page may come out of a cache then, and no
// event says that it has loaded.
func (p *person) back(to string) {
	p.t.Helper()
	history := call(p, page.GetNavigationHistory, cdp.Empty{})
	call(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})
	quoted, _ := json.Marshal(to)
	p.wait("Back leads to "+to, `location.pathname === `+string(quoted)+` && document.readyState === "complete"`)
}

func (p *person) got(status int64) {
	p.t.Helper()
	p.mu.Lock()
	got := p.status
	p.mu.Unlock()
	if got != status {
		p.t.Fatalf("%s: status %d, want %d\n%s", p.path(), got, status, p.text())
	}
}

// find is the expression for the first visible element that a person would
// name so: a button, link or menu by its whole text, also the hidden part of
// it that screen readers say.
func find(name string) chromedp.JSPath {
	quoted, _ := json.Marshal(name)
	return chromedp.JSPath(`[...(document.querySelector("dialog[open]") ?? document).querySelectorAll("a, button, summary")].filter(e => [...e.childNodes].map(function t(n) { return n.nodeName === "svg" ? "" : n.nodeType === 3 ? n.data : (getComputedStyle(n).display === "block" ? " " : "") + [...n.childNodes].map(t).join("") }).join("").replace(/\s+/g, " ").trim() === ` + string(quoted) +
		` && e.checkVisibility({visibilityProperty: true})).slice(0, 1)`)
}

// field is the expression for the control with this label.
func field(label string) chromedp.JSPath {
	quoted, _ := json.Marshal(label)
	return chromedp.JSPath(`[...(document.querySelector("dialog[open]") ?? document).querySelectorAll("label")].filter(l => l.textContent.replace(/\s+/g, " ").trim() === ` + string(quoted) +
		` && l.control?.checkVisibility()).map(l => l.control).slice(0, 1)`)
}

// click presses what has this name and stays on the page.
func (p *person) click(name string) {
	p.t.Helper()
	p.do("click "+name, chromedp.Click(find(name)))
}

// follow presses what has this name and waits for the page that it leads to.
func (p *person) follow(name string) {
	p.t.Helper()
	p.load("click "+name, chromedp.Click(find(name)))
}

// fill replaces what stands in the field.
func (p *person) fill(label, text string) {
	p.t.Helper()
	f := field(label)
	p.do("fill "+label, chromedp.WaitVisible(f), chromedp.Focus(f))
	p.eval(`(e => { e.select?.(); return true })(` + string(f) + `[0])`)
	p.do("type into "+label, chromedp.SendKeys(f, text))
}

// choose takes a choice of a menu by its value, as the keyboard or mouse would.
func (p *person) choose(label, value string) {
	p.t.Helper()
	f := field(label)
	p.do("choose "+value, chromedp.WaitVisible(f), chromedp.SetValue(f, value))
	p.eval(`(e => { e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true })(` + string(f) + `[0])`)
}

// tick presses the check box or radio button with this label.
func (p *person) tick(label string) {
	p.t.Helper()
	p.do("tick "+label, chromedp.Click(field(label)))
}

// ask evaluates an expression in the page.
func ask[T any](p *person, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (p *person) eval(expression string) bool { p.t.Helper(); return ask[bool](p, expression) }

// wait waits until the expression holds.
func (p *person) wait(what, expression string) {
	p.t.Helper()
	p.until(what, func() bool {
		// While one page goes and the next comes there may be nothing to ask.
		yes, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && yes
	})
}

func (p *person) until(what string, holds func() bool) {
	p.t.Helper()
	end := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end:
			p.t.Fatalf("%s: not in %v\non %s:\n%s", what, patience, p.path(), p.text())
		}
	}
}

// text is what the page says, as far as it is seen.
func (p *person) text() string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return v
}

// sees fails unless the page says all of these.
func (p *person) sees(parts ...string) {
	p.t.Helper()
	text := strings.Join(strings.Fields(p.text()), " ")
	for _, part := range parts {
		if !strings.Contains(text, part) {
			p.t.Fatalf("%s does not say %q:\n%s", p.path(), part, p.text())
		}
	}
}

// seesNot fails if the document holds any of these anywhere.
func (p *person) seesNot(parts ...string) {
	p.t.Helper()
	html := ask[string](p, `document.documentElement.outerHTML`)
	for _, part := range parts {
		if strings.Contains(html, part) {
			p.t.Fatalf("%s says %q:\n%s", p.path(), part, p.text())
		}
	}
}

// path is the address that the page is at, without the host.
func (p *person) path() string {
	where, err := chromedp.Run(p.ctx, chromedp.Location())
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return strings.TrimPrefix(where, p.s.URL())
}

// at fails unless the page is at this address.
func (p *person) at(path string) {
	p.t.Helper()
	if got := p.path(); got != path {
		p.t.Fatalf("at %s, want %s:\n%s", got, path, p.text())
	}
}

// signIn signs in through the page, when that is where the person is, or goes
// there first.
func (p *person) signIn(login string) {
	p.t.Helper()
	if !strings.HasPrefix(p.path(), "/login") {
		p.open("/login")
	}
	p.fill("User name or e-mail address", login)
	p.fill("Password", apptest.Password)
	p.follow("Sign in")
	p.got(200)
}

// clickFirst presses what the selector finds.
func clickFirst(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}
