package graphql_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// asker asks with a token.
type asker struct {
	s     *apptest.Server
	token string
}

type reply struct {
	Data   map[string]any
	Errors []struct {
		Type, Message string
		Path          []any
	}
	Message string
	text    string
	status  int
}

func (a asker) ask(t *testing.T, query string, variables map[string]any) reply {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return a.send(t, string(body))
}

func (a asker) send(t *testing.T, body string) reply {
	t.Helper()
	var headers []string
	if a.token != "" {
		headers = []string{"Authorization: token " + a.token}
	}
	got := a.s.Do(t, "POST", "/api/graphql", body, headers...)
	r := reply{text: got.Text, status: got.StatusCode}
	if err := json.Unmarshal([]byte(got.Text), &r); err != nil {
		t.Fatalf("%d, %v: %s", got.StatusCode, err, got.Text)
	}
	return r
}

// data asks, wants no error, and returns the data as one line of JSON.
func (a asker) data(t *testing.T, query string, variables map[string]any) string {
	t.Helper()
	r := a.ask(t, query, variables)
	if r.status != http.StatusOK || len(r.Errors) > 0 {
		t.Fatalf("%s: %d %s", query, r.status, r.text)
	}
	out, _ := json.Marshal(r.Data)
	return string(out)
}

func is(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestViewer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api")
	_, mail := s.Token(t, ada, "mail", "user:email")
	a := asker{s, plain}
	is(t, a.data(t, `query UserCurrent{viewer{login isViewer email __typename}}`, nil), `{"viewer":{"__typename":"User","email":"","isViewer":true,"login":"ada"}}`)
	is(t, asker{s, mail}.data(t, `{viewer{email}}`, nil), `{"viewer":{"email":"ada@example.com"}}`)
	is(t, a.data(t, `query($l:String!){user(login:$l){login databaseId} repositoryOwner(login:$l){__typename login ... on User{name}}}`, map[string]any{"l": "ADA"}),
		`{"repositoryOwner":{"__typename":"User","login":"ada","name":null},"user":{"databaseId":1,"login":"ada"}}`)
	is(t, a.data(t, `{repositoryOwner(login:"nobody"){id}}`, nil), `{"repositoryOwner":null}`)
	r := a.ask(t, `{user(login:"nobody"){login}}`, nil)
	if len(r.Errors) != 1 || r.Errors[0].Type != "NOT_FOUND" || r.Errors[0].Message != "Could not resolve to a User with the login of 'nobody'." {
		t.Errorf("nobody: %s", r.text)
	}
}

// TestRepository: the fields that gh asks for, and Git's objects behind them.
func TestRepository(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	_, plain := s.Token(t, ada, "api", "repo")
	g := s.Git(t, "ada", plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "README.md", "# Engine\n", "First")
	g.Write(t, "docs/plan.txt", "Plan\n")
	g.Commit(t, "b.bin", "\x00\x01", "Second\n\nWith a body")
	g.Run(t, "tag", "-am", "One", "v1")
	g.Run(t, "remote", "add", "origin", s.URL()+"/ada/engine.git")
	g.Run(t, "push", "-q", "origin", "main", "main:next", "v1")
	head, first, blob := g.Run(t, "rev-parse", "main"), g.Run(t, "rev-parse", "main~1"), g.Run(t, "rev-parse", "main:README.md")
	a := asker{s, plain}
	is(t, a.data(t, `{repository(owner:"ada",name:"engine"){nameWithOwner isPrivate viewerPermission hasIssuesEnabled defaultBranchRef{name prefix target{oid}} parent{id} owner{login}}}`, nil),
		`{"repository":{"defaultBranchRef":{"name":"main","prefix":"refs/heads/","target":{"oid":"`+head+`"}},"hasIssuesEnabled":false,"isPrivate":true,"nameWithOwner":"ada/engine","owner":{"login":"ada"},"parent":null,"viewerPermission":"ADMIN"}}`)
	is(t, a.data(t, `{repository(owner:"ada",name:"engine"){refs(refPrefix:"refs/heads/",first:1){totalCount nodes{name} pageInfo{hasNextPage hasPreviousPage}} ref(qualifiedName:"v1"){target{__typename ... on Tag{message target{oid}}}}}}`, nil),
		`{"repository":{"ref":{"target":{"__typename":"Tag","message":"One\n","target":{"oid":"`+head+`"}}},"refs":{"nodes":[{"name":"main"}],"pageInfo":{"hasNextPage":true,"hasPreviousPage":false},"totalCount":2}}}`)
	is(t, a.data(t, `{repository(owner:"ada",name:"engine"){object(expression:"main"){... on Commit{messageHeadline messageBody author{name email user{login}} parents(first:5){totalCount nodes{oid}} history(first:5){totalCount nodes{oid}} docs:history(first:5,path:"docs"){nodes{messageHeadline}}}}}}`, nil),
		`{"repository":{"object":{"author":{"email":"ada@example.com","name":"Ada Example","user":{"login":"ada"}},"docs":{"nodes":[{"messageHeadline":"Second"}]},"history":{"nodes":[{"oid":"`+head+`"},{"oid":"`+first+`"}],"totalCount":2},"messageBody":"With a body","messageHeadline":"Second","parents":{"nodes":[{"oid":"`+first+`"}],"totalCount":1}}}}`)
	is(t, a.data(t, `{repository(owner:"ada",name:"engine"){object(expression:"main:"){... on Tree{entries{name type size object{... on Blob{text isBinary}}}}} file:object(expression:"main:README.md"){oid ... on Blob{text byteSize}} nothing:object(expression:"main:no"){oid}}}`, nil),
		`{"repository":{"file":{"byteSize":9,"oid":"`+blob+`","text":"# Engine\n"},"nothing":null,"object":{"entries":[{"name":"README.md","object":{"isBinary":false,"text":"# Engine\n"},"size":9,"type":"blob"},{"name":"b.bin","object":{"isBinary":true,"text":null},"size":2,"type":"blob"},{"name":"docs","object":{},"size":0,"type":"tree"}]}}}`)
	// What an id leads to is what was asked for, by either API.
	var rest struct {
		NodeID string `json:"node_id"`
	}
	if err := json.Unmarshal([]byte(s.Do(t, "GET", "/api/v3/repos/ada/engine", "", "Authorization: token "+plain).Text), &rest); err != nil {
		t.Fatal(err)
	}
	is(t, a.data(t, `query($i:ID!){node(id:$i){__typename id ... on Repository{name}} nodes(ids:[$i,"bm8="]){id}}`, map[string]any{"i": rest.NodeID}),
		`{"node":{"__typename":"Repository","id":"`+rest.NodeID+`","name":"engine"},"nodes":[{"id":"`+rest.NodeID+`"},null]}`)
}

// TestHidden: what a caller may not know of and what does not exist are the same.
func TestHidden(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	diary := s.Repo(t, ada, "diary", true)
	s.Repo(t, ada, "open", false)
	_, strange := s.Token(t, bob, "all", "repo")
	_, narrow := s.Token(t, ada, "narrow", "public_repo")
	_, good := s.Token(t, ada, "good", "repo")
	nodeID := asker{s, good}.ask(t, `{repository(owner:"ada",name:"diary"){id}}`, nil).Data["repository"].(map[string]any)["id"].(string)
	for name, a := range map[string]asker{"a stranger": {s, strange}, "a token without repo": {s, narrow}} {
		hidden, missing := a.ask(t, `{repository(owner:"ada",name:"diary"){name}}`, nil), a.ask(t, `{repository(owner:"ada",name:"nothing"){name}}`, nil)
		if got, want := strings.ReplaceAll(hidden.text, "diary", "X"), strings.ReplaceAll(missing.text, "nothing", "X"); got != want || hidden.Errors[0].Type != "NOT_FOUND" {
			t.Errorf("%s: %s\n%s", name, got, want)
		}
		if r := a.ask(t, `query($i:ID!){node(id:$i){id}}`, map[string]any{"i": nodeID}); r.Data["node"] != nil || r.Errors[0].Type != "NOT_FOUND" {
			t.Errorf("%s, by id: %s", name, r.text)
		}
		is(t, a.data(t, `{user(login:"ada"){repositories(first:10,ownerAffiliations:OWNER){totalCount nodes{name}}}}`, nil),
			`{"user":{"repositories":{"nodes":[{"name":"open"}],"totalCount":1}}}`)
		if r := a.ask(t, `mutation($i:ID!){archiveRepository(input:{repositoryId:$i}){repository{name}}}`, map[string]any{"i": nodeID}); len(r.Errors) != 1 || r.Errors[0].Type != "NOT_FOUND" {
			t.Errorf("%s archives: %s", name, r.text)
		}
	}
	s.Share(t, diary, bob, right.Read)
	if r := (asker{s, strange}).ask(t, `mutation($i:ID!){archiveRepository(input:{repositoryId:$i}){repository{name}}}`, map[string]any{"i": nodeID}); len(r.Errors) != 1 || r.Errors[0].Type != "FORBIDDEN" {
		t.Errorf("a reader archives: %s", r.text)
	}
	if r := (asker{s, ""}).ask(t, `{viewer{login}}`, nil); r.status != http.StatusUnauthorized {
		t.Errorf("nobody: %d %s", r.status, r.text)
	}
	if r := (asker{s, good + "x"}).ask(t, `{viewer{login}}`, nil); r.status != http.StatusUnauthorized || !strings.HasPrefix(r.Message, "Bad credentials") {
		t.Errorf("a bad token: %d %s", r.status, r.text)
	}
}

func TestMutations(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	_, public := s.Token(t, ada, "public", "public_repo")
	a := asker{s, plain}
	const create = `mutation RepositoryCreate($input: CreateRepositoryInput!) {createRepository(input: $input) {clientMutationId repository {id name owner {login} url isPrivate}}}`
	r := a.ask(t, create, map[string]any{"input": map[string]any{"name": "made", "visibility": "PRIVATE", "clientMutationId": "x", "description": "By GraphQL"}})
	made, _ := r.Data["createRepository"].(map[string]any)["repository"].(map[string]any)
	if made["name"] != "made" || made["isPrivate"] != true || made["url"] != s.URL()+"/ada/made" {
		t.Fatalf("create: %s", r.text)
	}
	if r := (asker{s, public}).ask(t, create, map[string]any{"input": map[string]any{"name": "no", "visibility": "PRIVATE"}}); len(r.Errors) != 1 || r.Errors[0].Type != "INSUFFICIENT_SCOPES" {
		t.Errorf("without repo: %s", r.text)
	}
	if r := a.ask(t, create, map[string]any{"input": map[string]any{"name": "made", "visibility": "PRIVATE"}}); len(r.Errors) != 1 || r.Errors[0].Type != "UNPROCESSABLE" || !strings.Contains(r.Errors[0].Message, "name already exists") {
		t.Errorf("again: %s", r.text)
	}
	for _, step := range []struct{ field, want string }{{"archiveRepository", "true"}, {"unarchiveRepository", "false"}} {
		is(t, a.data(t, `mutation($i:ID!){`+step.field+`(input:{repositoryId:$i}){repository{isArchived}}}`, map[string]any{"i": made["id"]}),
			`{"`+step.field+`":{"repository":{"isArchived":`+step.want+`}}}`)
	}
}

// TestPaging walks a list from both ends.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	for i := range 5 {
		s.Repo(t, ada, fmt.Sprintf("r%d", i), i%2 == 0)
	}
	a := asker{s, plain}
	const query = `query($first:Int,$last:Int,$after:String,$before:String){viewer{repositories(first:$first,last:$last,after:$after,before:$before,orderBy:{field:NAME,direction:ASC}){nodes{name} pageInfo{hasNextPage hasPreviousPage startCursor endCursor} edges{cursor}}}}`
	var names []string
	var cursors []any
	for after := any(nil); ; {
		page := a.ask(t, query, map[string]any{"first": 2, "after": after}).Data["viewer"].(map[string]any)["repositories"].(map[string]any)
		for _, n := range page["nodes"].([]any) {
			names = append(names, n.(map[string]any)["name"].(string))
		}
		for _, e := range page["edges"].([]any) {
			cursors = append(cursors, e.(map[string]any)["cursor"])
		}
		info := page["pageInfo"].(map[string]any)
		after = info["endCursor"]
		if info["hasNextPage"] == false {
			break
		}
	}
	is(t, strings.Join(names, " "), "r0 r1 r2 r3 r4")
	for _, c := range []struct {
		variables map[string]any
		want      string
	}{
		{map[string]any{"last": 2}, "[map[name:r3] map[name:r4]]"},
		{map[string]any{"last": 2, "before": cursors[2]}, "[map[name:r0] map[name:r1]]"},
		{map[string]any{"first": 2, "after": cursors[3]}, "[map[name:r4]]"},
		{map[string]any{"first": 0}, "[]"},
	} {
		page := a.ask(t, query, c.variables).Data["viewer"].(map[string]any)["repositories"].(map[string]any)
		is(t, fmt.Sprint(page["nodes"]), c.want)
	}
	for _, c := range []struct {
		variables map[string]any
		kind      string
	}{
		{nil, "MISSING_PAGINATION_BOUNDARIES"},
		{map[string]any{"first": 101}, "EXCESSIVE_PAGINATION"},
		{map[string]any{"first": -1}, "EXCESSIVE_PAGINATION"},
		{map[string]any{"first": 1, "last": 1}, "UNPROCESSABLE"},
		{map[string]any{"first": 1, "after": "bm9uc2Vuc2U="}, "INVALID_CURSOR_ARGUMENTS"},
	} {
		if r := a.ask(t, query, c.variables); len(r.Errors) != 1 || r.Errors[0].Type != c.kind {
			t.Errorf("%v: %s", c.variables, r.text)
		}
	}
}

// TestBounds: what a query may cost.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	s.Repo(t, ada, "r", true)
	a := asker{s, plain}
	var many strings.Builder
	for i := range 200 {
		fmt.Fprintf(&many, "a%d: viewer{repositories(first:100){nodes{name}}} ", i)
	}
	if r := a.ask(t, "{"+many.String()+"}", nil); len(r.Errors) == 0 || r.Errors[0].Type != "MAX_NODE_LIMIT_EXCEEDED" {
		t.Errorf("many lists: %.300s", r.text)
	}
	deep := strings.Repeat("repositories(first:1){nodes{owner{", 30) + "login" + strings.Repeat("}}}", 30)
	if r := a.ask(t, "{viewer{"+deep+"}}", nil); len(r.Errors) == 0 || !strings.Contains(r.text, "depth") {
		t.Errorf("deep: %.300s", r.text)
	}
	if r := a.ask(t, "{viewer{login "+strings.Repeat("name ", 20_000)+"}}", nil); len(r.Errors) == 0 {
		t.Errorf("long: %.300s", r.text)
	}
	for body, want := range map[string]string{"{": "Problems parsing JSON", `{"query":1}`: "Problems parsing JSON", `{}`: "A query attribute must be specified and must be a string.", `[]`: "Problems parsing JSON"} {
		if r := a.send(t, body); r.status < 400 || !strings.HasPrefix(r.Message, want) {
			t.Errorf("%s: %d %s", body, r.status, r.text)
		}
	}
	if r := a.ask(t, `{viewer{nothing}}`, nil); r.status != http.StatusOK || len(r.Errors) != 1 {
		t.Errorf("an unknown field: %s", r.text)
	}
	// gh finds out which features there are.
	is(t, a.data(t, `query Repository_fields{Repository:__type(name:"Repository"){name} PullRequest:__type(name:"PullRequest"){name}}`, nil), `{"PullRequest":null,"Repository":{"name":"Repository"}}`)
	is(t, a.data(t, `{rateLimit{limit cost}}`, nil), `{"rateLimit":{"cost":1,"limit":15000}}`)
}

// TestOrganization: organisations, what they own, and who may what there.
func TestOrganization(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	if _, err := s.Orgs.Create(t.Context(), right.Operator(), "acme", "Acme", ada.ID); err != nil {
		t.Fatal(err)
	}
	_, whole := s.Token(t, ada, "whole", "repo", "admin:org")
	_, narrow := s.Token(t, ada, "narrow", "public_repo")
	_, strange := s.Token(t, bob, "strange", "repo", "admin:org")
	a := asker{s, whole}
	const about = `{organization(login:"acme"){login name viewerIsAMember viewerCanAdminister viewerCanCreateRepositories} viewer{organizations(first:5){totalCount nodes{login}}} user(login:"ada"){organizations(first:5){totalCount}} repositoryOwner(login:"acme"){__typename ... on Organization{name}}}`
	for name, c := range map[string]struct {
		asker
		member, admin, creates bool
		mine                   string
	}{
		"an owner":             {asker{s, whole}, true, true, true, `"nodes":[{"login":"acme"}],"totalCount":1`},
		"without a scope":      {asker{s, narrow}, true, true, true, `"nodes":[],"totalCount":0`},
		"somebody from beyond": {asker{s, strange}, false, false, false, `"nodes":[],"totalCount":0`},
	} {
		all := "0"
		if name == "an owner" {
			all = "1"
		}
		want := fmt.Sprintf(`{"organization":{"login":"acme","name":"Acme","viewerCanAdminister":%v,"viewerCanCreateRepositories":%v,"viewerIsAMember":%v},"repositoryOwner":{"__typename":"Organization","name":"Acme"},"user":{"organizations":{"totalCount":%s}},"viewer":{"organizations":{%s}}}`,
			c.admin, c.creates, c.member, all, c.mine)
		if got := c.data(t, about, nil); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	if r := a.ask(t, `{user(login:"acme"){login} organization(login:"ada"){login}}`, nil); len(r.Errors) != 2 || r.Errors[0].Type != "NOT_FOUND" {
		t.Errorf("the other kind: %s", r.text)
	}
	owner := a.ask(t, `{organization(login:"acme"){id}}`, nil).Data["organization"].(map[string]any)["id"]
	const create = `mutation($o:ID!,$n:String!){createRepository(input:{name:$n,ownerId:$o,visibility:PRIVATE}){repository{nameWithOwner isInOrganization owner{__typename}}}}`
	is(t, a.data(t, create, map[string]any{"o": owner, "n": "plan"}), `{"createRepository":{"repository":{"isInOrganization":true,"nameWithOwner":"acme/plan","owner":{"__typename":"Organization"}}}}`)
	for name, c := range map[string]asker{"a token without repo": {s, narrow}, "somebody from beyond": {s, strange}} {
		if r := c.ask(t, create, map[string]any{"o": owner, "n": "no"}); len(r.Errors) != 1 {
			t.Errorf("%s makes a repository of the organization: %s", name, r.text)
		}
	}
	is(t, a.data(t, `{organization(login:"acme"){repositories(first:5){nodes{name}}}}`, nil), `{"organization":{"repositories":{"nodes":[{"name":"plan"}]}}}`)
	is(t, asker{s, strange}.data(t, `{organization(login:"acme"){repositories(first:5){nodes{name}}}}`, nil), `{"organization":{"repositories":{"nodes":[]}}}`)
}

// TestSearch finds repositories by words, owners and topics, and none that the
// caller may not know of.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine-one", false)
	s.Repo(t, ada, "engine-two", true)
	s.Repo(t, bob, "engine-three", false)
	_, plain := s.Token(t, ada, "api", "repo")
	_, strange := s.Token(t, bob, "api", "repo")
	header := "Authorization: token " + plain
	if a := s.Do(t, "PUT", "/api/v3/repos/ada/engine-one/topics", `{"names":["steam","iron"]}`, header); a.StatusCode != http.StatusOK {
		t.Fatal(a.Text)
	}
	const query = `query($q:String!){search(type:REPOSITORY,query:$q,first:10){repositoryCount nodes{... on Repository{nameWithOwner}}}}`
	for q, want := range map[string]string{
		"engine sort:updated-asc": "ada/engine-one ada/engine-two bob/engine-three",
		"engine user:ada":         "ada/engine-one ada/engine-two",
		"user:ada is:private":     "ada/engine-two",
		"topic:steam":             "ada/engine-one",
		"repo:bob/engine-three":   "bob/engine-three",
		"user:nobody":             "",
		"user:ada user:bob":       "",
	} {
		r := asker{s, plain}.ask(t, query, map[string]any{"q": q})
		var names []string
		for _, n := range r.Data["search"].(map[string]any)["nodes"].([]any) {
			names = append(names, n.(map[string]any)["nameWithOwner"].(string))
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", q, got, want)
		}
	}
	is(t, asker{s, strange}.data(t, query, map[string]any{"q": "repo:ada/engine-two"}), `{"search":{"nodes":[],"repositoryCount":0}}`)
	is(t, asker{s, plain}.data(t, `{search(type:ISSUE,query:"x",first:1){issueCount}}`, nil), `{"search":{"issueCount":0}}`)
	if r := (asker{s, plain}).ask(t, query, map[string]any{"q": "language:go"}); len(r.Errors) != 1 || r.Errors[0].Type != "UNPROCESSABLE" {
		t.Errorf("an unknown qualifier: %s", r.text)
	}
	is(t, asker{s, plain}.data(t, `{repository(owner:"ada",name:"engine-one"){repositoryTopics(first:5){nodes{topic{name}}}}}`, nil),
		`{"repository":{"repositoryTopics":{"nodes":[{"topic":{"name":"steam"}},{"topic":{"name":"iron"}}]}}}`)
}
