package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"jeton/internal/app/apptest"
)

// tab presses Tab until what has the focus is called name, and sees to it that
// the focus can be seen all the way.
func (p *person) tab(name string) {
	p.t.Helper()
	for range 60 {
		p.do("press Tab", chromedp.KeyEvent(kb.Tab))
		at := ask[struct {
			Name string
			Seen bool
		}](p, `(() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
			const text = n => n.nodeName === "svg" ? "" : n.nodeType === 3 ? n.data : (n.nodeType === 1 && getComputedStyle(n).display === "block" ? " " : "") + [...n.childNodes].map(text).join("");
			const name = e.labels?.length ? e.labels[0].textContent : text(e);
			if (e === document.body) return {name: "", seen: true}; // the browser's own bars
			return {name: name.replace(/\s+/g, " ").trim(), seen: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && b.width > 0 && b.bottom > 0 && b.top < innerHeight}; })()`)
		if !at.Seen {
			p.t.Errorf("%s: the focus on %q can't be seen", p.path(), at.Name)
		}
		if at.Name == name {
			return
		}
	}
	p.t.Fatalf("%s: Tab never reaches %q", p.path(), name)
}

func (p *person) press(keys string) { p.t.Helper(); p.do("press a key", chromedp.KeyEvent(keys)) }
func (p *person) enter() {
	p.t.Helper()
	p.load("press Enter", chromedp.KeyEvent(kb.Enter))
	p.got(200)
}

// TestKeyboard makes and deletes a token without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	p := visit(t, s)
	p.open("/login")
	p.press("ada")
	p.tab("Password")
	p.press(apptest.Password)
	p.enter()
	p.at("/")
	p.tab("Skip to content")
	p.tab("Your menu, ada")
	p.press(kb.Enter)
	p.tab("Settings")
	p.press(kb.Escape)
	p.wait("Escape closes the menu and gives the focus back", `!document.querySelector("details[open]") && document.activeElement.matches("summary.face")`)
	p.press(kb.Enter)
	p.tab("Settings")
	p.enter()
	p.tab("Developer settings")
	p.enter()
	p.tab("Tokens (classic)")
	p.enter()
	p.tab("Generate new token")
	p.press(kb.Enter)
	p.tab("Generate new token (classic) For Git over HTTPS and for the API")
	p.enter()
	p.tab("Note")
	p.press("by hand")
	p.tab("Expiration")
	p.press(kb.ArrowDown)
	p.wait("60 days are chosen", string(field("Expiration"))+`[0].value === "60"`)
	p.tab("repo")
	p.press(" ")
	p.tab("Generate token")
	p.enter()
	p.sees("Your new token: by hand")
	p.tab("Copy the token")
	p.tab("Delete by hand")
	p.press(kb.Enter)
	p.wait("the dialog is open, with the focus in it", `document.querySelector("dialog[open]")?.contains(document.activeElement)`)
	p.press(kb.Escape)
	p.wait("Escape closes it and gives the focus back", `!document.querySelector("dialog") && document.activeElement.textContent.includes("Delete")`)
	p.press(kb.Enter)
	p.wait("the dialog is open again", `document.querySelector("dialog[open]")`)
	p.tab("I understand, delete this token")
	p.enter()
	p.sees("Deleted the token by hand.")
}
