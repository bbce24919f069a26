package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"jeton/internal/account"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

const reposPerPage = 30

// home is the dashboard, or for a visitor the welcome with the sign-in.
func home(c *call) error {
	if c.actor.IsAnonymous() {
		return welcome(c)
	}
	rows, total, err := c.repos(repo.Query{Affiliation: repo.ByOwner | repo.ByCollaborator | repo.ByMember, Sort: repo.SortPushed, Descending: true, PerPage: 10})
	if err != nil {
		return err
	}
	tokens, err := c.door.o.Tokens.ListAll(c.ctx(), c.actor.Account)
	if err != nil {
		return err
	}
	ofPeople := func(t token.Token) bool { return t.Kind.Personal() }
	waiting, err := c.waiting()
	if err != nil {
		return err
	}
	return c.show("home", &homePage{Frame: Frame{Title: "Your repositories"}, Invited: waiting, Repos: rows, More: total > len(rows), HasToken: slices.ContainsFunc(tokens, ofPeople)})
}

func welcome(c *call) error {
	accounts, err := c.door.o.Accounts.Count(c.ctx(), c.door.o.DB)
	if err != nil {
		return err
	}
	return c.show("welcome", &welcomePage{loginPage: loginPage{Frame: Frame{Title: "Welcome"}, ReturnTo: "/"}, URL: c.door.o.Gate.URL(""), Fresh: accounts == 0})
}

// repos lists what the person may see, by the gate's rule in the query.
func (c *call) repos(q repo.Query) ([]repoRow, int, error) {
	q.Closed = c.door.o.Gate.Closed()
	found, total, err := c.door.o.Repos.ListVisible(c.ctx(), c.door.o.DB, c.holder(), q)
	if err != nil {
		return nil, 0, err
	}
	rows := make([]repoRow, len(found))
	for i := range found {
		f := &found[i]
		rows[i] = repoRow{Name: f.FullName(), Href: "/" + f.FullName(), Description: line(f.Description), Private: f.Private, Archived: f.Archived,
			Own: f.Relation >= right.Admin, Shared: f.Relation > right.None && f.Owner != c.actor.Account, Size: f.Size << 10, Pushed: f.PushedAt}
	}
	return rows, total, nil
}

// pageNumber reads ?page=, from 1.
func (c *call) pageNumber() int {
	n, err := strconv.Atoi(c.r.URL.Query().Get("page"))
	if err != nil {
		return 1
	}
	return max(1, min(n, 10_000))
}

// pagerFor leads to the pages around page n of a list.
func pagerFor(path string, n int, more bool) pager {
	var p pager
	if n > 1 {
		p.Prev = path + "?page=" + strconv.Itoa(n-1)
	}
	if more {
		p.Next = path + "?page=" + strconv.Itoa(n+1)
	}
	return p
}

// profile is a person as others see them. An old login leads on to today's.
func profile(c *call) error {
	if login, ok := strings.CutSuffix(c.r.PathValue("owner"), ".gpg"); ok {
		return c.exportKeys(login)
	}
	if _, ok := account.PlaceOf(c.r.PathValue("owner")); ok {
		return c.toPlace(c.r.PathValue("owner"))
	}
	who, _, err := c.door.o.Accounts.Resolve(c.ctx(), c.door.o.DB, c.r.PathValue("owner"))
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	if err != nil {
		return err
	}
	if who.Login != c.r.PathValue("owner") {
		c.w.Header().Set("Location", "/"+who.Login)
		c.w.WriteHeader(http.StatusMovedPermanently)
		return nil
	}
	if who.IsOrg() {
		return orgProfile(c, who)
	}
	n := c.pageNumber()
	rows, total, err := c.repos(repo.Query{Owner: who.ID, Sort: repo.SortPushed, Descending: true, Page: n, PerPage: reposPerPage})
	if err != nil {
		return err
	}
	p := profileOf(who)
	p.Own = who.ID == c.actor.Account && !c.actor.IsAnonymous()
	p.Repos, p.Pager = rows, pagerFor("/"+who.Login, n, total > n*reposPerPage)
	return c.show("profile", p)
}

// toPlace leads from a repository's own account, which has no page, to the
// repository.
func (c *call) toPlace(login string) error {
	_, r, err := c.door.o.Gate.MachineOf(c.ctx(), &c.actor, login)
	if err != nil {
		return missingOr(err)
	}
	return c.seeOther("/" + r.FullName())
}

func profileOf(who account.Account) *profilePage {
	return &profilePage{Frame: Frame{Title: who.Login}, Login: who.Login, Name: line(who.Name), Bio: who.Bio, Location: line(who.Location), Website: line(who.Website)}
}

func newRepoForm(c *call) error {
	p := &newRepoPage{Frame: Frame{Title: "New repository"}, Closed: c.door.o.Gate.Closed()}
	var err error
	if p.Owners, err = c.owners(c.r.URL.Query().Get("owner")); err != nil {
		return err
	}
	return c.show("new-repo", p)
}

func createRepo(c *call) error {
	public := c.field("visibility") == "public"
	n := repo.NewRepo{Name: c.field("name"), Description: c.field("description"), Private: !public, Format: c.field("format")}
	owner, err := c.newOwner(public)
	var made repo.Repo
	if err == nil {
		n.Owner = owner.ID
		made, err = c.door.o.Lifecycle.CreateRepo(c.ctx(), c.actor, n)
	}
	if err != nil {
		owners, loadErr := c.owners(c.field("owner"))
		if loadErr != nil {
			return loadErr
		}
		return c.again(err, "new-repo", &newRepoPage{Owners: owners, Frame: Frame{Title: "New repository"}, Name: n.Name, Description: n.Description, Public: public, SHA256: n.Format == "sha256", Closed: c.door.o.Gate.Closed()})
	}
	return c.seeOther("/" + made.FullName())
}
