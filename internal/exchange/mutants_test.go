package exchange_test

import (
	"os"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

const (
	exchangeFile = "internal/exchange/exchange.go"
	verifyFile   = "internal/exchange/verify.go"
	issuerFile   = "internal/exchange/issuer.go"
)

// mutants are the server without one of its guards, by the test that must notice.
var mutants = map[string][]apptest.Mutant{
	"TestExchange_refused$": {
		{File: exchangeFile, Old: "	if !slices.Contains(x.audience, t.Audience) {\n\t\treturn whyAudience", New: "	if false {\n\t\treturn whyAudience"},
		{File: exchangeFile, Old: "	if !trust.SubjectFits(t.Subject, x.subject) {\n\t\treturn whySubject", New: "	if false {\n\t\treturn whySubject"},
		{File: exchangeFile, Old: "return t.Issuer != x.issuer })", New: "return false })"},
		{File: exchangeFile, Old: "!ok || got != t.Claims[name] {", New: "!ok && got != t.Claims[name] {"},
		{File: verifyFile, Old: "case id.expires.Sub(begun) > longest:", New: "case id.expires.Sub(begun) > 1000*longest:"},
	},
	"TestExchange_once$": {
		{File: exchangeFile, Old: "if !first {", New: "if !first && false {"},
	},
	"TestKeys_algorithms$": {
		{File: exchangeFile, Old: "	if !slices.Contains(algorithms(), x.algorithm) {", New: "	if false {"},
		{File: verifyFile, Old: `id.digest = sha256.Sum256(append([]byte("payload "), body...))`, New: "id.digest = sha256.Sum256([]byte(raw))"},
	},
	"TestKeys_documents$": {
		{File: issuerFile, Old: `json.Unmarshal(about["issuer"], &says) != nil || says != name {`, New: `json.Unmarshal(about["issuer"], &says) != nil {`},
	},
	"TestKeys_rotation$": {
		{File: issuerFile, Old: "now.Sub(v.tried) < between && !now.Before(v.tried)", New: "false"},
	},
	"TestExchange_ends$": {
		{File: "internal/trust/store.go", Old: "if !t.says(&s) {", New: "if false {"},
		{File: "internal/lifecycle/transfer.go", Old: "f.o.Trusts.DropTx(ctx, tx, actor, trust.Of{Repo: r})", New: "f.o.Trusts.DropTx(ctx, tx, actor, trust.Of{Repo: -r})"},
	},
}

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
					m.MustFail(t, "jeton/internal/exchange", "^"+run)
				}
			})
		}
	}
}
