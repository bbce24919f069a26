package repo

import (
	"slices"
	"strings"
	"time"

	"jeton/internal/id"
	"jeton/internal/pattern"
	"jeton/internal/right"
)

// Rule protects the branches or tags that match its pattern. Whoever may push
// at all is the gate's question; a rule only takes away.
//
// As on GitHub, forced pushes and deletions are a rule's for everybody, also for
// administrators of the repository; who may push holds for administrators only
// with IncludeAdmins.
type Rule struct {
	ID            id.Rule
	Kind          RefKind
	Pattern       string
	Push          Pushers
	Accounts      []Listed // with ListedPush, by login
	Itself        bool     // with ListedPush: the repository's own account, too, for its deploy tokens and trusted CI
	IncludeAdmins bool
	AllowForce    bool
	AllowDelete   bool
	CreatedAt     time.Time

	pattern pattern.Pattern
	machine id.Account // of the repository; zero unless Itself
}

// RefKind is what a rule is about.
type RefKind uint8

// The kinds.
const (
	BranchRef RefKind = iota
	TagRef
)

// String is the kind's word for people.
func (k RefKind) String() string {
	if k == TagRef {
		return "tag"
	}
	return "branch"
}

// prefix is what stands before a name of the kind in a ref.
func (k RefKind) prefix() string {
	if k == TagRef {
		return "refs/tags/"
	}
	return "refs/heads/"
}

// Pushers says who may push, of those who have write access.
type Pushers uint8

// The groups.
const (
	WritersPush Pushers = iota // everybody with write access
	AdminsPush                 // who administers the repository
	ListedPush                 // those whom the rule lists
)

// Listed is an account that a rule lists.
type Listed struct {
	Account id.Account
	Login   string
}

// ForceBlock says where forced pushes are refused whatever the rules say.
type ForceBlock uint8

// Where.
const (
	BlockNowhere ForceBlock = iota
	BlockDefault            // to the default branch
	BlockAll                // to every branch
)

// MayPush reports whether an account with that level on the repository may push
// to what the rule is about.
func (r *Rule) MayPush(who id.Account, level right.Level) bool {
	if level >= right.Admin && !r.IncludeAdmins {
		return true
	}
	switch r.Push {
	case WritersPush:
		return true
	case AdminsPush:
		return level >= right.Admin
	case ListedPush:
		return r.Itself && who == r.machine || slices.ContainsFunc(r.Accounts, func(l Listed) bool { return l.Account == who })
	}
	return false // a group that this program does not know
}

// Rules are all rules of a repository. They are shared and never change.
type Rules struct{ list []Rule }

// All returns the rules, exact names first, each part in the order in which
// they were made.
func (s *Rules) All() []Rule { return s.list }

// For returns the one rule that speaks of a ref, or nil. As on GitHub an exact
// name counts before any pattern, and of several patterns the oldest.
func (s *Rules) For(ref string) *Rule {
	for i := range s.list {
		r := &s.list[i]
		if name, ok := strings.CutPrefix(ref, r.Kind.prefix()); ok && r.pattern.Match(name) {
			return r
		}
	}
	return nil
}

func newRules(list []Rule) *Rules {
	slices.SortStableFunc(list, func(a, b Rule) int {
		switch {
		case a.pattern.Exact() == b.pattern.Exact():
			return int(a.ID - b.ID)
		case a.pattern.Exact():
			return -1
		}
		return 1
	})
	return &Rules{list: list}
}
