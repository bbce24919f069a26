package web

import (
	"fmt"
	"html/template"

	"jeton/internal/id"
)

// Frame is what every page has around its content. Page structs embed it.
type Frame struct {
	Title     string
	Path      string // of the request, for aria-current
	Theme     string // "light", "dark", or empty for the system's choice
	Viewer    *Viewer
	Crumbs    []Link
	Flash     *Flash
	Problem   *Wrongs
	Scripts   []string // names of assets
	Here      string   // the entry of the left bar that this page belongs to
	Dev       bool     // the left bar is that of the developer settings
	Admin     bool     // the left bar is that of the site's administration
	Side      []Link   // the left bar of an organisation's or a repository's settings
	SideLabel string   // what that is called
	Leave     string   // where the browser goes on to by itself, at once: checked by the room of applications
}

// Viewer is the signed-in person.
type Viewer struct {
	ID        id.Account
	Login     string
	SiteAdmin bool
}

// Link is a text that leads somewhere.
type Link struct {
	Text, Href string
	Current    bool
}

// Flash says once what happened. Tone is good, warn or bad.
type Flash struct{ Tone, Text string }

// Wrongs is what is wrong with a form that was sent.
type Wrongs struct{ Field, Public, Remedy string }

// wrong is the sentence under one field, with the id by which the field names it.
type wrong struct{ ID, Text string }

// Wrong returns what is wrong with the named field.
func (f *Frame) Wrong(field string) wrong {
	if f.Problem == nil || f.Problem.Field != field {
		return wrong{}
	}
	return wrong{ID: field + "-wrong", Text: f.Problem.Public}
}

// Input returns the attributes of a field that tie it to its hint and to what
// is wrong with it. Names come from templates, never from a request.
func (f *Frame) Input(name string, hint ...string) template.HTMLAttr {
	described, invalid := "", ""
	if len(hint) > 0 {
		described = name + "-hint"
	}
	if f.Problem != nil && f.Problem.Field == name {
		described, invalid = name+"-wrong "+described, ` aria-invalid="true"`
	}
	if described != "" {
		described = ` aria-describedby="` + described + `"`
	}
	return template.HTMLAttr(fmt.Sprintf(`id="%[1]s" name="%[1]s"%s%s`, name, described, invalid))
}

// navGroup is a part of the left bar.
type navGroup struct {
	Heading string
	Apart   bool
	Items   []Link
}

// NavLabel names the left bar.
func (f *Frame) NavLabel() string {
	switch {
	case f.Side != nil:
		return f.SideLabel
	case f.Dev:
		return "Developer settings"
	case f.Admin:
		return "Site administration"
	}
	return "Settings"
}

// Nav is the left bar: only pages that work are in it.
func (f *Frame) Nav() []navGroup {
	var groups []navGroup
	switch {
	case f.Side != nil:
		groups = []navGroup{{Items: f.Side}}
	case f.Dev:
		groups = []navGroup{
			{Heading: "OAuth", Items: []Link{{Text: "OAuth Apps", Href: "/settings/developers"}}},
			{Heading: "Personal access tokens", Items: []Link{{Text: "Fine-grained tokens", Href: "/settings/personal-access-tokens"}, {Text: "Tokens (classic)", Href: "/settings/tokens"}}},
			{Heading: "Machines", Items: []Link{{Text: "Service accounts", Href: "/settings/service-accounts"}}},
			{Heading: "Integrations", Items: []Link{{Text: "Webhooks", Href: "/settings/hooks"}}},
			{Apart: true, Items: []Link{{Text: "Back to settings", Href: "/settings/profile"}}},
		}
	case f.Admin:
		groups = []navGroup{
			{Heading: "Site administration", Items: []Link{{Text: "Users", Href: "/admin/users"}, {Text: "Tokens", Href: "/admin/tokens"}, {Text: "Token policy", Href: "/admin/token-policy"}, {Text: "Notices", Href: "/admin/notices"}, {Text: "Site log", Href: "/admin/log"}}},
			{Apart: true, Items: []Link{{Text: "Your settings", Href: "/settings/profile"}}},
		}
	default:
		groups = []navGroup{
			{Heading: "Account", Items: []Link{{Text: "Profile", Href: "/settings/profile"}, {Text: "Account", Href: "/settings/admin"}, {Text: "Appearance", Href: "/settings/appearance"}, {Text: "Notifications", Href: "/settings/notifications"}}},
			{Heading: "Access", Items: []Link{{Text: "Emails", Href: "/settings/emails"}, {Text: "SSH and GPG keys", Href: "/settings/keys"}, {Text: "Sessions", Href: "/settings/sessions"}, {Text: "Organizations", Href: "/settings/organizations"}}},
			{Heading: "Code, planning, and automation", Items: []Link{{Text: "Repositories", Href: "/settings/repositories"}}},
			{Heading: "Integrations", Items: []Link{{Text: "Applications", Href: "/settings/applications"}}},
			{Heading: "Archives", Items: []Link{{Text: "Security log", Href: "/settings/security-log"}}},
			{Apart: true, Items: []Link{{Text: "Developer settings", Href: "/settings/developers"}}},
		}
	}
	for _, g := range groups {
		for i := range g.Items {
			g.Items[i].Current = g.Items[i].Href == f.Here
		}
	}
	return groups
}
