package browser

import (
	"slices"
	"strings"
	"testing"
)

// TestSelf spoils a page in each way that the other tests look for, and expects
// that it is noticed.
func TestSelf(t *testing.T) {
	t.Parallel()
	p := visit(t, serve(t))
	p.open("/login")
	if found := p.violations(""); len(found) > 0 {
		t.Fatalf("before: %v", found)
	}
	for rule, spoil := range map[string]string{
		"label":          `document.querySelector("label[for=login]").remove()`,
		"color-contrast": `document.querySelector("h1").style.color = "#ccc"`,
		"target-size":    `document.querySelector("main").insertAdjacentHTML("beforeend", "<p><button style='all:unset;width:9px;height:9px'>a</button><button style='all:unset;width:9px;height:9px'>b</button></p>")`,
	} {
		p.open("/login")
		p.eval(spoil + `; true`)
		if !slices.ContainsFunc(p.violations(""), func(f string) bool { return strings.HasPrefix(f, rule+" ") }) {
			t.Errorf("%s: not noticed", rule)
		}
	}
	p.window(light, narrow)
	p.eval(`document.querySelector("h1").style.width = "400px"; true`)
	if len(p.over()) == 0 {
		t.Error("a page that is too wide is not noticed")
	}

	for what, spoil := range map[string]string{
		"the console says":       `console.error("no")`,
		"a script failed":        `setTimeout(() => { throw new Error("no") }, 0)`,
		"Content Security":       `document.body.insertAdjacentHTML("beforeend", "<p onclick='no()' style='color:red'>no</p>")`,
		"a page asks another":    `location.assign(location.href.replace("localhost", "127.0.0.1"))`,
		"ContentSecurityPolicyI": `document.body.insertAdjacentHTML("beforeend", "<img alt='' src='https://example.com/a.png'>")`,
	} {
		p.open("/login")
		p.eval(spoil + `; true`)
		p.complains(what)
	}
}

// complains waits for a complaint of the browser and takes it away.
func (p *person) complains(about string) {
	p.t.Helper()
	p.until("the browser complains: "+about, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		found := slices.ContainsFunc(p.wrong, func(w string) bool { return strings.Contains(w, about) })
		if found {
			p.wrong = nil
		}
		return found
	})
}
