package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const (
	wide   = 1280
	zoomed = 640 // what is left of 1280 at 200 %
	narrow = 320
	high   = 900

	light = "light"
	dark  = "dark"

	pictures = "../../out/pictures"
	axeFile  = "node_modules/axe-core/axe.min.js"
	// axeSum is what axeFile of the version in package.json is known by.
	axeSum = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

// window sets the scheme that the system asks for and the width of the window.
// At half the width everything is twice as large, as by zooming in. Motion is
// reduced: a colour that fades in has no contrast yet.
func (p *person) window(scheme string, width int64) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	scale := 1.0
	if width == zoomed {
		scale = 2
	}
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: high, DeviceScaleFactor: scale})
}

// look examines the page that the person is on: for barriers in the light and
// in the dark, and for anything cut off when the window is narrow or zoomed.
// It leaves pictures.
func (p *person) look(name string) {
	p.t.Helper()
	p.barriers(name+", light", "")
	p.picture(name)
	p.window(dark, wide)
	p.barriers(name+", dark", `, runOnly: ["color-contrast", "link-in-text-block"]`)
	p.picture(name + "-dark")
	p.window(light, zoomed)
	p.fits(name + ", zoomed to 200 %")
	p.window(light, narrow)
	p.fits(name + ", 320 pixels wide")
	p.picture(name + "-narrow")
	p.window(light, wide)
}

// barriers fails for whatever axe finds in the page.
func (p *person) barriers(what, options string) {
	p.t.Helper()
	for _, f := range p.violations(options) {
		p.t.Errorf("%s: %s", what, f)
	}
}

// violations runs axe over the page, with the rule about the size of targets,
// which it leaves out by itself.
func (p *person) violations(options string) []string {
	p.t.Helper()
	p.axe()
	return ask[[]string](p, `axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}`+options+`}).then(r => r.violations.flatMap(v => v.nodes.map(n =>
		v.id + " (" + v.help + "): " + n.html.slice(0, 200) + " – " + (n.any.concat(n.all, n.none)[0]?.message ?? ""))))`)
}

// axe puts axe-core into the page, through the protocol that its content
// security policy has no say in.
func (p *person) axe() {
	p.t.Helper()
	if ask[string](p, `typeof axe`) == "object" {
		return
	}
	source, err := os.ReadFile(axeFile)
	if err != nil {
		p.t.Fatalf("axe-core is missing, scripts/deps installs it: %v", err)
	}
	if sum := sha256.Sum256(source); hex.EncodeToString(sum[:]) != axeSum {
		p.t.Fatalf("%s is not the file that is known", axeFile)
	}
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](string(source)+"; axe.version")); err != nil {
		p.t.Fatal(err)
	}
}

// fits fails if the page is wider than the window.
func (p *person) fits(what string) {
	p.t.Helper()
	if over := p.over(); len(over) > 0 {
		p.t.Errorf("%s: %s", what, strings.Join(over, "; "))
	}
}

// over lists what makes the page wider than the window.
func (p *person) over() []string {
	p.t.Helper()
	return ask[[]string](p, `(() => {
		const w = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= w) return [];
		return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > w + 0.5 && !e.closest(".scroll, .code-scroll, pre, .line, table")).slice(0, 5)
			.map(e => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)).concat("the page is " + document.documentElement.scrollWidth + " wide");
	})()`)
}

// cover hides in a page what is of this run alone: a secret that is shown, the
// server's port, the test's folder.
const cover = `((url, data) => {
	window.covered = [];
	const put = (node, name, text) => { if (node[name] !== text) { window.covered.push([node, name, node[name]]); node[name] = text } };
	for (const e of document.querySelectorAll(".secret > code")) put(e.firstChild, "data", e.textContent.startsWith("http") ? e.textContent.replace(/#.*/, "#" + "•".repeat(20)) : e.textContent.slice(0, 4) + "•".repeat(36));
	const plain = text => text.replaceAll(url, "https://localhost:8443").replaceAll(data, "/srv/jeton/data");
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) put(walk.currentNode, "data", plain(walk.currentNode.data));
	for (const e of document.querySelectorAll("input[readonly]")) put(e, "value", plain(e.value));
	return true })`

// uncover brings back what cover has hidden.
const uncover = `(() => { for (const [node, name, text] of window.covered.reverse()) node[name] = text; delete window.covered; return true })()`

// picture takes a picture of the whole page.
func (p *person) picture(name string) {
	p.t.Helper()
	p.eval(fmt.Sprintf("%s(%q, %q)", cover, p.s.URL(), p.s.Config.Data))
	beyond := true
	size := ask[[]float64](p, `[document.documentElement.clientWidth, Math.max(1, Math.min(document.documentElement.scrollHeight, 4000))]`)
	shot := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: "png", CaptureBeyondViewport: &beyond,
		Clip: &page.Viewport{Width: size[0], Height: size[1], Scale: 1}})
	p.eval(uncover)
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), shot.Data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
