package attack

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/narrow"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// narrower cuts a weaker token out of plain.
func narrower(t *testing.T, plain string, limits ...string) (child, node string) {
	t.Helper()
	n := narrow.NewNode()
	out, err := narrow.Cut(secret.New(plain), n, "", limits...)
	if err != nil {
		t.Fatal(err)
	}
	return out.Reveal(), n.String()
}

// forged is a narrowed token of this head and tag with other links, as somebody
// writes one who has the form and not the key.
func forged(of string, links []string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(of[4 : len(of)-6])
	b := slices.Clone(raw[:narrow.HeadBytes+1])
	for _, l := range links {
		b = append(binary.AppendUvarint(b, uint64(len(l))), l...)
	}
	return sealed(base64.RawURLEncoding.EncodeToString(b))
}

// sealed puts prefix and checksum to a body.
func sealed(body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum, check := crc32.ChecksumIEEE([]byte(body)), ""
	for range 6 {
		check = string(digits[sum%62]) + check
		sum /= 62
	}
	return narrow.Prefix + body + check
}

// other64 is another character of base64.
func other64(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func linksOf(t *testing.T, plain string) []string {
	t.Helper()
	c, err := narrow.Parse(secret.New(plain))
	if err != nil {
		t.Fatal(err)
	}
	return c.Links
}

// TestQ1_NothingIsTakenOutOfAChain: whatever else than more limits is done to a
// narrowed token, it opens nothing, in every carrier, and spoils nothing.
func TestQ1_NothingIsTakenOutOfAChain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	root := s.token(t, s.ada, "root", "repo", "user")
	one, _ := narrower(t, root, "read", "repo\nada/open")
	child, _ := narrower(t, one, "push-ref\nrefs/heads/x", "uses\n1000000")
	shut := "/ada/shut.git" + refs
	for name, header := range carriers(child) {
		want(t, name+", what is left", s.Do(t, "GET", "/ada/open.git"+refs, "", header), 200)
		want(t, name+", another repository", s.Do(t, "GET", shut, "", header), 404)
		want(t, name+", a push", s.Do(t, "GET", "/ada/open.git"+packs, "", header), 403)
		want(t, name+", the account", s.Do(t, "PATCH", "/api/v3/user", `{"bio":"x"}`, header), 403)
	}
	links := linksOf(t, child)
	without := func(i int) []string { return slices.Delete(slices.Clone(links), i, i+1) }
	swapped := slices.Clone(links)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	joined := slices.Concat(links[:1], []string{links[1] + "\n" + links[2]}, links[3:])
	torn := slices.Concat(links[:2], []string{"repo", "\nada/open"}, links[3:])
	body := child[4 : len(child)-6]
	other, _ := narrower(t, s.token(t, s.ada, "other", "repo"), "read", "repo\nada/open")
	forgeries := map[string]string{
		"without read": forged(child, without(1)), "without repo": forged(child, without(2)), "without its own": forged(child, links[:3]),
		"without anything": forged(child, links[:1]), "no links": forged(child, nil), "in another order": forged(child, swapped), "joined": forged(child, joined), "torn": forged(child, torn),
		"another repository": forged(child, slices.Concat(links[:2], []string{"repo\nada/shut"}, links[3:])), "one more, with the old tag": forged(child, append(slices.Clone(links), "read")),
		"the parent's links with its child's head": forged(child, linksOf(t, one)), "another root's tag": forged(other, links),
		"an end of a line within": sealed(body[:20] + "\n" + body[20:]), "padded": sealed(body + "="), "the other alphabet": sealed(strings.NewReplacer("-", "+", "_", "/").Replace(body) + "+"),
		"too long": sealed(body + strings.Repeat("A", narrow.MaxLength)), "cut off": child[:len(child)-1], "the head alone": child[:80], "nothing behind the prefix": "jtn_",
		"a byte of the tag": sealed(body[:60] + other64(body[60]) + body[61:]),
	}
	for name, plain := range forgeries {
		for carrier, header := range carriers(plain) {
			if strings.Contains(header, "\n") {
				continue
			}
			want(t, name+", "+carrier, s.Do(t, "GET", shut, "", header), 401)
			want(t, name+", "+carrier+", what the good one may", s.Do(t, "GET", "/ada/open.git"+refs, "", header), 401)
		}
		want(t, name+": the good one beside it", s.Do(t, "GET", "/ada/open.git"+refs, "", bearer(child)), 200)
	}
	for _, limit := range []string{"sight\nall", "repo", "READ", "read\nno", "until\nnever", "network\n", "permission\ncontents=all", "uses\n-1"} {
		unknown, _ := narrower(t, root, limit)
		a := s.Do(t, "GET", "/ada/open.git"+refs, "", bearer(unknown))
		want(t, fmt.Sprintf("the limit %q", limit), a, 401)
		if !strings.Contains(a.Text, "not understood") {
			t.Errorf("%q: the answer does not say that it is not understood: %s", limit, a.Text)
		}
	}
	want(t, "in a URL", s.Do(t, "GET", "/ada/open.git"+refs+"&token="+child, ""), 400)
	want(t, "in a path", s.Do(t, "GET", "/"+child+"/open.git"+refs, ""), 400)
	if strings.Contains(s.Log.String(), child[60:100]) || strings.Contains(s.Log.String(), root[4:30]) {
		t.Error("the log holds a token")
	}
}

// TestQ2_AChildEndsWithItsParent: whatever ends a token ends what was narrowed
// from it, at once, however deep; and a sibling goes on.
func TestQ2_AChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	alone := func(t *testing.T, s *scene) token.Token {
		list, err := s.Tokens.List(t.Context(), s.ada.ID, token.Personal)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	for name, c := range map[string]struct {
		end    func(t *testing.T, s *scene, tok token.Token, nodes [2]string) error
		status int
		dead   [3]bool // child, grandchild, sibling
	}{
		"the root is revoked": {func(t *testing.T, s *scene, tok token.Token, _ [2]string) error {
			_, err := s.Tokens.Revoke(t.Context(), right.Operator(), s.ada.ID, tok.ID)
			return err
		}, 401, [3]bool{true, true, true}},
		"the root gets a new secret": {func(t *testing.T, s *scene, tok token.Token, _ [2]string) error {
			_, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), s.ada.ID, tok.ID, time.Time{})
			return err
		}, 401, [3]bool{true, true, true}},
		"the root expires": {func(_ *testing.T, s *scene, _ token.Token, _ [2]string) error {
			s.Advance(60 * 24 * time.Hour)
			return nil
		}, 401, [3]bool{true, true, true}},
		"the account is suspended": {func(t *testing.T, s *scene, _ token.Token, _ [2]string) error {
			s.suspend(t, s.ada)
			return nil
		}, 403, [3]bool{true, true, true}},
		"the child is revoked": {func(t *testing.T, s *scene, tok token.Token, nodes [2]string) error {
			return s.Tokens.RevokeNode(t.Context(), right.Operator(), s.ada.ID, tok.ID, nodes[0])
		}, 401, [3]bool{true, true, false}},
		"the grandchild is revoked": {func(t *testing.T, s *scene, tok token.Token, nodes [2]string) error {
			return s.Tokens.RevokeNode(t.Context(), right.Operator(), s.ada.ID, tok.ID, nodes[1])
		}, 401, [3]bool{false, true, false}},
	} {
		for _, seen := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, seen %v", name, seen), func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				_, root := s.TokenUntil(t, s.ada, "root", s.Now().Add(30*24*time.Hour), "repo")
				child, one := narrower(t, root, "read")
				grandchild, two := narrower(t, child, "repo\nada/shut")
				sibling, _ := narrower(t, root, "read")
				all := []string{child, grandchild, sibling}
				if seen {
					for _, plain := range all {
						if a := s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(plain)); a.StatusCode != 200 {
							t.Fatal(a.StatusCode, a.Text)
						}
					}
				}
				if err := c.end(t, s, alone(t, s), [2]string{one, two}); err != nil {
					t.Fatal(err)
				}
				for i, plain := range all {
					status := 200
					if c.dead[i] {
						status = c.status
					}
					for carrier, header := range carriers(plain) {
						want(t, fmt.Sprint(i, carrier), s.Do(t, "GET", "/ada/shut.git"+refs, "", header), status)
					}
				}
			})
		}
	}
}

// TestQ3_AChildReachesNothingWider: a narrowed token is given nothing by which its
// holder could do more: no token, no transfer, nothing of its parent's.
func TestQ3_AChildReachesNothingWider(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	root := s.token(t, s.ada, "root", "repo", "user", "admin:org", "delete_repo")
	s.hold(t, s.shut.ID, objectText)
	child, _ := narrower(t, root, "read", "repo\nada/shut")
	for _, path := range []string{"/settings/tokens", "/settings/tokens/1", "/settings/personal-access-tokens"} {
		want(t, path, s.Do(t, "GET", path, "", bearer(child)), 403)
	}
	_, objects := s.batch(t, "shut", "download", []string{objectText}, bearer(child))
	down := objects[0].Actions["download"]
	want(t, "its transfer", s.Do(t, "GET", down.path(s), "", down.auth()), 200)
	a, _ := s.batch(t, "shut", "upload", []string{"new"}, bearer(child))
	want(t, "an upload", a, 403)
	a, _ = s.batch(t, "open", "download", []string{objectText}, bearer(child))
	want(t, "another repository's", a, 404)
	// The transfer of a child of a network ends when the child does, not the root.
	list, err := s.Tokens.List(t.Context(), s.ada.ID, token.Personal)
	if err != nil {
		t.Fatal(err)
	}
	node := linksOf(t, child)[0][5:37]
	if err := s.Tokens.RevokeNode(t.Context(), right.Operator(), s.ada.ID, list[0].ID, node); err != nil {
		t.Fatal(err)
	}
	want(t, "its transfer after its end", s.Do(t, "GET", down.path(s), "", down.auth()), 401)
	want(t, "the root", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(root)), 200)

	// By API it makes nothing, and ends nothing but itself.
	child, node = narrower(t, root, "read")
	sibling, siblingNode := narrower(t, root, "read")
	for _, plain := range []string{child, sibling} {
		want(t, "what it is", s.Do(t, "GET", "/api/v3/user/token", "", bearer(plain)), 200)
	}
	if err := s.Tokens.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "to mint", s.Do(t, "POST", "/api/v3/user/token/narrow", `{"read":true}`, bearer(child)), 403)
	want(t, "to end a sibling", s.Do(t, "DELETE", "/api/v3/user/token/nodes/"+siblingNode, "", bearer(child)), 404)
	want(t, "to end nobody", s.Do(t, "DELETE", "/api/v3/user/token/nodes/"+narrow.NewNode().String(), "", bearer(child)), 404)
	want(t, "to end no number", s.Do(t, "DELETE", "/api/v3/user/token/nodes/1", "", bearer(child)), 422)
	for _, path := range []string{"/orgs/works/personal-access-tokens/1", "/orgs/works/personal-access-tokens"} {
		want(t, path, s.Do(t, "POST", "/api/v3"+path, `{"action":"revoke"}`, bearer(child)), 403, 404)
	}
	want(t, "the sibling", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(sibling)), 200)
	want(t, "to end itself", s.Do(t, "DELETE", "/api/v3/user/token/nodes/"+node, "", bearer(child)), 204)
	want(t, "itself", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(child)), 401)
	want(t, "the sibling", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(sibling)), 200)

	gone, _ := narrower(t, root, "read")
	want(t, "handed in", s.Do(t, "POST", "/api/v3/credentials/revoke", `{"credentials":["`+gone+`"]}`), 202)
	want(t, "what was handed in", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(gone)), 401)
	want(t, "the root", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(root)), 200)
}

// TestQ4_AChildHidesNothing: the holder of a narrowed token makes thousands of it,
// uses numbers twice and tries what is refused: what its owner sees of the others
// stays, and so does what they may.
func TestQ4_AChildHidesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, root := s.Token(t, s.ada, "root", "repo")
	mine, mineNode := narrower(t, root, "read")
	theirs, theirNode := narrower(t, root, "repo\nada/open")
	use := func(plain string) int {
		t.Helper()
		return s.Do(t, "GET", "/ada/open.git"+refs, "", bearer(plain)).StatusCode
	}
	for range token.MaxBelow + 50 {
		one, _ := narrower(t, theirs, "read")
		if got := use(one); got != 200 {
			t.Fatal(got)
		}
	}
	// A number that is another one's, seen first and seen later.
	n, _ := narrow.ParseNode(mineNode)
	if got := use(mine); got != 200 {
		t.Fatal(got)
	}
	if err := s.Tokens.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	thief, err := narrow.Cut(secret.New(theirs), n, "", "read")
	if err != nil {
		t.Fatal(err)
	}
	if got := use(thief.Reveal()); got != 401 {
		t.Errorf("a number was good at two places: %d", got)
	}
	if got := use(mine); got != 200 {
		t.Errorf("the one whose number it is: %d", got)
	}
	late, lateNode := narrower(t, root, "read")
	if got := use(late); got != 200 {
		t.Fatal(got)
	}
	if err := s.Tokens.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodes := s.nodes(t, s.ada, tok)
	below := 0
	for _, n := range nodes {
		if n.Top == theirNode {
			below++
		}
	}
	if below > token.MaxBelow || !slices.ContainsFunc(nodes, func(n token.Node) bool { return n.Node == lateNode && n.Parent == "" && !n.Used.IsZero() }) ||
		!slices.ContainsFunc(nodes, func(n token.Node) bool { return n.Node == mineNode && n.Parent == "" }) {
		t.Errorf("%d nodes, %d below the flood's: some that its holder did not make are not listed", len(nodes), below)
	}
	// One line for each first narrowing, whatever its holder does.
	for range 5 {
		one, _ := narrower(t, theirs, "read")
		want(t, "denied", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(one)), 404)
	}
	want(t, "denied", s.Do(t, "GET", "/ada/open.git"+packs, "", bearer(mine)), 403)
	if lines, err := s.Audit.List(t.Context(), audit.Query{Account: s.ada.ID, Action: "oauth_access.denied", Limit: 50}); err != nil || len(lines) != 2 {
		t.Errorf("%d lines about what was denied, %v", len(lines), err)
	}
	if line := s.last(t, "oauth_access.denied"); line.Detail["by_node"] != mineNode {
		t.Errorf("the line does not say by which it was: %v", line.Detail)
	}
	if err := s.Tokens.RevokeNode(t.Context(), right.Operator(), s.ada.ID, tok.ID, theirNode); err != nil {
		t.Fatal(err)
	}
	one, _ := narrower(t, theirs, "read")
	if use(one) != 401 || use(theirs) != 401 || use(mine) != 200 {
		t.Error("to revoke the flood's ends something else")
	}
}

func (s *scene) nodes(t *testing.T, a account.Account, tok token.Token) []token.Node {
	t.Helper()
	nodes, err := s.Tokens.Nodes(t.Context(), a.ID, tok.ID)
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// TestQ3_AChildIsFoundInWhatIsPushed: a narrowed token in a file stops the push, as
// any other one does, until it is revoked.
func TestQ3_AChildIsFoundInWhatIsPushed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, root := s.Token(t, s.ada, "root", "repo")
	child, node := narrower(t, root, "read", "repo\nada/open")
	g := s.clone(t, s.ada, root, "open")
	g.Commit(t, "settings.env", "A=1\nTOKEN="+child+"-\n", "Keep the settings")
	out, code := g.Try(t, "push", "origin", "HEAD:main")
	if code == 0 || !strings.Contains(out, "PUSH PROTECTION") || !strings.Contains(out, "Narrowed Personal Access Token") || !strings.Contains(out, "settings.env:2") || strings.Contains(out, child) {
		t.Errorf("exit %d\n%s", code, out)
	}
	if !strings.Contains(out, fmt.Sprintf("/settings/tokens/%d#narrowed", tok.ID)) {
		t.Errorf("it is not said where it is revoked:\n%s", out)
	}
	if err := s.Tokens.RevokeNode(t.Context(), right.Operator(), s.ada.ID, tok.ID, node); err != nil {
		t.Fatal(err)
	}
	g.Run(t, "push", "-q", "origin", "HEAD:main")
}
