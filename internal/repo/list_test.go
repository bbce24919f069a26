package repo_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// world fills the house with one repository for each combination of owner,
// visibility, state, and somebody else's level.
func (h *house) world(t testing.TB) []repo.Repo {
	t.Helper()
	var all []repo.Repo
	people := []id.Account{h.owner, h.other, h.third}
	for o, owner := range people {
		for n := range 2 * 2 * 7 {
			private, archived, tie := n&1 != 0, n&2 != 0, n>>2
			// Times repeat, so that orders have ties.
			h.now = h.now.Add(time.Duration(n%3) * time.Minute)
			r := h.create(t, repo.NewRepo{Owner: owner, Name: fmt.Sprintf("%c-%d_%d", 'a'+rune(n*5%26), n, o), Private: private})
			if tie > 0 {
				who, level := people[(o+1+tie%2)%3], right.Level(1+(tie-1)/2)
				if err := h.SetCollaborator(t.Context(), person(owner), r.ID, who, level); err != nil {
					t.Fatal(err)
				}
			}
			if n%3 == 0 {
				err := h.d.Write(t.Context(), func(tx *db.Tx) error {
					return h.Pushed(t.Context(), tx, r.ID, h.now.Add(-time.Duration(n)*time.Hour), "")
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if archived {
				if _, err := h.SetArchived(t.Context(), person(owner), r.ID, true); err != nil {
					t.Fatal(err)
				}
			}
			r, err := h.ByID(t.Context(), h.d, r.ID)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return append(all, h.orgWorld(t)...)
}

// orgWorld fills an organisation: its owner, a member, a member whose invitation
// waits, teams with every level, and rows that must count for nothing.
func (h *house) orgWorld(t testing.TB) []repo.Repo {
	t.Helper()
	orgs := org.New(org.Options{DB: h.d, Account: h.accounts, Change: h.bus, Audit: h.audit, Now: func() time.Time { return h.now }})
	var all []repo.Repo
	for n, base := range []right.Level{right.None, right.Read, right.Write} {
		o, err := orgs.Create(t.Context(), person(h.owner), fmt.Sprintf("org%d", n), "", h.owner)
		if err != nil {
			t.Fatal(err)
		}
		h.orgs = append(h.orgs, o.ID)
		if err := orgs.Update(t.Context(), person(h.owner), o.ID, org.Patch{Base: &base}); err != nil {
			t.Fatal(err)
		}
		member, pending := h.other, h.third
		if n == 1 {
			member, pending = pending, member
		}
		for _, who := range []id.Account{member, pending} {
			if _, err := orgs.SetRole(t.Context(), person(h.owner), o.ID, who, org.Member); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := orgs.Accept(t.Context(), person(member), o.ID); err != nil {
			t.Fatal(err)
		}
		levels := map[id.Account]right.Level{h.owner: right.Admin, member: base}
		for k := range 2 * 4 {
			private, by := k&1 != 0, right.Level(k>>1)
			r := h.create(t, repo.NewRepo{Owner: o.ID, Name: fmt.Sprintf("r-%d", k), Private: private})
			tie := map[id.Account]right.Level{h.owner: right.Admin, member: max(levels[member], by)}
			if by > right.None {
				team, err := orgs.CreateTeam(t.Context(), person(h.owner), o.ID, org.NewTeam{Name: fmt.Sprintf("team %d", k), Secret: k&2 != 0})
				if err != nil {
					t.Fatal(err)
				}
				for _, who := range []id.Account{member, pending} {
					if _, err := orgs.SetMate(t.Context(), person(h.owner), team.Team, who, org.TeamMember); err != nil {
						t.Fatal(err)
					}
				}
				if err := orgs.SetTeamRepo(t.Context(), person(h.owner), team.Team, r.ID, by); err != nil {
					t.Fatal(err)
				}
			}
			h.byOrg[r.ID] = tie
			if r, err = h.ByID(t.Context(), h.d, r.ID); err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

// ties says what each account may do on each repository, its own included.
func (h *house) ties(t testing.TB, all []repo.Repo) map[id.Repo]map[id.Account]right.Level {
	t.Helper()
	out := map[id.Repo]map[id.Account]right.Level{}
	for _, r := range all {
		out[r.ID] = map[id.Account]right.Level{r.Owner: right.Admin}
		people, err := h.Collaborators(t.Context(), h.d, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range people {
			out[r.ID][c.Account] = c.Level
		}
		for who, level := range h.byOrg[r.ID] {
			out[r.ID][who] = max(out[r.ID][who], level)
		}
	}
	return out
}

func drawActor(t *rapid.T, people []id.Account) right.Actor {
	level := rapid.SampledFrom([]right.Level{right.None, right.Read, right.Write, right.Admin})
	var a right.Actor
	switch rapid.SampledFrom([]string{"visitor", "nobody", "session", "token", "scopes", "operator"}).Draw(t, "kind") {
	case "visitor":
		return right.Anonymous()
	case "nobody":
		return right.Actor{}
	case "operator":
		return right.Operator()
	case "session":
		a = person(0)
	case "token":
		a.Kind = right.ClassicToken
		a.Grant.Public[right.Metadata] = level.Draw(t, "public")
		a.Grant.Private[right.Metadata] = level.Draw(t, "private")
		// Other permissions must not count.
		a.Grant.Private[right.Contents] = level.Draw(t, "contents")
		a.Grant.Public[right.Contents] = level.Draw(t, "contents")
	case "scopes":
		a.Kind = right.ClassicToken
		a.Scopes = right.ScopeSet(rapid.Uint32Range(0, 1<<len(right.Scopes())-1).Draw(t, "scopes"))
		a.Grant = a.Scopes.Grant()
	}
	if a.Kind == right.ClassicToken && rapid.Bool().Draw(t, "reach") {
		a.Grant.Reach = drawReach(t, people)
	}
	if a.Kind == right.ClassicToken && rapid.Bool().Draw(t, "policies") {
		strict := &right.Policy{MustEnd: true}
		a.Policies = &right.Policies{Of: map[id.Account]*right.Policy{rapid.SampledFrom(people).Draw(t, "policy of"): strict}}
		if rapid.Bool().Draw(t, "of the site") {
			a.Policies.Site = strict
		}
		a.Barred = rapid.SliceOfN(rapid.SampledFrom(people), 0, 2).Draw(t, "barred")
	}
	a.Account = rapid.SampledFrom(people).Draw(t, "account")
	a.SiteAdmin = rapid.Bool().Draw(t, "site admin")
	return a
}

func drawReach(t *rapid.T, people []id.Account) *right.Reach {
	r := right.Reach{
		Owner: rapid.SampledFrom(people).Draw(t, "resource owner"), All: rapid.Bool().Draw(t, "all"), Beyond: rapid.Bool().Draw(t, "beyond"),
		Repos: rapid.SliceOfNDistinct(rapid.Map(rapid.Int64Range(1, 12), func(n int64) id.Repo { return id.Repo(n) }), 0, 6, rapid.ID).Draw(t, "repositories"),
	}
	slices.Sort(r.Repos)
	return &r
}

func drawQuery(t *rapid.T, people []id.Account, now time.Time) repo.Query {
	anybody := rapid.SampledFrom(append([]id.Account{0, 0, 9999}, people...))
	when := rapid.SampledFrom([]time.Time{{}, {}, now.Add(-20 * time.Minute), now.Add(-10 * time.Minute)})
	return repo.Query{
		Owner:       anybody.Draw(t, "owner"),
		Affiliation: repo.Affiliation(rapid.IntRange(0, 7).Draw(t, "affiliation")),
		Of:          anybody.Draw(t, "of"),
		Visibility:  repo.Visibility(rapid.IntRange(0, 2).Draw(t, "visibility")),
		Name:        rapid.SampledFrom([]string{"", "", "A", "_", "-1", "%", `\`, "b-"}).Draw(t, "name"),
		Since:       when.Draw(t, "since"),
		Before:      when.Draw(t, "before"),
		Sort:        repo.Sort(rapid.IntRange(0, 3).Draw(t, "sort")),
		Descending:  rapid.Bool().Draw(t, "descending"),
		PerPage:     rapid.IntRange(0, 120).Draw(t, "per page"),
		Closed:      rapid.Bool().Draw(t, "closed"),
	}
}

// expected is the list worked out by right.Check and plain code.
func expected(all []repo.Repo, ties map[id.Repo]map[id.Account]right.Level, a *right.Actor, q repo.Query, now time.Time) []repo.Found {
	of := q.Of
	if of == 0 {
		of = a.Account
	}
	var out []repo.Found
	for _, r := range all {
		relation := ties[r.ID][a.Account]
		if !right.Check(a, right.RepoRead, r.Facts(relation, q.Closed), now).Allow {
			continue
		}
		owns, helps := r.Owner == of, r.Owner != of && !r.OwnerIsOrg && ties[r.ID][of] != right.None
		belongs := r.OwnerIsOrg && r.Owner != of && ties[r.ID][of] != right.None
		switch {
		case q.Owner != 0 && r.Owner != q.Owner,
			q.Affiliation != 0 && !(owns && q.Affiliation&repo.ByOwner != 0) && !(helps && q.Affiliation&repo.ByCollaborator != 0) && !(belongs && q.Affiliation&repo.ByMember != 0),
			q.Visibility == repo.OnlyPublic && r.Private, q.Visibility == repo.OnlyPrivate && !r.Private,
			!strings.Contains(strings.ToLower(r.Name), strings.ToLower(q.Name)),
			!q.Since.IsZero() && !r.UpdatedAt.After(q.Since), !q.Before.IsZero() && !r.UpdatedAt.Before(q.Before):
			continue
		}
		out = append(out, repo.Found{Repo: r, Relation: relation})
	}
	slices.SortFunc(out, func(a, b repo.Found) int {
		var c int
		switch q.Sort {
		case repo.SortName:
			c = cmp.Or(cmp.Compare(strings.ToLower(a.OwnerLogin), strings.ToLower(b.OwnerLogin)), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
		case repo.SortCreated:
			c = a.CreatedAt.Compare(b.CreatedAt)
		case repo.SortUpdated:
			c = a.UpdatedAt.Compare(b.UpdatedAt)
		case repo.SortPushed:
			c = a.PushedAt.Compare(b.PushedAt)
		}
		c = cmp.Or(c, cmp.Compare(a.ID, b.ID))
		if q.Descending {
			return -c
		}
		return c
	})
	return out
}

// TestListVisible_rule holds the rule as SQL and right.Check together, and the
// filters, orders and pages with them.
func TestListVisible_rule(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		all := h.world(t)
		ties := h.ties(t, all)
		people := append([]id.Account{h.owner, h.other, h.third, h.account(t, "fourth1")}, h.orgs...)
		check := func(rt *rapid.T) {
			actor, q := drawActor(rt, people), drawQuery(rt, people, h.now)
			want := expected(all, ties, &actor, q, h.now)
			var got []repo.Found
			for q.Page = 1; ; q.Page++ {
				part, total, err := h.ListVisible(t.Context(), d, &actor, q)
				if err != nil {
					rt.Fatal(err)
				}
				if total != len(want) {
					rt.Fatalf("counted %d, want %d", total, len(want))
				}
				_, perPage := q.Bounds()
				if len(part) > perPage {
					rt.Fatalf("page %d has %d of at most %d", q.Page, len(part), perPage)
				}
				if len(part) == 0 {
					break
				}
				got = append(got, part...)
			}
			if !slices.Equal(got, want) {
				rt.Fatalf("got %d: %v\nwant %d: %v", len(got), names(got), len(want), names(want))
			}
		}
		// Visitors of a closed site are one draw in twelve: a hundred are few.
		for range 5 {
			rapid.Check(t, check)
		}
	})
}

func names(found []repo.Found) []string {
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s(%v)", f.FullName(), f.Relation))
	}
	return out
}

func TestListVisible_visitor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.create(t, repo.NewRepo{Owner: h.owner, Name: "secret", Private: true})
		open := h.create(t, repo.NewRepo{Owner: h.owner, Name: "open"})
		got, total, err := h.ListVisible(t.Context(), h.d, nil, repo.Query{})
		if err != nil || total != 1 || len(got) != 1 || got[0].Repo != open || got[0].Relation != right.None {
			t.Errorf("got %v of %d, %v", names(got), total, err)
		}
		got, total, err = h.ListVisible(t.Context(), h.d, nil, repo.Query{Closed: true})
		if err != nil || total != 0 || len(got) != 0 {
			t.Errorf("a closed site shows %v of %d, %v", names(got), total, err)
		}
		got, total, err = h.ListVisible(t.Context(), h.d, nil, repo.Query{Page: 1 << 62, PerPage: 1 << 62})
		if err != nil || total != 1 || len(got) != 0 {
			t.Errorf("far beyond the end: %v of %d, %v", names(got), total, err)
		}
	})
}

func TestUserFilter(t *testing.T) {
	t.Parallel()
	all := repo.ByOwner | repo.ByCollaborator | repo.ByMember
	for query, want := range map[string]repo.Query{
		"":                                   {Affiliation: all},
		"type=all":                           {Affiliation: all},
		"type=owner":                         {Affiliation: repo.ByOwner},
		"type=member":                        {Affiliation: repo.ByCollaborator | repo.ByMember},
		"type=private":                       {Affiliation: all, Visibility: repo.OnlyPrivate},
		"visibility=public":                  {Affiliation: all, Visibility: repo.OnlyPublic},
		"affiliation=owner, collaborator":    {Affiliation: repo.ByOwner | repo.ByCollaborator},
		"affiliation=organization_member":    {Affiliation: repo.ByMember},
		"sort=pushed":                        {Affiliation: all, Sort: repo.SortPushed, Descending: true},
		"sort=updated&direction=asc":         {Affiliation: all, Sort: repo.SortUpdated},
		"sort=full_name&direction=desc":      {Affiliation: all, Descending: true},
		"since=2026-01-02T03:04:05Z":         {Affiliation: all, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		"before=2026-01-02T03:04:05%2B01:00": {Affiliation: all, Before: time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)},
	} {
		got, err := userQuery(t, query)
		if err != nil || !got.Since.Equal(want.Since) || !got.Before.Equal(want.Before) {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
		got.Since, got.Before, want.Since, want.Before = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", query, got, want)
		}
	}
	for query, field := range map[string]string{
		"type=owner&visibility=all": "type", "type=x": "type", "visibility=x": "visibility", "affiliation=x": "affiliation", "affiliation=owner,": "affiliation",
		"sort=x": "sort", "direction=x": "direction", "since=yesterday": "since", "before=1": "before",
	} {
		_, err := userQuery(t, query)
		refused(t, err, problem.Invalid, field, "")
	}
}

func userQuery(t *testing.T, query string) (repo.Query, error) {
	t.Helper()
	v, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return repo.UserFilter{Visibility: v.Get("visibility"), Affiliation: v.Get("affiliation"), Type: v.Get("type"), Sort: v.Get("sort"),
		Direction: v.Get("direction"), Since: v.Get("since"), Before: v.Get("before")}.Query()
}

func TestOwnerFilter(t *testing.T) {
	t.Parallel()
	got, err := repo.OwnerFilter{}.Query(7)
	if want := (repo.Query{Of: 7, Affiliation: repo.ByOwner, Visibility: repo.OnlyPublic}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	got, err = repo.OwnerFilter{Type: "all", Sort: "created"}.Query(7)
	want := repo.Query{Of: 7, Affiliation: repo.ByOwner | repo.ByCollaborator | repo.ByMember, Visibility: repo.OnlyPublic, Sort: repo.SortCreated, Descending: true}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	_, err = repo.OwnerFilter{Type: "x"}.Query(7)
	refused(t, err, problem.Invalid, "type", "")
}

// TestFind_organization: what Find says of a relation is what the organisation
// gives, for each of its people.
func TestFind_organization(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		all := h.orgWorld(t)
		for _, r := range all {
			for _, who := range []id.Account{0, h.owner, h.other, h.third, r.Owner} {
				want := h.byOrg[r.ID][who]
				if who == r.Owner {
					want = right.Admin // nobody acts as it
				}
				f, err := h.Find(t.Context(), h.d, r.OwnerLogin, r.Name, who)
				if err != nil || f.Relation != want || !f.OwnerIsOrg {
					t.Errorf("%s for %d: %v, %v; want %v", r.FullName(), who, f.Relation, err, want)
				}
			}
		}
	})
}

// BenchmarkFind_organization is the look-up in an organisation.
func BenchmarkFind_organization(b *testing.B) {
	h := newHouse(b, dbtest.Open(b))
	h.world(b)
	for b.Loop() {
		if f, err := h.Find(b.Context(), h.d, "org0", "r-3", h.other); err != nil || f.Relation != right.Read {
			b.Fatal(f, err)
		}
	}
}

// BenchmarkFind is the look-up of every request.
func BenchmarkFind(b *testing.B) {
	h := newHouse(b, dbtest.Open(b))
	h.world(b)
	r := h.create(b, repo.NewRepo{Owner: h.owner, Name: "wanted", Private: true})
	for b.Loop() {
		if f, err := h.Find(b.Context(), h.d, "owner1", "wanted.git", h.other); err != nil || f.ID != r.ID {
			b.Fatal(f, err)
		}
	}
}

// counting counts what is asked of a database.
type counting struct {
	db.Reader
	n int
}

func (c *counting) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	c.n++
	return c.Reader.QueryRow(ctx, query, args...)
}

func (c *counting) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.n++
	return c.Reader.Query(ctx, query, args...)
}

// TestListVisible_queries: a page of a hundred costs as many queries as one of
// one: a count and a page.
func TestListVisible_queries(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range repo.MaxPerPage + 5 {
			h.create(t, repo.NewRepo{Owner: h.owner, Name: fmt.Sprint("r", i), Private: i%2 == 0})
		}
		actor := person(h.owner)
		for _, perPage := range []int{1, repo.MaxPerPage} {
			c := &counting{Reader: h.d}
			found, total, err := h.ListVisible(t.Context(), c, &actor, repo.Query{Affiliation: repo.ByOwner | repo.ByCollaborator | repo.ByMember, PerPage: perPage})
			if err != nil || len(found) != perPage || total != repo.MaxPerPage+5 || c.n != 2 {
				t.Errorf("a page of %d: %d of %d, %v, by %d queries", perPage, len(found), total, err, c.n)
			}
		}
	})
}

// BenchmarkListVisible_shut is a list for a token that 5,000 organisations shut out by
// 64 networks each.
func BenchmarkListVisible_shut(b *testing.B) {
	h := newHouse(b, dbtest.Open(b))
	h.world(b)
	all := &right.Policies{Of: map[id.Account]*right.Policy{}}
	for n := range 5000 {
		p := &right.Policy{}
		for i := range 64 {
			p.Networks = append(p.Networks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), byte(i << 2)}), 30))
		}
		all.Of[id.Account(n+1000)] = p
	}
	actor := person(h.owner)
	actor.Kind, actor.Policies, actor.From = right.ClassicToken, all, netip.MustParseAddr("192.0.2.1")
	for b.Loop() {
		if _, n, err := h.ListVisible(b.Context(), h.d, &actor, repo.Query{PerPage: 30}); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	}
}
