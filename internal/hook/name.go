package hook

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"jeton/internal/problem"
)

// Happen are the events that happen here in such a place, in the order of the form.
func Happen(of Of) []string {
	switch {
	case of.Org != 0:
		return slices.Concat(happen[:], happenInOrgs[:])
	case of.Person != 0:
		return slices.Clone(happenToPeople[:])
	}
	return slices.Clone(happen[:])
}

var happen = [...]string{"push", "create", "delete", "repository", "public", "fork", "member", "release", "status", "deployment", "deployment_status", "secret_scanning_alert"}

// happenInOrgs are of an organisation itself: its hooks are told of them beside
// what happens to its repositories.
var happenInOrgs = [...]string{"organization", "membership", "team", "personal_access_token", "personal_access_token_request"}

// happenToPeople are of a person's account: there is nothing of a repository among
// them, whose hooks are its own.
var happenToPeople = [...]string{"personal_access_token"}

// Usual are the events of a hook that asks for none.
func Usual(of Of) []string {
	if of.Person != 0 {
		return slices.Clone(happenToPeople[:])
	}
	return []string{"push"}
}

// others are GitHub's events of repositories that don't happen here. A hook may
// ask for them, as clients do that ask for all that they can handle.
var others = [...]string{
	"branch_protection_configuration", "branch_protection_rule", "check_run", "check_suite", "code_scanning_alert", "commit_comment",
	"dependabot_alert", "deploy_key", "deployment_protection_rule", "deployment_review", "discussion",
	"discussion_comment", "gollum", "issue_comment", "issues", "label", "merge_group", "meta", "milestone", "package", "page_build", "ping",
	"project", "project_card", "project_column", "pull_request", "pull_request_review", "pull_request_review_comment",
	"pull_request_review_thread", "registry_package", "repository_advisory", "repository_import", "repository_ruleset",
	"repository_vulnerability_alert", "secret_scanning_alert_location", "security_and_analysis", "star",
	"team_add", "watch", "workflow_dispatch", "workflow_job", "workflow_run",
}

// othersInOrgs are the same of organisations.
var othersInOrgs = [...]string{
	"custom_property", "custom_property_values", "issue_dependencies", "org_block", "projects_v2", "projects_v2_item",
	"projects_v2_status_update", "secret_scanning_scan", "sub_issues",
}

// events puts the names of events in order, without those that are there twice.
// All of them is "*" alone. A name that is unknown there is problem.Invalid.
func events(of Of, names []string) ([]string, error) {
	known := append(Happen(of), "ping")
	if of.Person == 0 {
		known = append(known, others[:]...)
	}
	if of.Org != 0 {
		known = append(known, othersInOrgs[:]...)
	}
	out := []string{}
	for _, n := range names {
		if n == "*" {
			return []string{"*"}, nil
		}
		if !slices.Contains(known, n) {
			return nil, problem.Field("events", "There is no event of this name: "+strconv.Quote(short(n)))
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return nil, problem.Field("events", "Choose at least one event.")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func short(s string) string {
	if len(s) > 60 {
		s = s[:60]
	}
	return strings.ToValidUTF8(s, "")
}

// list is the form in which the names of events are kept: with a comma around
// each, so that one can be looked for.
func list(events []string) string { return "," + strings.Join(events, ",") + "," }

func split(list string) []string { return strings.Split(strings.Trim(list, ","), ",") }

// checkURL fails with problem.Invalid for what can't be told anything. Whether the
// address may be reached is looked at when it is.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return problem.Field("url", "The URL can't be blank.")
	case len(s) > maxURL:
		return problem.Field("url", "The URL is longer than 2,048 bytes.")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
		return problem.Field("url", "The URL must begin with https:// or http://, and name a host.")
	case u.User != nil:
		return problem.Field("url", "The URL must not hold a user name or password. Deliveries are signed with the secret instead.")
	case u.Fragment != "" || strings.Contains(s, "#"):
		return problem.Field("url", "The URL must not have a fragment (#).")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }):
		return problem.Field("url", "The URL holds spaces or other characters that no URL has.")
	}
	return nil
}

// bare is a URL without its query, which may hold what only the receiver shall
// know.
func bare(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
