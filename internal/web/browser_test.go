package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/signin"
)

// chromium starts a browser that trusts the server's one certificate and no
// other, and collects what pages complain of: scripts that fail and what the
// content security policy refuses.
func chromium(t *testing.T, s *apptest.Server) (ctx context.Context, complaints func() []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a browser")
	}
	leaf := s.Do(t, "GET", "/login", "").TLS.PeerCertificates[0]
	pin := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	o := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(pin[:])))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), o...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(ctx)
	t.Cleanup(stopTab)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	heard := make(chan string)
	console := chromedp.Console(ctx)
	go func() { // ends with ctx, and the iteration with it
		for m := range console {
			if !m.IsException() && m.Type != chromedp.ConsoleError {
				continue
			}
			select {
			case heard <- m.String():
			case <-ctx.Done():
				return
			}
		}
	}()
	const last = "nothing more to complain of"
	return ctx, func() (said []string) {
		run(t, ctx, chromedp.Evaluate[chromedp.Void](`console.error("`+last+`")`))
		for {
			select {
			case m := <-heard:
				if strings.Contains(m, last) {
					return said
				}
				said = append(said, m)
			case <-ctx.Done():
				t.Fatal("the console was not heard")
			}
		}
	}
}

func run(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		picture(t, ctx, "failed")
		t.Fatal(err)
	}
}

// picture writes what the browser shows into the folder JETON_PICTURES.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("JETON_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Log(err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Error(err)
	}
}

func wantJS(t *testing.T, ctx context.Context, what, expression string) {
	t.Helper()
	ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !ok {
		t.Errorf("not so: %s", what)
	}
}

// TestScripts lives through what the scripts add to pages that work without.
func TestScripts(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.Admin(t, "root-user")
	invite, _, err := s.Signin.NewLink(t.Context(), right.Operator(), signin.Invite, signin.For{Email: "ada@example.com"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, complaints := chromium(t, s)

	run(t, ctx, chromedp.Navigate(s.URL()+"/join#"+invite.Reveal()), chromedp.WaitVisible(chromedp.CSS("#login")))
	wantJS(t, ctx, "the link's secret left the address", `location.hash === "" && document.querySelector("[data-link-field]").hidden`)
	run(t, ctx, chromedp.SendKeys(chromedp.CSS("#login"), "ada"), chromedp.SendKeys(chromedp.CSS("#password"), apptest.Password+kb.Enter), chromedp.WaitVisible(chromedp.CSS("summary.face")))

	run(t, ctx, chromedp.Click(chromedp.CSS("summary.face")), chromedp.Click(chromedp.CSS(`a[href="/settings/profile"]`)), chromedp.Click(chromedp.CSS(`.side a[href="/settings/developers"]`)), chromedp.Click(chromedp.CSS(`.side a[href="/settings/tokens"]`)),
		chromedp.Click(chromedp.CSS(`summary.btn-primary`)), chromedp.Click(chromedp.CSS(`.content details a[href="/settings/tokens/new"]`)), chromedp.WaitVisible(chromedp.CSS("#note")), chromedp.SendKeys(chromedp.CSS("#note"), "Laptop"))
	wantJS(t, ctx, "30 days are chosen", `document.querySelector("#expires").value === "30" && document.querySelector("#expiry-text").textContent.startsWith("The token will expire on ")`)
	wantJS(t, ctx, "the custom day is hidden", `document.querySelector("#expires_at").offsetParent === null`)
	run(t, ctx, chromedp.SetValue(chromedp.CSS("#expires"), "custom"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#expires").dispatchEvent(new Event("change"))`), chromedp.WaitVisible(chromedp.CSS("#expires_at")))
	run(t, ctx, chromedp.SetValue(chromedp.CSS("#expires"), "none"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#expires").dispatchEvent(new Event("change"))`), chromedp.WaitVisible(chromedp.CSS(".only-none")))
	wantJS(t, ctx, "the sentence follows the choice", `document.querySelector("#expiry-text").textContent === "The token will never expire."`)
	run(t, ctx, chromedp.Click(chromedp.CSS(`input[value="repo"]`)))
	wantJS(t, ctx, "the child is ticked and locked", `(c => c.checked && c.disabled)(document.querySelector('input[value="public_repo"]'))`)
	wantJS(t, ctx, "that is told", `document.querySelector("#live").textContent.startsWith("repo includes ")`)
	picture(t, ctx, "token-form")

	run(t, ctx, chromedp.Click(chromedp.CSS(`main button[type=submit]`)), chromedp.WaitVisible(chromedp.CSS("#new-token")), chromedp.Click(chromedp.CSS(`button[data-copy="new-token"]`)),
		chromedp.WaitVisible(`//button[@data-copy="new-token"]/span[text()="Copied"]`))
	wantJS(t, ctx, "copying is told", `document.querySelector("#live").textContent === "Copied"`)
	picture(t, ctx, "token-made")

	run(t, ctx, chromedp.Click(chromedp.CSS(`.fresh a[data-dialog]`)), chromedp.WaitVisible(chromedp.CSS("dialog[open] h1")))
	wantJS(t, ctx, "the dialog is named and holds the focus", `(d => d.getAttribute("aria-labelledby") === d.querySelector("h1").id && d.contains(document.activeElement))(document.querySelector("dialog"))`)
	picture(t, ctx, "token-dialog")
	run(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.WaitNotPresent(chromedp.CSS("dialog")))

	run(t, ctx, chromedp.Navigate(s.URL()+"/settings/profile"), chromedp.NavigateBack(), chromedp.WaitVisible(chromedp.CSS(".tokens")))
	wantJS(t, ctx, "Back does not bring the token back", `document.querySelector("#new-token") === null && !document.body.textContent.includes("jtp_")`)
	run(t, ctx, chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(".tokens")))
	wantJS(t, ctx, "a reload does not bring it back", `!document.body.textContent.includes("jtp_")`)
	for _, c := range complaints() {
		if !strings.Contains(c, "net::ERR_ABORTED") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}
