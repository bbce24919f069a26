package web

import (
	"time"

	"jeton/internal/hook"
)

func hookSample(f HookFrame) *hookPage {
	p := &hookPage{HookFrame: f, URL: "https://ci.example.com/hook", ContentType: hook.JSON, HasSecret: true, Active: true, Action: "/ada/engine/settings/hooks/1",
		DeleteHref: "/ada/engine/settings/hooks/1/delete", Stopped: "Stopped: the repository is archived.", Waiting: 1,
		Deliveries: []deliveryRow{{Href: "/ada/engine/settings/hooks/1/deliveries/2", GUID: "0b1c2d3e", Event: "push", Says: "Answered with 200", At: sampleNow.Add(-time.Hour), OK: true},
			{Href: "/ada/engine/settings/hooks/1/deliveries/1", GUID: "1b1c2d3e", Event: "repository.renamed", Says: "timed out", At: sampleNow.Add(-2 * time.Hour), Again: true}}}
	of := hook.Of{Repo: 1}
	if f.Org.Login != "" {
		of, p.Stopped = hook.Of{Org: 1}, ""
	}
	p.choose(of, []string{"push", "fork", "issues"})
	return p
}

// ofRepo and ofOrg are the frames of the pages about webhooks.
func ofRepo(f RepoFrame) HookFrame {
	return HookFrame{RepoFrame: here(f, "hooks"), HooksHref: "/ada/engine/settings/hooks"}
}

func ofOrg(f Frame) HookFrame {
	return HookFrame{RepoFrame: RepoFrame{Frame: f, Tabs: []Link{{Text: "Repositories", Href: "/acme"}, {Text: "Settings", Href: "/organizations/acme/settings", Current: true}}},
		Org: orgHead{Login: "acme", Href: "/acme", Member: true, Owner: true}, HooksHref: "/organizations/acme/settings/hooks", Back: "/organizations/acme/settings/hooks"}
}
