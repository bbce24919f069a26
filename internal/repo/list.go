package repo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Affiliation is a set of the ways in which an account can be tied to a
// repository. The empty set asks for none and lists what is visible at all.
type Affiliation uint8

// The affiliations. Member is GitHub's organization_member: by a membership or a
// team of the organisation that owns it.
const (
	ByOwner Affiliation = 1 << iota
	ByCollaborator
	ByMember
)

// Visibility restricts a list to private or to public repositories.
type Visibility uint8

// The visibilities.
const (
	AnyVisibility Visibility = iota
	OnlyPublic
	OnlyPrivate
)

// Sort is what a list is ordered by.
type Sort uint8

// The orders.
const (
	SortName Sort = iota // owner/name, regardless of case
	SortCreated
	SortUpdated
	SortPushed
	SortNumber
)

// TextOf is a set of what words are looked for in; the empty set is all but the
// README.
type TextOf uint8

// The texts.
const (
	InName TextOf = 1 << iota
	InDescription
	InTopics
)

// MaxPerPage is the most that one page of a list holds.
const MaxPerPage = 100

const (
	defaultPerPage = 30
	maxPage        = 1_000_000
)

// Query says which of the visible repositories a list shall have.
type Query struct {
	Owner       id.Account   // only what this account owns; zero for any
	Team        id.Team      // only what this team may use; zero for any
	Fork        id.Repo      // only what was forked from this; zero for any
	Within      *right.Reach // only what is in reach; nil for any
	Affiliation Affiliation  // only what Of is tied to in one of these ways
	Of          id.Account   // zero is the viewer
	Visibility  Visibility
	Name        string    // only names that contain this, regardless of case
	Since       time.Time // only what was updated later; zero for any
	After       id.Repo   // only those with higher numbers
	Words       []string  // only those that hold each word, regardless of case, In
	In          TextOf
	Topics      []string  // only those with each of these topics
	Before      time.Time // only what was updated earlier; zero for any
	Sort        Sort
	Descending  bool
	IsFork      *bool // nil for both
	IsArchived  *bool // nil for both
	Page        int   // from 1; zero is 1
	PerPage     int   // zero is 30
	Skip        int   // further entries to leave out before the page
	Closed      bool  // the site shows nothing to visitors
}

// Bounds returns the page and its size as they will be used.
func (q *Query) Bounds() (page, perPage int) {
	page, perPage = min(max(q.Page, 1), maxPage), q.PerPage
	if perPage <= 0 {
		perPage = defaultPerPage
	}
	return page, min(perPage, MaxPerPage)
}

// clause gathers the conditions of a query with their arguments.
type clause struct {
	where []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (c *clause) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *clause) and(condition string) { c.where = append(c.where, condition) }

// ListVisible returns one page of the repositories that viewer may know of and
// q asks for, each with the viewer's relation, and how many there are on all
// pages. A nil viewer is a visitor. What is visible is decided here by the rule
// of right.Check for right.RepoRead; a test holds the two together.
func (m *Room) ListVisible(ctx context.Context, r db.Reader, viewer *right.Actor, q Query) ([]Found, int, error) {
	if viewer == nil {
		visitor := right.Anonymous()
		viewer = &visitor
	}
	var c clause
	// The viewer's number is the first argument: the join below uses it.
	me := c.arg(viewer.Account)
	if !c.visible(viewer, me, q.Closed) {
		return []Found{}, 0, nil
	}
	c.filter(viewer, &q)
	from := `
		FROM repositories r
		JOIN accounts a ON a.id = r.owner_id
		LEFT JOIN collaborators c ON c.repo_id = r.id AND c.account_id = ` + me + `
		WHERE ` + strings.Join(c.where, " AND ")

	var total int
	if err := r.QueryRow(ctx, `SELECT COUNT(*)`+from, c.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count repositories: %w", err)
	}
	page, perPage := q.Bounds()
	skip := (page-1)*perPage + max(q.Skip, 0)
	if skip >= total {
		return []Found{}, total, nil
	}
	text := `SELECT ` + columnsFor(me) + from + q.order() + ` LIMIT ` + c.arg(perPage) + ` OFFSET ` + c.arg(skip)
	rows, err := r.Query(ctx, text, c.args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list repositories: %w", err)
	}
	defer rows.Close()
	out := make([]Found, 0, perPage)
	for rows.Next() {
		f, err := scan(rows, viewer.Account)
		if err != nil {
			return nil, 0, fmt.Errorf("list repositories: %w", err)
		}
		out = append(out, f)
	}
	return out, total, rows.Err()
}

func (c *clause) filter(viewer *right.Actor, q *Query) {
	if q.Owner != 0 {
		c.and(`r.owner_id = ` + c.arg(q.Owner))
	}
	if q.Team != 0 {
		c.and(`r.id IN (SELECT repo_id FROM team_repos WHERE team_id = ` + c.arg(q.Team) + `)`)
	}
	if q.Fork != 0 {
		c.and(`r.fork_of = ` + c.arg(q.Fork))
	}
	if q.Within != nil {
		c.and(c.within(q.Within))
	}
	if q.Affiliation != 0 {
		of := q.Of
		if of == 0 {
			of = viewer.Account
		}
		c.affiliated(q.Affiliation, of)
	}
	switch q.Visibility {
	case OnlyPublic:
		c.and(`NOT r.private`)
	case OnlyPrivate:
		c.and(`r.private`)
	}
	if q.IsFork != nil {
		c.and(`(r.fork_of <> 0) = ` + c.arg(*q.IsFork))
	}
	if q.IsArchived != nil {
		c.and(`r.archived = ` + c.arg(*q.IsArchived))
	}
	if q.Name != "" {
		c.and(`r.name_key LIKE ` + c.arg(likeOf(q.Name)) + ` ESCAPE '\'`)
	}
	if q.After != 0 {
		c.and(`r.id > ` + c.arg(q.After))
	}
	c.texts(q)
	if !q.Since.IsZero() {
		c.and(`r.updated_at > ` + c.arg(db.Micros(q.Since)))
	}
	if !q.Before.IsZero() {
		c.and(`r.updated_at < ` + c.arg(db.Micros(q.Before)))
	}
}

// likeOf is the pattern that finds s anywhere, regardless of case and with nothing
// special in s.
func likeOf(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s)) + "%"
}

// texts adds the conditions of a search.
func (c *clause) texts(q *Query) {
	in := q.In
	if in == 0 {
		in = InName | InDescription | InTopics
	}
	columns := []struct {
		of   TextOf
		text string
	}{{InName, `r.name_key`}, {InDescription, `LOWER(r.description)`}, {InTopics, `r.topics`}}
	for _, w := range q.Words {
		pattern := c.arg(likeOf(w))
		var any []string
		for _, column := range columns {
			if in&column.of != 0 {
				any = append(any, column.text+` LIKE `+pattern+` ESCAPE '\'`)
			}
		}
		c.and(`(` + strings.Join(any, ` OR `) + `)`)
	}
	for _, t := range q.Topics {
		c.and(`r.topics LIKE ` + c.arg("% "+strings.NewReplacer(`%`, ``, `_`, ``).Replace(strings.ToLower(t))+" %"))
	}
}

// affiliated uses sub-selects, so that the list of one account's repositories
// starts from that account's few rows and not from everybody's.
func (c *clause) affiliated(a Affiliation, of id.Account) {
	var sets []string
	if a&ByOwner != 0 {
		sets = append(sets, `SELECT id FROM repositories WHERE owner_id = `+c.arg(of))
	}
	if a&ByCollaborator != 0 {
		sets = append(sets, `SELECT repo_id FROM collaborators WHERE account_id = `+c.arg(of))
	}
	if a&ByMember != 0 {
		sets = append(sets, asked(inOrg, c.arg(of)))
	}
	if len(sets) == 0 {
		c.and(`FALSE`)
		return
	}
	c.and(`r.id IN (` + strings.Join(sets, ` UNION `) + `)`)
}

// order ends with the number, so that pages neither repeat nor miss a row.
func (q *Query) order() string {
	dir := " ASC"
	if q.Descending {
		dir = " DESC"
	}
	switch q.Sort {
	case SortCreated:
		return ` ORDER BY r.created_at` + dir + `, r.id` + dir
	case SortUpdated:
		return ` ORDER BY r.updated_at` + dir + `, r.id` + dir
	case SortNumber:
		return ` ORDER BY r.id` + dir
	case SortPushed:
		return ` ORDER BY r.pushed_at` + dir + `, r.id` + dir
	}
	return ` ORDER BY a.login_key` + dir + `, r.name_key` + dir + `, r.id` + dir
}

// UserFilter is what GET /user/repos takes, as it came; empty is not given.
type UserFilter struct {
	Visibility, Affiliation, Type, Sort, Direction, Since, Before string
}

// Query reads the filter as GitHub does. It fails with problem.Invalid.
func (f UserFilter) Query() (Query, error) {
	q := Query{Affiliation: ByOwner | ByCollaborator | ByMember}
	if f.Type != "" && (f.Visibility != "" || f.Affiliation != "") {
		return Query{}, problem.Field("type", "If you specify visibility or affiliation, you cannot specify type.")
	}
	switch f.Type {
	case "", "all":
	case "owner":
		q.Affiliation = ByOwner
	case "public":
		q.Visibility = OnlyPublic
	case "private":
		q.Visibility = OnlyPrivate
	case "member":
		q.Affiliation = ByCollaborator | ByMember
	default:
		return Query{}, problem.Field("type", "type must be all, owner, public, private or member")
	}
	switch f.Visibility {
	case "", "all":
	case "public":
		q.Visibility = OnlyPublic
	case "private":
		q.Visibility = OnlyPrivate
	default:
		return Query{}, problem.Field("visibility", "visibility must be all, public or private")
	}
	if f.Affiliation != "" {
		var err error
		if q.Affiliation, err = parseAffiliation(f.Affiliation); err != nil {
			return Query{}, err
		}
	}
	var err error
	if q.Since, err = parseTime("since", f.Since); err != nil {
		return Query{}, err
	}
	if q.Before, err = parseTime("before", f.Before); err != nil {
		return Query{}, err
	}
	return q, q.parseOrder(f.Sort, f.Direction)
}

// OwnerFilter is what GET /users/{login}/repos takes, as it came.
type OwnerFilter struct{ Type, Sort, Direction string }

// Query reads the filter as GitHub does: public repositories alone, whoever
// asks. It fails with problem.Invalid.
func (f OwnerFilter) Query(of id.Account) (Query, error) {
	q := Query{Of: of, Visibility: OnlyPublic}
	switch f.Type {
	case "", "owner":
		q.Affiliation = ByOwner
	case "member":
		q.Affiliation = ByCollaborator | ByMember
	case "all":
		q.Affiliation = ByOwner | ByCollaborator | ByMember
	default:
		return Query{}, problem.Field("type", "type must be all, owner or member")
	}
	return q, q.parseOrder(f.Sort, f.Direction)
}

// OrgFilter is what GET /orgs/{org}/repos takes, as it came.
type OrgFilter struct{ Type, Sort, Direction string }

// Query reads the filter as GitHub does. It fails with problem.Invalid.
func (f OrgFilter) Query(of id.Account) (Query, error) {
	q := Query{Owner: of}
	yes, no := true, false
	switch f.Type {
	case "", "all":
	case "public":
		q.Visibility = OnlyPublic
	case "private":
		q.Visibility = OnlyPrivate
	case "forks":
		q.IsFork = &yes
	case "sources":
		q.IsFork = &no
	case "member":
		q.Affiliation = ByCollaborator | ByMember
	default:
		return Query{}, problem.Field("type", "type must be all, public, private, forks, sources or member")
	}
	if f.Sort == "" {
		f.Sort = "created" // unlike for users
	}
	return q, q.parseOrder(f.Sort, f.Direction)
}

func parseAffiliation(s string) (Affiliation, error) {
	var a Affiliation
	for word := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(word) {
		case "owner":
			a |= ByOwner
		case "collaborator":
			a |= ByCollaborator
		case "organization_member":
			a |= ByMember
		default:
			return 0, problem.Field("affiliation", "affiliation must be a list of owner, collaborator and organization_member")
		}
	}
	return a, nil
}

func parseTime(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, problem.Field(field, field+" must be a time like 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// parseOrder reads GitHub's sort and direction; names go up unless told
// otherwise, times down.
func (q *Query) parseOrder(sort, direction string) error {
	switch sort {
	case "", "full_name":
		q.Sort = SortName
	case "created":
		q.Sort = SortCreated
	case "updated":
		q.Sort = SortUpdated
	case "pushed":
		q.Sort = SortPushed
	default:
		return problem.Field("sort", "sort must be created, updated, pushed or full_name")
	}
	switch direction {
	case "":
		q.Descending = q.Sort != SortName
	case "asc":
		q.Descending = false
	case "desc":
		q.Descending = true
	default:
		return problem.Field("direction", "direction must be asc or desc")
	}
	return nil
}
