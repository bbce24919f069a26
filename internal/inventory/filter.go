package inventory

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Filter narrows the list. Its fields are the words that a form, a link or a command
// line has; empty ones narrow nothing. Spans are written as 90d, 12w, 6m or 1y.
type Filter struct {
	Owner  string // the login of whose tokens
	Kind   string // as token.Kind names it
	Unused string // for so long, or "never" used at all
	Used   string // within so long
	Older  string // made before so long
	Newer  string // made within so long
	Ends   string // "never", "expired", "current": not expired, or within so long
	Reach  string // "anywhere", "all", "selected" or "public"
	Of     string // the login of the account whose things alone a token reaches
	May    string // a scope, or a permission, perhaps with a level: contents=write
	Barred string // "yes": only those that the organisation has shut out, instead of the others
}

// Field is one field of a filter by its name in forms and links.
type Field struct {
	Name  string
	Value *string
}

// Fields lists the fields of f.
func (f *Filter) Fields() []Field {
	return []Field{{"owner", &f.Owner}, {"kind", &f.Kind}, {"unused", &f.Unused}, {"used", &f.Used}, {"older", &f.Older}, {"newer", &f.Newer},
		{"ends", &f.Ends}, {"reach", &f.Reach}, {"of", &f.Of}, {"may", &f.May}, {"barred", &f.Barred}}
}

// ReadFilter takes a filter out of a query or a form. That it means something is
// for the room to say.
func ReadFilter(in url.Values) Filter {
	var f Filter
	for _, one := range f.Fields() {
		text := strings.TrimSpace(in.Get(one.Name))
		*one.Value = strings.ToValidUTF8(text[:min(len(text), 100)], "")
	}
	return f
}

// Query is f as a link has it.
func (f Filter) Query() url.Values {
	out := url.Values{}
	for _, one := range f.Fields() {
		if *one.Value != "" {
			out.Set(one.Name, *one.Value)
		}
	}
	return out
}

// Any reports whether f narrows at all.
func (f Filter) Any() bool { return f != Filter{} }

// terms is a filter that was read, in numbers as they are stored.
type terms struct {
	account, of      id.Account // zero: anybody's
	kind             token.Kind
	ofKind           bool
	neverUsed        bool
	unusedBefore     int64 // zero of any of these: not asked for
	usedSince        int64
	madeBefore       int64
	madeSince        int64
	endless          bool
	expired, current bool
	endsBefore       int64
	reach            token.Access
	ofReach          bool
	scope            right.Scope
	permission       string
	level            right.Level
	barred           bool
	nobody           bool       // an account that is asked for does not exist
	org              id.Account // whose owners ask; zero: those of the site
	orgLogin         string
	now              int64
}

var span = regexp.MustCompile(`^([0-9]{1,4})([dwmy])$`)

// ago reads a span and returns the moment so long before now, or after it.
func ago(now time.Time, name, text string, sign int) (int64, error) {
	m := span.FindStringSubmatch(text)
	if m == nil {
		return 0, problem.Field(name, "Write a time as 90d, 12w, 6m or 1y.")
	}
	n, _ := strconv.Atoi(m[1])
	days := n * map[string]int{"d": 1, "w": 7, "m": 30, "y": 365}[m[2]]
	return db.Micros(now.AddDate(0, 0, sign*days)), nil
}

var reaches = []string{token.Anywhere: "anywhere", token.PublicOnly: "public", token.AllOf: "all", token.Selected: "selected"}

// read makes sure that f means something. Logins are for the room to look up.
func (f *Filter) read(now time.Time) (terms, error) {
	q := terms{now: db.Micros(now), barred: f.Barred == "yes"}
	if f.Barred != "" && !q.barred {
		return q, problem.Field("barred", "Choose one of those that are offered.")
	}
	if f.Kind != "" {
		k := slices.IndexFunc(kinds(), func(k token.Kind) bool { return k.String() == f.Kind })
		if k < 0 {
			return q, problem.Field("kind", "Choose one of the kinds that are offered.")
		}
		q.kind, q.ofKind = kinds()[k], true
	}
	if f.Reach != "" {
		k := slices.Index(reaches, f.Reach)
		if k < 0 {
			return q, problem.Field("reach", "Choose one of those that are offered.")
		}
		q.reach, q.ofReach = token.Access(k), true
	}
	if err := q.readTimes(f, now); err != nil {
		return q, err
	}
	return q, q.readMay(f.May)
}

func (q *terms) readTimes(f *Filter, now time.Time) (err error) {
	for _, one := range []struct {
		name, text string
		sign       int
		to         *int64
	}{{"unused", f.Unused, -1, &q.unusedBefore}, {"used", f.Used, -1, &q.usedSince}, {"older", f.Older, -1, &q.madeBefore}, {"newer", f.Newer, -1, &q.madeSince}, {"ends", f.Ends, 1, &q.endsBefore}} {
		switch {
		case one.text == "":
		case one.name == "unused" && one.text == "never":
			q.neverUsed = true
		case one.name == "ends" && one.text == "never":
			q.endless = true
		case one.name == "ends" && one.text == "expired":
			q.expired = true
		case one.name == "ends" && one.text == "current":
			q.current = true
		default:
			if *one.to, err = ago(now, one.name, one.text, one.sign); err != nil {
				return err
			}
		}
	}
	return nil
}

// toDays asks about the last use by whole days: whoever is shown the day alone could
// ask often, and see when a token leaves the list.
func (q *terms) toDays() {
	for _, at := range []*int64{&q.unusedBefore, &q.usedSince} {
		if *at != 0 {
			*at = db.Micros(db.Time(*at).UTC().Truncate(24 * time.Hour))
		}
	}
}

func (q *terms) readMay(text string) error {
	if text == "" {
		return nil
	}
	if _, err := right.ParseScopes([]string{text}); err == nil {
		q.scope = right.Scope(text)
		return nil
	}
	name, level, leveled := strings.Cut(text, "=")
	var f right.Fine
	q.permission, q.level = name, right.Read
	if leveled {
		l, ok := right.ParseLevel(level)
		if !ok {
			return problem.Field("may", fmt.Sprintf("%q is no level: write read or write.", level))
		}
		q.level = l
	}
	if err := f.Set(name, right.Read); err != nil && f.Set(name, right.Write) != nil {
		return problem.Field("may", "There is no scope and no permission of this name.")
	}
	return nil
}

// kinds are those of which tokens are listed.
func kinds() []token.Kind {
	return []token.Kind{token.Personal, token.FineGrained, token.OAuth, token.Deploy, token.Exchanged}
}

// Kinds names the kinds of tokens that are listed, for forms.
func Kinds() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.String())
	}
	return out
}

// match reports whether a token is among those that are asked for: the whole
// filter, also what an index has narrowed already.
func (q *terms) match(t *row) bool {
	return q.matchTimes(t) && q.matchRights(t) &&
		(q.account == 0 || t.account == q.account) &&
		(q.of == 0 || t.access != token.Anywhere && t.owner == q.of) &&
		(!q.ofKind || t.kind == q.kind) && !q.nobody
}

func (q *terms) matchTimes(t *row) bool {
	over := t.expires != 0 && t.expires <= q.now
	switch {
	case q.neverUsed && t.used != 0,
		q.unusedBefore != 0 && t.active() >= q.unusedBefore,
		q.usedSince != 0 && t.used < q.usedSince,
		q.madeBefore != 0 && t.created >= q.madeBefore,
		q.madeSince != 0 && t.created < q.madeSince,
		q.endless && t.expires != 0,
		q.expired && !over,
		q.current && over,
		q.endsBefore != 0 && (t.expires == 0 || over || t.expires > q.endsBefore):
		return false
	}
	return true
}

func (q *terms) matchRights(t *row) bool {
	switch {
	case q.ofReach && (t.access != q.reach || q.reach == token.Anywhere && t.kind.Fine()):
		return false
	case q.scope != "":
		return !t.kind.Fine() && t.shown(q.org).Contains(q.scope)
	case q.permission != "":
		if !t.kind.Fine() && t.access == token.Anywhere {
			return false
		}
		f := right.ParseFine(t.permissions)
		return f.Level(q.permission) >= q.level
	}
	return true
}
