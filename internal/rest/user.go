package rest

import (
	"net/url"
	"strconv"

	"jeton/internal/account"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) userRoutes() []route {
	return []route{
		{get, "/user", right.SelfRead, d.getUser, "Get the authenticated user", doc{out: privateUser{}}},
		{patch, "/user", right.SelfEdit, d.patchUser, "Update the authenticated user", doc{in: userInput{}, out: privateUser{}}},
		{get, "/user/emails", right.SelfEmails, d.listEmails, "List email addresses for the authenticated user", doc{out: []emailAnswer{}}},
		{get, "/users/{username}", right.SiteBrowse, d.getLogin, "Get a user", doc{out: publicUser{}}},
	}
}

// simpleUser is GitHub's "simple user".
type simpleUser struct {
	Login             string  `json:"login"`
	ID                int64   `json:"id"`
	NodeID            string  `json:"node_id"`
	AvatarURL         string  `json:"avatar_url"`
	GravatarID        *string `json:"gravatar_id"`
	URL               string  `json:"url"`
	HTMLURL           string  `json:"html_url"`
	FollowersURL      string  `json:"followers_url"`
	FollowingURL      string  `json:"following_url"`
	GistsURL          string  `json:"gists_url"`
	StarredURL        string  `json:"starred_url"`
	SubscriptionsURL  string  `json:"subscriptions_url"`
	OrganizationsURL  string  `json:"organizations_url"`
	ReposURL          string  `json:"repos_url"`
	EventsURL         string  `json:"events_url"`
	ReceivedEventsURL string  `json:"received_events_url"`
	Type              string  `json:"type"`
	SiteAdmin         bool    `json:"site_admin"`
}

// publicUser is what anybody may see of an account.
type publicUser struct {
	simpleUser
	Name            *string `json:"name"`
	Company         *string `json:"company"`
	Blog            *string `json:"blog"`
	Location        *string `json:"location"`
	Email           *string `json:"email"`
	Hireable        *bool   `json:"hireable"`
	Bio             *string `json:"bio"`
	TwitterUsername *string `json:"twitter_username"`
	PublicRepos     int     `json:"public_repos"`
	PublicGists     int     `json:"public_gists"`
	Followers       int     `json:"followers"`
	Following       int     `json:"following"`
	CreatedAt       *string `json:"created_at"`
	UpdatedAt       *string `json:"updated_at"`
}

// privateUser adds what read:user lets the account itself see.
type privateUser struct {
	publicUser
	PrivateGists            int   `json:"private_gists"`
	TotalPrivateRepos       int   `json:"total_private_repos"`
	OwnedPrivateRepos       int   `json:"owned_private_repos"`
	DiskUsage               int64 `json:"disk_usage"`
	Collaborators           int   `json:"collaborators"`
	TwoFactorAuthentication bool  `json:"two_factor_authentication"`
}

func (c *call) simpleUser(aid int64, login string, admin bool) simpleUser {
	u := c.url("/users/" + url.PathEscape(login)) // the brackets of "deploy-1[bot]"
	empty := ""
	kind := "User"
	if who, err := c.door.o.Accounts.Known(c.ctx(), c.door.o.DB, id.Account(aid)); err == nil && who.IsMachine() {
		kind = "Bot"
	}
	return simpleUser{
		Login: login, ID: aid, NodeID: httpkit.NodeID(kind, aid), AvatarURL: c.door.o.Gate.URL("/avatars/u/" + strconv.FormatInt(aid, 10)), GravatarID: &empty,
		URL: u, HTMLURL: c.door.o.Gate.URL("/" + url.PathEscape(login)),
		FollowersURL: u + "/followers", FollowingURL: u + "/following{/other_user}", GistsURL: u + "/gists{/gist_id}",
		StarredURL: u + "/starred{/owner}{/repo}", SubscriptionsURL: u + "/subscriptions", OrganizationsURL: u + "/orgs",
		ReposURL: u + "/repos", EventsURL: u + "/events{/privacy}", ReceivedEventsURL: u + "/received_events",
		Type: kind, SiteAdmin: admin,
	}
}

// orgAsUser is an organisation where GitHub speaks of any account as a user.
func (c *call) orgAsUser(aid int64, login string) simpleUser {
	u := c.simpleUser(aid, login, false)
	u.Type, u.NodeID = "Organization", httpkit.NodeID("Organization", aid)
	return u
}

func (c *call) publicUser(a account.Account, u repo.Usage) publicUser {
	who := c.simpleUser(int64(a.ID), a.Login, a.SiteAdmin)
	if a.IsOrg() {
		who = c.orgAsUser(int64(a.ID), a.Login)
	}
	return publicUser{
		simpleUser: who,
		Name:       optional(a.Name), Blog: &a.Website, Location: optional(a.Location), Bio: optional(a.Bio),
		PublicRepos: u.Public, CreatedAt: stamp(a.CreatedAt), UpdatedAt: stamp(a.UpdatedAt),
	}
}

// self answers with the caller's own account: in full for those whose grant
// reads the profile, else as everybody sees it.
func (c *call) self(a account.Account) (any, error) {
	usage, err := c.usage(a)
	if err != nil {
		return nil, err
	}
	u := c.publicUser(a, usage)
	if c.actor.OfSelf(right.Emails) >= right.Read {
		u.Email = optional(a.VerifiedEmail())
	}
	if c.actor.OfSelf(right.Profile) < right.Read {
		return u, nil
	}
	return privateUser{publicUser: u, TotalPrivateRepos: usage.Private, OwnedPrivateRepos: usage.Private, DiskUsage: usage.Size}, nil
}

func (c *call) usage(a account.Account) (repo.Usage, error) {
	return c.door.o.Repos.KnownUsage(c.r.Context(), c.door.o.DB, a.ID)
}

func (d *Door) getUser(c *call) (any, error) {
	a, err := d.o.Accounts.Known(c.r.Context(), d.o.DB, c.actor.Account)
	if err != nil {
		return nil, err
	}
	c.changed(a.UpdatedAt)
	return c.self(a)
}

// userInput is the part of GitHub's body that means something here.
type userInput struct {
	Name     *string `json:"name"`
	Blog     *string `json:"blog"`
	Location *string `json:"location"`
	Bio      *string `json:"bio"`
}

func (d *Door) patchUser(c *call) (any, error) {
	a, err := d.o.Accounts.ByID(c.r.Context(), d.o.DB, c.actor.Account)
	if err != nil {
		return nil, err
	}
	var in userInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p := account.Profile{Name: or(in.Name, a.Name), Bio: or(in.Bio, a.Bio), Location: or(in.Location, a.Location), Website: or(in.Blog, a.Website)}
	if a, err = d.o.Accounts.UpdateProfile(c.r.Context(), c.actor, a.ID, p); err != nil {
		return nil, err
	}
	return c.self(a)
}

type emailAnswer struct {
	Email      string  `json:"email"`
	Primary    bool    `json:"primary"`
	Verified   bool    `json:"verified"`
	Visibility *string `json:"visibility"`
}

func (d *Door) listEmails(c *call) (any, error) {
	all, err := d.o.Accounts.ListEmails(c.r.Context(), d.o.DB, c.actor.Account)
	if err != nil {
		return nil, err
	}
	out := make([]emailAnswer, len(all))
	for i, e := range all {
		out[i] = emailAnswer{Email: e.Address, Primary: e.Primary, Verified: e.Verified}
		if e.Primary {
			private := "private"
			out[i].Visibility = &private
		}
	}
	return out, nil
}

func (d *Door) getLogin(c *call) (any, error) {
	a, err := c.shownByLogin()
	if err != nil {
		return nil, err
	}
	u, err := c.usage(a)
	if err != nil {
		return nil, err
	}
	c.changed(a.UpdatedAt)
	return c.publicUser(a, u), nil
}

func (c *call) accountByLogin() (account.Account, error) {
	return c.door.o.Accounts.ByLogin(c.r.Context(), c.door.o.DB, c.r.PathValue("username"))
}

// shownByLogin is accountByLogin for those who look at an account: they see that of a
// repository which they may read, too.
func (c *call) shownByLogin() (account.Account, error) {
	login := c.r.PathValue("username")
	if _, ok := account.PlaceOf(login); !ok {
		return c.accountByLogin()
	}
	a, _, err := c.door.o.Gate.MachineOf(c.ctx(), &c.actor, login)
	return a, err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func or(p *string, fallback string) string {
	if p == nil {
		return fallback
	}
	return *p
}
