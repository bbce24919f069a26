package oauth_test

import (
	"os"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// mutants are the server without one of its guards, by the test that must notice.
var mutants = map[string][]apptest.Mutant{
	"TestAttack_redirects$": {
		{File: redirectFile, Old: "if from, ok := cleanRedirect(one); ok && within(from, to) {", New: "if from, ok := cleanRedirect(one); ok || within(from, to) {"},
		{File: redirectFile, Old: `return strings.HasPrefix(path, base+"/")`, New: `return strings.HasPrefix(path, base)`},
		{File: redirectFile, Old: `if segment == "." || segment == ".." {`, New: `if segment == "x" {`, Also: []apptest.Mutant{
			{File: redirectFile, Old: `strings.Contains(path, "%2e") || `, New: ""}}},
		{File: redirectFile, Old: `!loopback(from) && from.Port() != to.Port()`, New: `false`},
	},
	"TestAttack_pkce$": {
		{File: codeFile, Old: "if challenge == \"\" {\n\t\treturn v == \"\"", New: "if challenge == \"\" {\n\t\treturn true"},
		{File: codeFile, Old: "return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1", New: "_ = subtle.ConstantTimeCompare(sum[:], nil)\n\treturn true"},
		{File: "internal/web/authorize.go", Old: `case method != "" && method != "S256", challenge != "" && method == "":`, New: `case method == "x":`},
	},
	"TestAttack_codes$": {
		{File: codeFile, Old: "case k.used != 0:", New: "case false:"},
		{File: codeFile, Old: `r.o.Tokens.RevokeTx(ctx, tx, actorOf(&c.App, k.account, ""), k.account, k.token, "its code was used twice")`, New: "nil"},
		{File: codeFile, Old: "case !r.o.Now().Before(db.Time(k.expires)):", New: "case false:"},
		{File: codeFile, Old: `case redirect != "" && redirect != k.redirect:`, New: "case false:"},
		{File: codeFile, Old: "if !c.Public() && !c.Proven {", New: "if false {"},
		{File: codeFile, Old: "err != nil || !ok || found.client != c.ClientID {", New: "err != nil || !ok || found.client == \"\" {", Also: []apptest.Mutant{
			{File: codeFile, Old: "case !ok || k.client != c.ClientID:", New: "case !ok:"}}},
	},
	"TestRefresh$": {
		{File: refreshFile, Old: "if f.used != 0 {", New: "if false {"},
		{File: refreshFile, Old: `r.o.Tokens.RevokeTx(ctx, tx, actorOf(&c.App, f.account, ""), f.account, f.token, "a refresh token was used twice")`, New: "nil"},
		{File: refreshFile, Old: "if !c.Public() && !c.Proven && !found.device {", New: "if false {"},
	},
	"TestAttack_revocation$": {
		{File: "internal/application/grant.go", Old: "if err := forget(ctx, tx, account, clientID); err != nil {", New: "if err := error(nil); err != nil {", Also: []apptest.Mutant{
			{File: "internal/application/grant.go", Old: "n, err := r.o.Tokens.RevokeAppTx(ctx, tx, actor, account, clientID, why)", New: "n, err := 1, error(nil)\n\t_ = why"}}},
	},
	"TestAttack_guesses$": {
		{File: deviceFile, Old: "if ok, after := r.o.Limit.Allow(key, rate, 1); !ok {", New: "if ok, after := r.o.Limit.Allow(key, rate, 0); !ok {"},
		{File: deviceFile, Old: "if !found || d.state != devicePending || !r.o.Now().Before(db.Time(d.expires)) {\n\t\treturn DeviceRequest{}, wrong", New: "if !found {\n\t\treturn DeviceRequest{}, wrong", Also: []apptest.Mutant{
			{File: deviceFile, Old: "if !found || d.state != devicePending || !r.o.Now().Before(db.Time(d.expires)) {\n\t\t\treturn problem.New", New: "if !found {\n\t\t\treturn problem.New"}}},
		{File: deviceFile, Old: "if err != nil || !found || d.client != c.ClientID {", New: "if err != nil || !found {", Also: []apptest.Mutant{
			{File: deviceFile, Old: "if !found || d.client != c.ClientID || d.state != deviceAllowed {", New: "if !found || d.state != deviceAllowed {"}}},
	},
	"TestAttack_stale$": {
		{File: "internal/web/web.go", Old: `Path: "/login/oauth/authorize", Action: right.SelfSensitive, Handle: authorizeApp`, New: `Path: "/login/oauth/authorize", Action: right.SelfRead, Handle: authorizeApp`},
		{File: "internal/web/web.go", Old: `Action: right.SelfSensitive, Handle: decideDevice`, New: `Action: right.SelfRead, Handle: decideDevice`},
	},
	"TestAttack_secrets$": {
		{File: "internal/httpkit/guard.go", Old: ` || q.Has("refresh_token") || q.Has("client_secret")`, New: ""},
	},
	"TestAttack_others$": {
		{File: "internal/application/store.go", Old: "WHERE id = $1 AND owner_id = $2`, app, owner)", New: "WHERE id = $1 AND $2 > 0`, app, owner)"},
		{File: "internal/application/application.go", Old: "if bones(f.Name) == bones(known.Name) {", New: "if f.Name == known.Name {"},
	},
	"TestTenTokens$": {
		{File: "internal/token/oauth.go", Old: "if old.Scopes != t.Scopes || old.Parent != 0 {", New: "if false {"},
		{File: "internal/token/oauth.go", Old: "if same++; same >= PerApp {", New: "if same++; same > PerApp {"},
	},
	"TestPersonal_apart$": {
		{File: "internal/token/store.go", Old: `classic  kinds = " AND kind = 0"`, New: `classic  kinds = ""`},
	},
	"TestEnds$": {
		{File: "internal/application/grant.go", Old: "if problem.Is(err, problem.NotFound) || err == nil && who.Suspended {", New: "if problem.Is(err, problem.NotFound) {"},
		{File: "internal/application/application.go", Old: "if f.Suspended {", New: "if f.Suspended && false {"},
	},
}

// The files that several mutants change.
const (
	redirectFile = "internal/application/redirect.go"
	codeFile     = "internal/application/code.go"
	refreshFile  = "internal/application/refresh.go"
	deviceFile   = "internal/application/device.go"
)

// TestMutants builds the server without each guard and runs the test against it,
// which must fail. That takes minutes; the ordinary run only sees that the guards
// are still where the list says.
func TestMutants(t *testing.T) {
	t.Parallel()
	for run, all := range mutants {
		for _, m := range all {
			t.Run(strings.TrimSuffix(run, "$")+"/"+m.Old, func(t *testing.T) {
				m.Present(t)
				if os.Getenv("JETON_LONG") != "" {
					m.MustFail(t, "jeton/internal/oauth", "^"+run)
				}
			})
		}
	}
}
