package web

import (
	"time"
)

// policyForm is what a site or an organization wants of tokens.
type policyForm struct {
	OrgFrame    // of the site only the Frame in it
	Action      string
	Whose       string // "this site", or the organization's name
	Site        bool
	Kinds       []kindChoice
	MustEnd     bool
	Days        string
	Scopes      []scopeNode
	ScopesOnly  bool
	Groups      []permissionGroup
	FineOnly    bool
	Networks    string
	Approve     bool
	Waiting     int // requests that wait; of an organization
	RequestsURL string
}

// kindChoice is a kind of token that may be used or not.
type kindChoice struct {
	Value, Text string
	On          bool
}

// requestsPage is what waits for an organization's owners.
type requestsPage struct {
	OrgFrame
	Requests  []requestRow
	Wanted    bool // the policy asks for approval
	Broken    bool // it can't be read
	PolicyURL string
	Pager     pager
}

// requestRow is a fine-grained token that waits.
type requestRow struct {
	ID, Action, Login, Name, Reason string
	Reaches, Gives                  string
	Repos                           []string
	Expiry                          expiry
	Asked                           time.Time
}

// standing is why a policy keeps a token from something, and what can be done.
type standing struct{ Public, Remedy string }
