package web

import (
	"time"

	"jeton/internal/hook"
)

func hookSample(f RepoFrame) *hookPage {
	p := &hookPage{RepoFrame: f, URL: "https://ci.example.com/hook", ContentType: hook.JSON, HasSecret: true, Active: true, Action: "/ada/engine/settings/hooks/1",
		DeleteHref: "/ada/engine/settings/hooks/1/delete", Stopped: "Stopped: the repository is archived.", Waiting: 1,
		Deliveries: []deliveryRow{{Href: "/ada/engine/settings/hooks/1/deliveries/2", GUID: "0b1c2d3e", Event: "push", Says: "Answered with 200", At: sampleNow.Add(-time.Hour), OK: true},
			{Href: "/ada/engine/settings/hooks/1/deliveries/1", GUID: "1b1c2d3e", Event: "repository.renamed", Says: "timed out", At: sampleNow.Add(-2 * time.Hour), Again: true}}}
	p.choose([]string{"push", "fork", "issues"})
	return p
}
