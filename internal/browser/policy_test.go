package browser

import (
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/org"
)

// TestPolicy: an organization's owner says what tokens may be and approves one; a
// site's administrator says how long they live; whoever makes a token sees it.
func TestPolicy(t *testing.T) {
	t.Parallel()
	s := serve(t)
	root := s.Admin(t, "ruth")
	bob := s.User(t, "bob")
	course := s.Org(t, root, "course")
	s.Join(t, course, org.Member, bob)
	s.Repo(t, account.Account{ID: course.ID}, "exam", true)
	_, classic := s.Token(t, bob, "laptop", "repo")
	owner, member := visit(t, s), visit(t, s)
	owner.signIn("ruth")
	member.signIn("bob")

	owner.open("/organizations/course/settings")
	owner.follow("Token policy")
	owner.at("/organizations/course/settings/personal-access-tokens")
	owner.sees("What course wants of every token")
	hides(owner, "public_repo", "Webhooks of the organization")
	owner.look("policy-org")
	owner.tick("No others than these")
	owner.sees("public_repo")
	owner.tick("No higher ones than these")
	owner.look("policy-org-open")
	owner.tick("Any scopes")
	owner.tick("Any permissions")
	owner.fill("Only from these networks (optional)", "everywhere")
	owner.follow("Save policy")
	owner.got(422)
	owner.sees("\"everywhere\" is no network", "write it as 192.0.2.0/24")
	owner.look("policy-org-wrong")
	owner.fill("Only from these networks (optional)", " ")
	owner.tick("Personal access tokens (classic)")
	owner.tick("Owners approve fine-grained tokens")
	owner.follow("Save policy")
	owner.sees("Saved the policy.")
	owner.open("/organizations/course/settings/personal-access-token-requests")
	owner.sees("Nothing waits for you")
	owner.look("token-requests-none")

	g := s.Git(t, "bob", classic)
	out, code := g.Try(t, "clone", s.URL()+"/course/exam.git")
	words := strings.Join(strings.Fields(strings.ReplaceAll(out, "remote:", "")), " ")
	if code == 0 || !strings.Contains(words, "The organization course forbids access via a personal access token (classic).") {
		t.Errorf("clone with a classic token: exit %d\n%s", code, out)
	}
	member.open("/settings/tokens")
	member.follow("laptop")
	member.sees("The organization course forbids access via a personal access token (classic).")
	member.look("token-out-of-policy")

	member.open("/settings/personal-access-tokens/new?target_name=course")
	member.sees("The owners of course approve fine-grained tokens.")
	member.fill("Token name", "grading")
	member.tick("All repositories")
	member.choose("Contents", "read")
	member.fill("Reason (optional)", "To grade the exam")
	member.look("fine-new-asks")
	member.follow("Generate token")
	member.sees("Your new token: grading", "Waits for approval")
	member.look("fine-waiting")
	plain := shown(member)
	g = s.Git(t, "bob", plain)
	out, code = g.Try(t, "clone", s.URL()+"/course/exam.git")
	if words := strings.Join(strings.Fields(strings.ReplaceAll(out, "remote:", "")), " "); code == 0 || !strings.Contains(words, "has not approved your token") {
		t.Errorf("clone before the approval: exit %d\n%s", code, out)
	}

	owner.open("/organizations/course/settings/personal-access-token-requests")
	owner.sees("bob asks for grading", "To grade the exam", "contents: read")
	owner.look("token-requests")
	owner.follow("Approve grading of bob")
	owner.sees("Approved. The token works from now on.", "Nothing waits for you")
	g.Run(t, "clone", "-q", s.URL()+"/course/exam.git")
	member.open("/settings/personal-access-tokens")
	member.seesNot("Waits for approval")

	owner.open("/admin/token-policy")
	owner.sees("What this site wants of every token")
	owner.fill("Longest life in days (optional)", "45")
	owner.look("policy-site")
	owner.follow("Save policy")
	owner.sees("Saved the policy.")
	member.open("/settings/tokens")
	member.sees("Blocked by a policy")
	member.look("tokens-blocked")
	member.open("/settings/tokens/new")
	member.sees("By the policy of this site a token ends on")
	member.seesNot("No expiration", "60 days")
	member.look("token-new-policy")
	out, code = g.Try(t, "ls-remote", s.URL()+"/course/exam.git")
	if code != 0 {
		t.Errorf("a token of 30 days: exit %d\n%s", code, out)
	}
}
