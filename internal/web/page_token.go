package web

import (
	"strconv"
	"strings"
	"time"

	"jeton/internal/id"
	"jeton/internal/right"
)

// expiry is when a token ends, as pages say it.
type expiry struct {
	At                time.Time
	Never, Past, Soon bool
}

// soon is how long before its end a token's expiry is pointed out.
const soon = 7 * 24 * time.Hour

func newExpiry(at, now time.Time) expiry {
	if at.IsZero() {
		return expiry{Never: true}
	}
	return expiry{At: at, Past: !now.Before(at), Soon: at.Sub(now) < soon}
}

// tokenRow is a token in the list.
type tokenRow struct {
	Href, Note string
	Gives      string // scopes or permissions
	Reaches    string // of a fine-grained token: whose repositories, and which
	Used       string
	Expiry     expiry
	Expired    bool
	Frozen     bool
	From       string // the system that it was brought over from, with its secret
	Blocked    string // what to say if a policy is against it
}

// newToken is a token that was made a moment ago, with its secret in the clear:
// the only struct that holds one, made for one answer.
type newToken struct {
	Href, Note, Secret    string
	Scopes, Login         string
	Reduced               bool // scopes inside others were dropped
	PublicOnly            bool // it clones nothing else
	Expiry                expiry
	Trust                 caLines
	Clone, API            string
	Windows, MacOS, Linux string
	Plain                 string
}

// tokensPage is the list of tokens.
type tokensPage struct {
	Frame
	New    *newToken
	Tokens []tokenRow
}

// scopeNode is one check box of the scope tree.
type scopeNode struct {
	ID, Name, Title string
	On              bool
	Children        []scopeNode
}

// scopeTree is the tree with the boxes of set ticked, a parent's children with
// it. What is within a child stands beside it, as on GitHub's form.
func scopeTree(set right.ScopeSet) []scopeNode {
	var tree []scopeNode
	for i, s := range right.Scopes() {
		n := scopeNode{ID: strconv.Itoa(i), Name: string(s.Name), Title: s.Title, On: set.Contains(s.Name)}
		if s.Parent != "" && len(tree) > 0 { // each parent comes directly before its children
			top := &tree[len(tree)-1]
			top.Children = append(top.Children, n)
			continue
		}
		tree = append(tree, n)
	}
	return tree
}

// expiryOption is one choice of an expiration, with the day that it leads to.
type expiryOption struct {
	Value, Text, Day string
	Selected         bool
}

// expiryField is the choice of an expiration.
type expiryField struct {
	Options           []expiryOption
	Custom, Min, Text string
	Time              string // of the custom day; empty: its end
	Wrong             string
	Policy, Max       string // what a policy says of it; the last day that it leaves
}

// presets are the numbers of days that are offered; the second is preselected.
var presets = [...]int{7, 30, 60, 90}

const defaultPreset = "30"

// newExpiryField makes the field; custom is a day, and a time behind a space if one
// was given.
func newExpiryField(choice, custom string, now time.Time) expiryField {
	date, clock, _ := strings.Cut(custom, " ")
	f := expiryField{Custom: date, Time: clock, Min: now.UTC().Format(time.DateOnly)}
	for _, days := range presets {
		d := day(inDays(now, days))
		f.Options = append(f.Options, expiryOption{Value: strconv.Itoa(days), Day: d, Text: strconv.Itoa(days) + " days (" + d + ")"})
	}
	f.Options = append(f.Options, expiryOption{Value: "custom", Text: "Custom date"}, expiryOption{Value: "none", Text: "No expiration"})
	at := -1
	for i := range f.Options {
		if f.Options[i].Value == choice {
			at = i
		}
	}
	if at < 0 {
		at = 1
	}
	o := &f.Options[at]
	o.Selected = true
	switch o.Value {
	case "none":
		f.Text = "The token will never expire."
	case "custom":
		f.Text = "Choose the day on which the token will expire."
		if t, err := customEnd(custom); err == nil {
			f.Text = "The token will expire on " + day(t) + "."
			if f.Time != "" {
				f.Text = "The token will expire on " + day(t) + ", at " + f.Time + " UTC."
			}
		}
	default:
		f.Text = "The token will expire on " + o.Day + "."
	}
	return f
}

// customEnd reads a day, which counts to its end, or a day and a time, in UTC.
func customEnd(text string) (time.Time, error) {
	if strings.Contains(text, " ") {
		return time.Parse("2006-01-02 15:04", text)
	}
	d, err := time.Parse(time.DateOnly, text)
	return d.Add(24*time.Hour - time.Second), err
}

func inDays(now time.Time, days int) time.Time { return now.UTC().AddDate(0, 0, days) }

// tokenForm is what the forms for a new token and for a changed one share.
type tokenForm struct {
	Frame
	Note        string
	Scopes      []scopeNode
	ScopesWrong string
	Expiry      expiryField
	FromLink    bool
	Unknown     string // scopes that a link asked for and that are not offered
}

// tokenPage is one token: the form to change it, and how it was used.
type tokenPage struct {
	Frame
	tokenUse
	Note        string
	Scopes      []scopeNode
	ScopesWrong string
	Expiry      expiry
}

// tokenUse is by what a token is known, and how it was used.
type tokenUse struct {
	ID                                            id.Token
	LastEight                                     string
	Created                                       time.Time
	MadeBy                                        string // of a machine's token
	Used                                          time.Time
	UsedAddress, UsedClient, UsedRepo, UsedAction string
	Narrowed                                      *narrowedPart // nil: the page says nothing of it
	Href, Log                                     string        // Log: of what the token did, in the security log
	Frozen                                        time.Time     // zero: it is not
	From                                          string        // the system that it was brought over from, with its secret
	Until                                         time.Time     // when that ends
	Old                                           *oldSecret    // nil: none works
	Ledger                                        *tokenLedger  // nil when the form is shown again
	Explain                                       explainForm
	Standing                                      []standing // why policies keep it from something
}

// regeneratePage asks for a new expiration.
type regeneratePage struct {
	Frame
	Home, Href, Note string
	What, Gives      string // "scopes", and those
	Expiry           expiryField
}
