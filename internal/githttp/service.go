package githttp

import (
	"net/url"

	"jeton/internal/right"
)

// service is one of git's two services.
type service struct {
	name    string // as in paths and in ?service=
	action  right.Action
	request string // the Content-Type of what a client sends it

	// As values of headers and of the query. They are shared and have no room
	// behind them, so that who adds to one gets a copy.
	asked, advertisement, result []string
}

// There are these two: they are told apart by their addresses.
var (
	uploadPack = &service{name: "git-upload-pack", action: right.RepoFetch, request: "application/x-git-upload-pack-request",
		asked: []string{"git-upload-pack"}, advertisement: []string{"application/x-git-upload-pack-advertisement"}, result: []string{"application/x-git-upload-pack-result"}}
	receivePack = &service{name: "git-receive-pack", action: right.RepoPush, request: "application/x-git-receive-pack-request",
		asked: []string{"git-receive-pack"}, advertisement: []string{"application/x-git-receive-pack-advertisement"}, result: []string{"application/x-git-receive-pack-result"}}
)

// asked are the values of ?service= in a query. What git sends takes no parsing.
func asked(query string) []string {
	switch query {
	case "":
		return nil
	case "service=git-upload-pack":
		return uploadPack.asked
	case "service=git-receive-pack":
		return receivePack.asked
	}
	values, _ := url.ParseQuery(query) // as URL.Query: what can be read of it counts
	return values["service"]
}
