package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed css/*.css js/*.js img/*.svg
var assetFiles embed.FS

// assetPrefix is where the assets live. Its first segment is a reserved name.
const assetPrefix = "/assets/"

// asset is one file as browsers get it.
type asset struct {
	kind         string
	body, packed []byte // packed is body, gzip'd
}

// assets are the style sheets, scripts and pictures under names that hold a
// hash of their content, so that browsers may keep them for ever. Nothing
// changes them after they are made.
type assets struct {
	urls  map[string]string // "app.css" → "/assets/app.0a1b2c3d4e5f.css"
	files map[string]asset  // by URL
}

var assetKinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// newAssets names the embedded files. The numbered style sheets become one.
func newAssets() (*assets, error) {
	a := &assets{urls: map[string]string{}, files: map[string]asset{}}
	var sheet bytes.Buffer
	err := fs.WalkDir(assetFiles, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := assetFiles.ReadFile(p)
		if err != nil {
			return err
		}
		if name := path.Base(p); name[0] < '0' || name[0] > '9' {
			a.add(name, body)
		} else {
			sheet.Write(body) // in the order of their names, as WalkDir goes
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	a.add("app.css", sheet.Bytes())
	return a, nil
}

func (a *assets) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	url := assetPrefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	a.urls[name] = url
	a.files[url] = asset{kind: assetKinds[ext], body: body, packed: packed.Bytes()}
}

// url returns the URL of a file. A template that names a file which does not
// exist fails, and a test renders every template.
func (a *assets) url(name string) (string, error) {
	u, ok := a.urls[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return u, nil
}

// serve answers with a file and reports whether there is one.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) bool {
	f, ok := a.files[r.URL.Path]
	if !ok {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding") // and nothing else: the same for everybody
	body := f.body
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return true
}

// acceptsGzip reports whether the browser takes gzip. One that refuses it by
// "q=0" gets the plain file.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.Trim(strings.ReplaceAll(q, " ", ""), "0.") != "q="
		}
	}
	return false
}
