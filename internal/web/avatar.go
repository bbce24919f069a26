package web

import (
	"fmt"
	"net/http"
	"strings"

	"jeton/internal/id"
	"jeton/internal/problem"
)

// avatarColours are backgrounds on which white letters have a contrast of at
// least 4.5:1.
var avatarColours = [...]string{"#0550ae", "#116329", "#8250df", "#953800", "#a40e26", "#1b7c83", "#6e40c9", "#57606a"}

// avatar draws an account's picture: the first letter of its login.
func avatar(c *call) error {
	user, ok := id.Parse[id.Account](c.r.PathValue("user"))
	if !ok {
		return errMissing()
	}
	a, err := c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, user)
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Cache-Control", "private, max-age=3600")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // clients of the API show it on their own pages
	c.w.WriteHeader(http.StatusOK)
	_, err = fmt.Fprintf(steady{c}, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="%s"/>`+
		`<text x="32" y="43" text-anchor="middle" font-family="sans-serif" font-size="32" font-weight="600" fill="#fff">%s</text></svg>`,
		avatarColours[int(user)%len(avatarColours)], strings.ToUpper(a.Login[:1]))
	return err
}
