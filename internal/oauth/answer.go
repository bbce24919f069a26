package oauth

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"jeton/internal/application"
	"jeton/internal/secret"
)

// pair is one field of an answer: a text, a number or a secret that is handed
// out here.
type pair struct {
	name  string
	value any
}

// answer is what a program is told, in the order in which it is written.
type answer []pair

// troubleshooting is where GitHub explains its codes.
const troubleshooting = "https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors"

func faultAnswer(f *application.Fault) answer {
	out := answer{{"error", f.Code}, {"error_description", f.Description()}, {"error_uri", troubleshooting + "#" + strings.ReplaceAll(f.Code, "_", "-")}}
	if f.Interval > 0 {
		out = append(out, pair{"interval", f.Interval})
	}
	return out
}

// write encodes a in the form that was asked for. This is the one place where a
// new token leaves the server on its way to a program.
func write(w http.ResponseWriter, r *http.Request, status int, a answer) error {
	kind, body := a.form, "application/x-www-form-urlencoded; charset=utf-8"
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	switch {
	case strings.Contains(accept, "json"):
		kind, body = a.json, "application/json; charset=utf-8"
	case strings.Contains(accept, "/xml"):
		kind, body = a.xml, "application/xml; charset=utf-8"
	}
	out := kind()
	h := w.Header()
	h.Set("Content-Type", body)
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Vary", "Accept, Authorization")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(status)
	_, _ = w.Write(out) // a program that went away is no error of ours
	return nil
}

func (p pair) text() string {
	if s, ok := p.value.(secret.Value); ok {
		return s.Reveal()
	}
	return fmt.Sprint(p.value)
}

func (a answer) form() []byte {
	v := url.Values{}
	for _, p := range a {
		v.Set(p.name, p.text())
	}
	return []byte(v.Encode())
}

func (a answer) json() []byte {
	m := map[string]any{}
	for _, p := range a {
		m[p.name] = p.value
		if _, ok := p.value.(secret.Value); ok {
			m[p.name] = p.text()
		}
	}
	out, err := json.Marshal(m)
	if err != nil {
		panic("oauth: texts and numbers can't be encoded") // there is nothing else in an answer
	}
	return out
}

func (a answer) xml() []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<OAuth>")
	for _, p := range a {
		b.WriteString("<" + p.name + ">")
		_ = xml.EscapeText(&b, []byte(p.text())) // a buffer takes everything
		b.WriteString("</" + p.name + ">")
	}
	b.WriteString("</OAuth>")
	return b.Bytes()
}
