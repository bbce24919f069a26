package exchange

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/trust"
)

// Why an identity token was refused, as the owner's log has it.
const (
	whyIssuer    = "issuer"
	whyAlgorithm = "algorithm"
	whyExpired   = "expired"
	whyEarly     = "not yet valid"
	whyLong      = "lifetime"
	whyDown      = "issuer unavailable"
	whySignature = "signature"
	whySubject   = "subject"
	whyAudience  = "audience"
	whyClaim     = "claim " // with its name
	whyReplayed  = "replayed"
	whyMachine   = "service account"
	whyPolicy    = "token policy"
	whyGone      = "changed meanwhile"
)

// linesPerPlace is how many refusals of one place an hour of its owner's log holds at
// most: whoever is known to an issuer can have any number of subjects.
const linesPerPlace = 50

// shown is how much of what was presented a line holds, in bytes.
const shown = 160

// Fault is why a machine does not get a token: the code of RFC 6749, RFC 8693 or RFC
// 8707, and a sentence for people.
type Fault struct {
	Code    string
	problem *problem.Error
}

// Error returns the text for the log.
func (f *Fault) Error() string { return f.Code + ": " + f.problem.Public }

// Unwrap returns the problem.
func (f *Fault) Unwrap() error { return f.problem }

// Description is the sentence for people.
func (f *Fault) Description() string { return f.problem.Public }

func fault(code, text string) *Fault {
	return &Fault{Code: code, problem: problem.New(problem.Invalid, text, "")}
}

func invalid(text string) *Fault { return fault("invalid_request", text) }

// unknown is the answer for a place that is not there, or that does not trust whoever
// asks: it does not say which.
func unknown() *Fault {
	return fault("invalid_target", "Nothing at this resource takes this identity token. Check the resource, and the issuer, subject and audience of the token. "+
		"Where some of it is trusted, the security log of the resource's owner says what did not fit.")
}

// faultFor is what is told of a reason.
func faultFor(why string) error {
	switch {
	case why == whyAlgorithm:
		return invalid("The identity token must be signed by RS, PS or ES with 256 to 512 bits, or by EdDSA.")
	case why == whyExpired:
		return invalid("The identity token has expired. Ask the issuer for another one.")
	case why == whyEarly:
		return invalid("The identity token is not valid yet: its clock is ahead of this server's.")
	case why == whyLong:
		return invalid("The identity token lives for more than 24 hours, which is too long.")
	case why == whyDown:
		return &Fault{Code: "temporarily_unavailable", problem: &problem.Error{Kind: problem.Unavailable, Public: "The keys of the issuer can't be fetched at the moment.", After: 10}}
	case why == whyAudience:
		return invalid("The audience of the identity token is not the one that is trusted here.")
	case strings.HasPrefix(why, whyClaim):
		return invalid("A claim of the identity token is not as it is trusted here.")
	case why == whyReplayed:
		return invalid("The identity token was exchanged already. Ask the issuer for another one.")
	case why == whyPolicy:
		return fault("access_denied", "A token policy of this site, or of the resource's owner, allows no exchanged tokens.")
	case why == whyMachine:
		return fault("invalid_target", "The service account as which the token would act is not there, or is suspended.")
	}
	return unknown()
}

func sortedNames(claims map[string]string) []string { return slices.Sorted(maps.Keys(claims)) }

// detail is what a line says of who came.
func (x *attempt) detail(t *trust.Trust) map[string]string {
	out := map[string]string{"issuer": printable.Line(x.issuer, shown), "subject": printable.Line(x.subject, shown)}
	if t != nil {
		out["trust_id"], out["trust"] = strconv.FormatInt(int64(t.ID), 10), t.Name
	}
	return out
}

// refused writes a refusal into the log of the place's owner: of which trust, if one
// was near, and why. The same is written once an hour. Of an identity token that the
// issuer signed each subject is another line; of others, which anybody can make up,
// there is one for all.
func (x *attempt) refused(ctx context.Context, t *trust.Trust, why string) {
	f := x.flow
	near := trust.Trust{}
	if t != nil {
		near = *t
	}
	key := fmt.Sprintf("%s %d %s", x, near.ID, why)
	if x.proven {
		key += " " + x.subject
	}
	if f.noticed.Add(short(key)) > 1 || f.noticed.Add(x.String()) > linesPerPlace {
		return
	}
	detail := x.detail(t)
	detail["why"] = why
	if why == whyAudience {
		detail["audience"] = printable.Line(strings.Join(x.audience, ", "), shown)
	}
	if name, ok := strings.CutPrefix(why, whyClaim); ok {
		got, _ := x.claim(name)
		detail["value"] = printable.Line(got, shown)
	}
	if !x.proven {
		detail["signature"] = "not verified"
	}
	err := f.o.Trusts.Refused(context.WithoutCancel(ctx), near.ID, why, audit.Entry{ // whoever hangs up does not take the line away
		Action: "trust.refused", Actor: right.Anonymous(), Account: x.where.Owner, Repo: x.where.Repo, Target: x.where.Name, Detail: detail})
	if err != nil {
		f.o.Log.ErrorContext(ctx, "the security log can't be written", "err", err)
	}
}
