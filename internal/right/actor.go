package right

import (
	"net/netip"
	"time"

	"jeton/internal/id"
)

// RecentSignIn is how long a confirmed sign-in counts as recent.
const RecentSignIn = 2 * time.Hour

// CredentialKind says what a request presented.
type CredentialKind uint8

// The kinds of credential.
const (
	NoCredential CredentialKind = iota
	SessionCredential
	ClassicToken
	OperatorCommand // a command run by the machine's administrator
	OAuthToken      // given to an application by the account's person
	AppCredential   // an application's own id and secret: it speaks for nobody
	FineToken       // a fine-grained personal access token
	DeployToken     // of one repository, for whatever deploys it
	ExchangedToken  // given for minutes, for what another issuer said of a machine
)

var credentialNames = [...]string{"none", "session", "classic token", "operator", "oauth token", "application", "fine-grained token", "deploy token", "exchanged token"}

// String names the kind, for logs and pages.
func (k CredentialKind) String() string { return credentialNames[k] }

// Fine reports whether credentials of the kind have permissions within a reach,
// rather than scopes.
func (k CredentialKind) Fine() bool {
	return k == FineToken || k == DeployToken || k == ExchangedToken
}

// Actor is the authenticated outcome of a request: an account, the credential
// that proved it, and the grant of that credential. The zero value is the
// anonymous actor without any right; Anonymous gives the usual visitor.
type Actor struct {
	Account   id.Account // zero for visitors and for the operator
	Login     string
	SiteAdmin bool

	Kind    CredentialKind
	Token   id.Token   // set for tokens
	App     string     // the client id, for OAuthToken and AppCredential
	Note    string     // the token's note: for OAuthToken the application's name
	Ending  string     // how the token's secret ends: after a regeneration it is another
	Old     bool       // the secret is one that a rotation took out, and ends soon
	Scopes  ScopeSet   // the token's scopes
	Node    string     // which narrowed one of Token's it is; empty for itself
	Links   []string   // how that one was narrowed
	Carried string     // the system that made the token's secret; empty: this one
	Until   time.Time  // when the credential ends; zero for never
	Sess    id.Session // set for SessionCredential

	// What policies ask of a token beside that.
	Made        time.Time    // when its secret was made; that of the one that it was narrowed from
	Ends        time.Time    // when that one ends; zero for never
	Permissions Fine         // of a kind that has them
	From        netip.Addr   // from where it comes
	Approved    bool         // the owners of the organisation that it reaches approved it
	Barred      []id.Account // the owners that shut it out
	Policies    *Policies    // nil: none

	Confirmed time.Time // when the person last proved who they are, for sessions
	Grant     Grant

	// Filtered says that the door that acts for it shows only those refs that the
	// grant's limits let it see, and what these reach.
	Filtered bool
}

// Anonymous is the actor of a request without a credential.
func Anonymous() Actor { return Actor{Grant: PublicRead()} }

// Operator is the actor of an administrator's command on the machine itself.
func Operator() Actor {
	return Actor{Login: "operator", SiteAdmin: true, Kind: OperatorCommand, Grant: Everything()}
}

// IsAnonymous reports whether nobody is signed in.
func (a *Actor) IsAnonymous() bool { return a.Kind == NoCredential }

// IsToken reports whether the actor came by a token.
func (a *Actor) IsToken() bool {
	switch a.Kind {
	case ClassicToken, OAuthToken, FineToken, DeployToken, ExchangedToken:
		return true
	}
	return false
}

// Recent reports whether the actor's sign-in is recent at now. The operator's
// always is; a token's never is.
func (a *Actor) Recent(now time.Time) bool {
	switch a.Kind {
	case OperatorCommand:
		return true
	case SessionCredential:
		return !a.Confirmed.IsZero() && now.Sub(a.Confirmed) < RecentSignIn
	}
	return false
}

// OldEnding is how the token's secret ends, if it is one that a rotation took out.
func (a *Actor) OldEnding() string {
	if !a.Old {
		return ""
	}
	return a.Ending
}

// barred reports whether a limit about refs leaves the action out altogether.
func (a *Actor) barred(e *ActionInfo) bool {
	l := a.Grant.Limits
	if l == nil || e.Subject != OfRepo {
		return false
	}
	hidden := l.HideRefs() && e.Behind != BehindNone && (e.Behind != BehindRefs || !a.Filtered)
	return hidden || e.EndsRefs && l.LimitMoves()
}
