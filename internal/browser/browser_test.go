package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"jeton/internal/app/apptest"
	"jeton/internal/cert"
	"jeton/internal/config"
)

// bench is what all tests of this binary share: one browser, and the authority
// that it trusts and that all servers use.
type bench struct {
	once    sync.Once
	err     error
	ctx     context.Context
	home    string // of the browser
	tls     string // the authority's folder
	cancels []context.CancelFunc
}

var shared bench

func TestMain(m *testing.M) {
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// browser returns the context of the one browser, which it starts when needed.
func (b *bench) browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a browser")
	}
	b.once.Do(func() { b.err = b.start() })
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.ctx
}

func (b *bench) start() error {
	var err error
	if b.home, err = os.MkdirTemp("", "jeton-browser-"); err != nil {
		return err
	}
	b.tls = filepath.Join(b.home, "authority")
	source, err := cert.Open(cert.Options{Mode: cert.Local, Dir: b.tls, Host: "localhost"})
	if err != nil {
		return err
	}
	authority, _ := source.Authority()
	if err := trust(b.home, authority); err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium()),
		chromedp.UserDataDir(filepath.Join(b.home, "profile")),
		chromedp.Env("HOME="+b.home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME="),
		chromedp.WindowSize(wide, high),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-GB"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	b.cancels = append(b.cancels, cancel)
	b.ctx, cancel = chromedp.NewContext(ctx)
	b.cancels = append(b.cancels, cancel)
	if err := chromedp.Do(b.ctx); err != nil {
		return fmt.Errorf("start Chromium (Debian's package chromium): %w", err)
	}
	return nil
}

// trust does in the browser's home what the server tells people to do.
func trust(home string, a cert.Authority) error {
	for _, g := range a.Guides("https://localhost", a.File) {
		for _, s := range g.Steps {
			if g.System != "Linux" || s.Tool != "browser" {
				continue
			}
			for _, line := range s.Lines {
				cmd := exec.Command("sh", "-c", line)
				cmd.Env = append(os.Environ(), "HOME="+home)
				if out, err := cmd.CombinedOutput(); err != nil {
					return fmt.Errorf("%s: %w: %s", line, err, out)
				}
			}
			return nil
		}
	}
	return errors.New("the server does not say how a browser on Linux comes to trust it")
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return "chromium"
}

func (b *bench) stop() {
	if b.ctx != nil {
		_ = chromedp.Cancel(b.ctx) // ends the process and waits for it
	}
	for _, cancel := range b.cancels {
		cancel()
	}
	if b.home != "" {
		_ = os.RemoveAll(b.home)
	}
}

// serve starts a server of the test's own that the browser trusts.
func serve(t *testing.T, change ...func(*config.Config)) *apptest.Server {
	t.Helper()
	shared.browser(t)
	return apptest.Start(t, append(change, func(c *config.Config) {
		to := filepath.Join(c.Data, "tls")
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(shared.tls)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			content, err := os.ReadFile(filepath.Join(shared.tls, f.Name()))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, f.Name()), content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})...)
}

// limit is how long one test may take, and patience how long one step, on a
// busy machine as well.
const (
	limit    = 4 * time.Minute
	patience = 30 * time.Second
)
