package web

import "time"

// alertRow is an alert in a list.
type alertRow struct {
	Href, What, Ending, Says string
	Number                   int64
	Found                    time.Time
	Live, Maybe, Open        bool // Maybe: whether it is live can't be told
}

// alertsPage is a repository's alerts of secret scanning.
type alertsPage struct {
	RepoFrame
	Alerts    []alertRow
	Closed    bool // these are the closed ones
	Other     string
	Looked    time.Time // when the repository was last looked through; zero: never
	Unscanned bool      // it waits to be
}

// placeRow is where a token stands.
type placeRow struct{ Text, Href string }

// alertPage is one alert.
type alertPage struct {
	RepoFrame
	Row         alertRow
	Places      []placeRow
	Mine        bool   // the viewer's own
	End         string // where the viewer ends it, if not with the button here
	Note        string // of the viewer's own token
	Comment     string
	By          string // who closed it
	At          time.Time
	Bypassed    string // who pushed it in spite of the warning
	Resolutions []choice
}

// choice is one of several that a form offers.
type choice struct {
	Value, Text string
	Selected    bool
}

// unblockPage asks why a token shall be pushed.
type unblockPage struct {
	RepoFrame
	Ending  string
	Mine    bool
	Action  string
	Token   string // where the viewer's own token is deleted
	Reasons []choice
	Until   time.Time // the permission that is there already
}
