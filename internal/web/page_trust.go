package web

import "time"

// trustRow is a trusted issuer in a list.
type trustRow struct {
	Name, Href, Issuer, Subject, Gives string
	Used                               time.Time // zero: never
	Refused                            time.Time // zero: never
	Why                                string    // of the last refusal
}

// trustLine is one use or refusal.
type trustLine struct {
	At            time.Time
	Refused       bool
	Text, Subject string
}

// trustsPage is whom a repository or organisation trusts.
type trustsPage struct {
	HookFrame
	NewHref string
	Trusts  []trustRow
	Lines   []trustLine // refusals
}

// trustPage is the form for one, with its uses and refusals.
type trustPage struct {
	HookFrame
	Name, Issuer, Audience, Subject, Claims string
	Minutes                                 string
	Access, Repos                           string // of an organisation; Repos has a line for each
	Machine                                 string
	Machines                                []levelOption
	Groups                                  []permissionGroup
	Action, DeleteHref                      string // DeleteHref is empty for a new one
	Lines                                   []trustLine
	Live                                    int // tokens that are good now
	Resource, Endpoint                      string
	Clone                                   string // what the example clones
	Asked                                   string // the audience, as a shell takes it
}
