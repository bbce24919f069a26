package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

func cutOf(t testing.TB, from secret.Value, note string, limits ...string) (secret.Value, string) {
	t.Helper()
	n := narrow.NewNode()
	out, err := narrow.Cut(from, n, note, limits...)
	if err != nil {
		t.Fatal(err)
	}
	return out, n.String()
}

func (h *house) verify(t testing.TB, plain secret.Value) *Verified {
	t.Helper()
	v, err := h.Verify(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refusedAs fails unless plain is refused for that reason.
func (h *house) refusedAs(t testing.TB, plain secret.Value, why Why) {
	t.Helper()
	_, err := h.Verify(t.Context(), plain)
	if r, ok := errors.AsType[*Refused](err); !ok || r.Why != why {
		t.Errorf("%v, want %v", err, (&Refused{Why: why}).Error())
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, root := h.create(t, "root", time.Time{})
		child, one := cutOf(t, root, "the build", "repo\nada/site", fmt.Sprintf("until\n%d", h.now.Add(time.Hour).Unix()))
		// Its holder puts a limit behind without a number, and shows that one first.
		links := append(slices.Clone(mustParse(t, child).Links), "read")
		behind := extended(t, child, "read")
		if v := h.verify(t, behind); v.Node != one || !v.Grant.Limits.ReadOnly || !slices.Equal(v.Links, links) {
			t.Fatalf("%+v", v)
		}
		h.verify(t, child)
		grandchild, two := cutOf(t, child, "", "read")
		h.verify(t, grandchild)
		err := d.Write(t.Context(), func(tx *db.Tx) error { // before it is listed
			return h.UsedTx(t.Context(), tx, map[Holder]Use{{Token: tok.ID, Node: two}: {At: h.now, Address: "192.0.2.1", Client: "git/2.39.5"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		nodes, err := h.Nodes(t.Context(), h.owner, tok.ID)
		if err != nil || len(nodes) != 2 {
			t.Fatal(nodes, err)
		}
		if n := nodes[0]; n.Node != one || n.Parent != "" || n.Depth != 0 || n.Note != "the build" || len(n.Limits) != 2 || !n.ExpiresAt.Equal(h.now.Add(time.Hour).Truncate(time.Second)) {
			t.Errorf("%+v", n)
		}
		if n := nodes[1]; n.Node != two || n.Parent != one || n.Top != one || n.Depth != 1 || len(n.Limits) != 3 || n.Address != "192.0.2.1" || n.Ended {
			t.Errorf("%+v", n)
		}
		unseen, three := cutOf(t, root, "", "read")
		for _, n := range []string{one, three} {
			if err := h.RevokeNode(t.Context(), right.Actor{}, h.owner, tok.ID, n); err != nil {
				t.Fatal(err)
			}
		}
		for _, plain := range []secret.Value{child, grandchild, behind, unseen} {
			h.refusedAs(t, plain, Revoked)
		}
		h.verify(t, root)
		// Who came by a narrowed token ends itself and what is below, and nothing else.
		mine, four := cutOf(t, root, "", "read")
		below, five := cutOf(t, mine, "", "read")
		h.verify(t, below)
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		actor := right.Actor{Account: h.owner, Node: four}
		for _, n := range []string{one, three, narrow.NewNode().String()} {
			if err := h.RevokeNode(t.Context(), actor, h.owner, tok.ID, n); !problem.Is(err, problem.NotFound) {
				t.Errorf("a child ended another one: %v", err)
			}
		}
		for _, n := range []string{five, four} {
			if err := h.RevokeNode(t.Context(), actor, h.owner, tok.ID, n); err != nil {
				t.Error(err)
			}
		}
		h.refusedAs(t, below, Revoked)
		h.refusedAs(t, mine, Revoked)
		over, _ := cutOf(t, root, "", "until\n1000000")
		h.refusedAs(t, over, Expired)
	})
}

// TestNodes_crowd: nobody who holds a narrowed token crowds out what is beside it,
// what is over makes room, and what was revoked stays refused.
func TestNodes_crowd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, _ := h.create(t, "root", time.Time{})
		limits := []right.Limit{{Name: right.LimitUntil, Values: []string{fmt.Sprint(h.now.Add(time.Hour).Unix())}}}
		put := func(steps ...step) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := remember(t.Context(), tx, tok.ID, steps, h.now)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		count := func() int {
			nodes, err := h.Nodes(t.Context(), h.owner, tok.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(nodes)
		}
		top := func() step { n := narrow.NewNode().String(); return step{node: n, top: n, limits: limits} }
		first := top()
		put(first)
		for range MaxBelow + 20 {
			put(first, step{node: narrow.NewNode().String(), parent: first.node, top: first.node, limits: limits})
		}
		if n := count(); n != MaxBelow {
			t.Errorf("%d below one", n)
		}
		if err := h.RevokeNode(t.Context(), right.Actor{}, h.owner, tok.ID, first.node); err != nil {
			t.Fatal(err)
		}
		for range MaxTop + 20 {
			put(top())
		}
		if n := count(); n != MaxBelow+MaxTop {
			t.Errorf("%d in all", n)
		}
		h.now = h.now.Add(26 * time.Hour)
		limits = nil
		put(top())
		if n := count(); n != 2 { // and the one that was revoked
			t.Errorf("%d a day later", n)
		}
	})
}

func mustParse(t testing.TB, plain secret.Value) *narrow.Chain {
	t.Helper()
	c, err := narrow.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// extended puts a limit behind, as part of the last step.
func extended(t testing.TB, plain secret.Value, limit string) secret.Value {
	t.Helper()
	text := plain.Reveal()
	raw, err := base64.RawURLEncoding.DecodeString(text[4 : len(text)-checkLen])
	if err != nil {
		t.Fatal(err)
	}
	b := slices.Concat(raw[:narrow.LookupBytes], narrow.Tag(raw[narrow.LookupBytes:narrow.HeadBytes], []string{limit}), raw[narrow.HeadBytes:], []byte{byte(len(limit))}, []byte(limit))
	body := base64.RawURLEncoding.EncodeToString(b)
	sum := checksum([]byte(body))
	return secret.New(narrow.Prefix + body + string(sum[:]))
}

// TestNarrow_neverWider: what was narrowed, once or more often, and what is made
// from it for a transfer, is never let do what that from which it came is not.
func TestNarrow_neverWider(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	now := h.now
	var roots []secret.Value
	for i, names := range [][]string{{"repo", "user", "delete_repo", "workflow"}, {"public_repo"}, {"repo", "admin:org"}, {}} {
		scopes, err := right.ParseScopes(names)
		if err != nil {
			t.Fatal(err)
		}
		var limits []right.Limit
		if i == 2 {
			limits = []right.Limit{{Name: right.LimitRepos, Values: []string{"ada/site", "ada/docs"}}}
		}
		_, plain, err := h.Create(t.Context(), right.Operator(), h.owner, NewToken{Note: fmt.Sprint("p", i), Scopes: scopes, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, plain)
	}
	one := rapid.SampledFrom([]string{"read", "repo\nada/site", "repo\nada/docs\nada/site", "repo\neve/site", "permission\ncontents=read", "permission\ncontents=write\nadministration=write", "permission\nmetadata=read",
		"fast-forward", "create-only", "ref\nrefs/heads/**", "push-ref\nrefs/heads/x", "path\ndocs/**", "uses\n5", "bytes\n500", "network\n192.0.2.0/24", "until\n4000000000", "until\n3000000000"})
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SampledFrom(roots).Draw(t, "root")
		before, err := h.Verify(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			if plain, err = narrow.Cut(plain, narrow.NewNode(), "", rapid.SliceOfN(one, 0, 3).Draw(t, "limits")...); err != nil {
				t.Fatal(err)
			}
			after, err := h.Verify(t.Context(), plain)
			if err != nil {
				t.Fatal(err)
			}
			derived, err := h.VerifySource(t.Context(), Source{Account: after.Account, Token: after.Token, Ending: after.LastEight, Links: after.Links})
			if err != nil {
				t.Fatal(err)
			}
			f := right.Facts{Exists: true, Public: rapid.Bool().Draw(t, "public"), Archived: rapid.Bool().Draw(t, "archived"), Creates: true,
				Relation: rapid.SampledFrom([]right.Level{right.None, right.Read, right.Write, right.Admin}).Draw(t, "relation"), Owner: h.owner, Repo: 7,
				OwnerLogin: rapid.SampledFrom([]string{"ada", "eve"}).Draw(t, "owner"), Name: rapid.SampledFrom([]string{"site", "docs", "Site"}).Draw(t, "name")}
			for _, a := range right.Actions() {
				parent, child, ticket := right.Check(actorBy(before), a, f, now).Allow, right.Check(actorBy(after), a, f, now).Allow, right.Check(actorBy(derived), a, f, now).Allow
				if child && !parent || ticket && !child {
					t.Fatalf("%v: parent %v, child %v, transfer %v, by %q", a, parent, child, ticket, after.Links)
				}
			}
			neverWider(t, before, after)
			neverWider(t, after, derived)
			before = after
		}
	})
}

func actorBy(v *Verified) *right.Actor {
	return &right.Actor{Account: v.Account, Login: "ada", Kind: right.ClassicToken, Token: v.Token, Scopes: v.Scopes, Grant: v.Grant, Node: v.Node, Links: v.Links}
}

// neverWider compares what right.Check does not ask.
func neverWider(t *rapid.T, before, after *Verified) {
	b, a := before.Grant.Limits, after.Grant.Limits
	for _, ref := range []string{"refs/heads/x", "refs/heads/a/b", "refs/tags/v1"} {
		if a.SeeRef(ref) && !b.SeeRef(ref) || a.MoveRef(ref) && !b.MoveRef(ref) {
			t.Fatalf("it sees or moves %s, which its parent does not", ref)
		}
	}
	for _, path := range []string{"docs/a", "README.md"} {
		if a.ChangePath(path) && !b.ChangePath(path) {
			t.Fatalf("it changes %s, which its parent does not", path)
		}
	}
	if b != nil && (b.ReadOnly && !a.ReadOnly || b.Forward && !a.Forward || b.Create && !a.Create || b.Uses != 0 && (a.Uses == 0 || a.Uses > b.Uses) || b.Bytes != 0 && (a.Bytes == 0 || a.Bytes > b.Bytes)) {
		t.Fatalf("%+v became %+v", b, a)
	}
	if !before.ExpiresAt.IsZero() && (after.ExpiresAt.IsZero() || after.ExpiresAt.After(before.ExpiresAt)) || after.Account != before.Account || after.Token != before.Token {
		t.Fatalf("%+v became %+v", before, after)
	}
}

// BenchmarkVerify_narrowed is BenchmarkVerify_hit for one that was narrowed.
func BenchmarkVerify_narrowed(b *testing.B) {
	h := newHouse(b, dbtest.Open(b))
	_, root := h.create(b, "bench", time.Time{})
	plain, _ := cutOf(b, root, "ci", "read", "repo\nada/site")
	ctx := b.Context()
	if _, err := h.Verify(ctx, plain); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Verify(ctx, plain); err != nil {
			b.Fatal(err)
		}
	}
}
