// Package oauth is the door at which programs get their tokens: for the code
// that a person's consent gave them, for a device that a person let in, for a
// refresh token, or for what another issuer says of a machine. It answers as GitHub does: errors travel with status 200, and
// answers are form-encoded unless another form is asked for. It must never look
// at a cookie, and no person comes here: the pages on which they consent are
// web's, since they need its frame, its sessions and its confirmation.
package oauth

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"jeton/internal/application"
	"jeton/internal/event"
	"jeton/internal/exchange"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// The paths of this door, the same on every host.
const (
	tokenPath  = "/login/oauth/access_token"
	devicePath = "/login/device/code"
)

// DeviceGrant is the grant type of the device flow (RFC 8628).
const DeviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// Serves reports whether a path belongs to this door.
func Serves(path string) bool { return path == tokenPath || path == devicePath }

// Options are what the door needs. All but Now are required.
type Options struct {
	Gate *gate.Gate
	Apps *application.Room

	Exchange *exchange.Flow
	Now      func() time.Time
}

// Door answers programs.
type Door struct {
	o      Options
	mux    *http.ServeMux
	routes []httpkit.RouteInfo
}

// handler answers one route with what is to be encoded.
type handler func(*call) (answer, error)

// New builds the door from its table.
func New(o Options) *Door {
	if o.Gate == nil || o.Apps == nil || o.Exchange == nil {
		panic("oauth: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Door{o: o, mux: http.NewServeMux()}
	d.routes = httpkit.Register(d.mux, "oauth", []httpkit.Route[handler]{
		{Method: http.MethodPost, Path: tokenPath, Action: right.SiteVisit, Handle: (*call).token},
		{Method: http.MethodPost, Path: devicePath, Action: right.SiteVisit, Handle: (*call).device},
	}, d.wrap)
	return d
}

// Routes lists the table, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo { return d.routes }

// ServeHTTP answers a request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// call is one request.
type call struct {
	door *Door
	w    http.ResponseWriter
	r    *http.Request
	in   input
}

func (d *Door) wrap(route httpkit.Route[handler]) http.Handler {
	return httpkit.Frame(d.render, func(w http.ResponseWriter, r *http.Request) error {
		nobody := right.Anonymous()
		if err := d.o.Gate.Check(&nobody, route.Action); err != nil {
			return err
		}
		c := &call{door: d, w: w, r: r}
		var err error
		if c.in, err = read(w, r); err != nil {
			return err
		}
		out, err := route.Handle(c)
		if fault, ok := errors.AsType[*application.Fault](err); ok {
			event.From(r.Context()).Add(slog.String("fault", fault.Code))
			return write(w, r, faultStatus(r, fault), faultAnswer(fault))
		}
		if fault, ok := errors.AsType[*exchange.Fault](err); ok {
			return c.refuseExchange(fault)
		}
		if err != nil {
			return err
		}
		return write(w, r, http.StatusOK, out)
	})
}

// faultStatus is 200, as GitHub has it, but where clients look at the status to
// learn that they must take another way, or that there is none.
func faultStatus(r *http.Request, f *application.Fault) int {
	switch {
	case r.URL.Path != devicePath:
	case f.Code == "device_flow_disabled", f.Code == "access_denied":
		return http.StatusBadRequest
	case f.Code == "incorrect_client_credentials":
		return http.StatusNotFound
	}
	return http.StatusOK
}

// render writes what is not the application's fault.
func (d *Door) render(w http.ResponseWriter, r *http.Request, status int, err error) {
	p := problem.Of(err)
	code := "server_error"
	switch p.Kind {
	case problem.TooMany, problem.Unavailable:
		code = "temporarily_unavailable"
	case problem.Invalid, problem.TooLarge:
		code, status = "invalid_request", http.StatusBadRequest
	}
	text := strings.TrimSpace(p.Public + " " + p.Remedy)
	if p.Public == "" {
		text = "Something went wrong on the server. Its log has the request id " + w.Header().Get(httpkit.RequestIDHeader) + "."
	}
	_ = write(w, r, status, answer{{"error", code}, {"error_description", text}})
}

// client finds out which application asks. A secret in the header or the body
// must be good, if the application's secrets prove anything.
func (c *call) client() (application.Client, error) {
	if c.in.client == "" {
		return application.Client{}, application.BadClient()
	}
	a, err := c.door.o.Apps.Client(c.r.Context(), c.in.client, c.in.secret)
	if problem.Is(err, problem.NotFound) {
		return application.Client{}, application.BadClient()
	}
	if err == nil {
		event.From(c.r.Context()).Add(slog.String("application", a.ClientID))
	}
	return a, err
}

// token is the end of every flow.
func (c *call) token() (answer, error) {
	if c.in.get("grant_type") == TokenExchange {
		return c.exchange()
	}
	a, err := c.client()
	if err != nil {
		return nil, err
	}
	var g application.Granted
	grant := c.in.get("grant_type")
	switch {
	case grant == DeviceGrant:
		g, err = c.door.o.Apps.Poll(c.r.Context(), &a, secret.New(c.in.get("device_code")))
	case grant == "refresh_token":
		g, err = c.door.o.Apps.Refresh(c.r.Context(), &a, secret.New(c.in.get("refresh_token")))
	case grant == "authorization_code", grant == "" && c.in.get("code") != "": // gh and old clients send none
		g, err = c.door.o.Apps.Exchange(c.r.Context(), &a, secret.New(c.in.get("code")), c.in.get("redirect_uri"), secret.New(c.in.get("code_verifier")))
	case grant == "":
		err = application.BadRequest("The code is missing.")
	default:
		err = application.BadGrant()
	}
	if err != nil {
		return nil, err
	}
	event.From(c.r.Context()).Add(slog.Int64("token", int64(g.Token.ID)))
	out, now := answer{{"access_token", g.Plain}, {"scope", strings.Join(g.Token.Scopes.Names(), ",")}, {"token_type", "bearer"}}, c.door.o.Now()
	if !g.Token.ExpiresAt.IsZero() {
		out = append(out, pair{"expires_in", int(g.Token.ExpiresAt.Sub(now).Seconds())})
	}
	if !g.Refresh.IsZero() {
		out = append(out, pair{"refresh_token", g.Refresh},
			pair{"refresh_token_expires_in", int(g.RefreshExpires.Sub(now).Seconds())})
	}
	return out, nil
}

// device begins the device flow.
func (c *call) device() (answer, error) {
	a, err := c.client()
	if err != nil {
		return nil, err
	}
	d, err := c.door.o.Apps.StartDevice(c.r.Context(), &a.App, right.KnownScopes(right.SplitScopes(c.in.get("scope"))))
	if err != nil {
		return nil, err
	}
	return answer{{"device_code", d.Code}, {"user_code", d.UserCode}, {"verification_uri", c.door.o.Gate.URL("/login/device")},
		{"expires_in", int(application.DeviceLife.Seconds())}, {"interval", application.DeviceInterval}}, nil
}
