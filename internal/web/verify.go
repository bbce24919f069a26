package web

import (
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/pubkey"
	"jeton/internal/signature"
)

// badge says whether a signature is verified, and why or why not.
type badge struct {
	Good     bool
	Why, Key string
}

// reasons are in words what the API says in one.
var reasons = map[signature.Reason]string{
	signature.Valid:             "It was signed with a key of the account that has this e-mail address.",
	signature.UnknownType:       "It is signed in a way that is not known here, neither by SSH nor by OpenPGP.",
	signature.Malformed:         "Its signature cannot be read.",
	signature.NoUser:            "It is signed, but nobody here has the e-mail address of its committer.",
	signature.UnverifiedEmail:   "It is signed, but the e-mail address of its committer is not verified on their account.",
	signature.BadEmail:          "It is signed, but the e-mail address of its committer is not one of the key's.",
	signature.UnknownKey:        "It is signed with a key that its committer has not added to their account.",
	signature.NotSigningKey:     "It is signed with a key that is not meant for signing.",
	signature.ExpiredKey:        "It is signed with a key that has expired.",
	signature.RevokedKey:        "It is signed with a key that was revoked.",
	signature.Invalid:           "Its signature does not match: it was changed after it was signed, or signed with another key.",
	signature.VerifyError:       "Its signature could not be checked.",
	signature.VerifyUnavailable: "There was no time to check its signature. Load the page again.",
}

func signedCommit(m *object.Commit) pubkey.Signed {
	s := pubkey.Signed{ID: string(m.ID), Email: m.Committer.Email, When: m.Committer.When}
	if m.Proof != nil {
		s.Text, s.Payload = m.Proof.Text, m.Proof.Payload
	}
	return s
}

func signedTag(t *object.Tag) pubkey.Signed {
	s := pubkey.Signed{ID: string(t.ID), Email: t.Tagger.Email, When: t.Tagger.When}
	if t.Proof != nil {
		s.Text, s.Payload = t.Proof.Text, t.Proof.Payload
	}
	return s
}

// badges returns the badge of each, nil for what is not signed.
func (c *call) badges(signed ...pubkey.Signed) ([]*badge, error) {
	verdicts, err := c.door.o.PublicKeys.Verify(c.ctx(), c.door.o.DB, signed)
	if err != nil {
		return nil, err
	}
	out := make([]*badge, len(signed))
	for i, v := range verdicts {
		if v.Reason != signature.Unsigned {
			out[i] = &badge{Good: v.Verified(), Why: reasons[v.Reason], Key: v.KeyID}
		}
	}
	return out, nil
}

// markCommits gives each row of the days the badge and the checks of its commit.
func (c *call) markCommits(days []commitDay, list []object.Commit) error {
	signed := make([]pubkey.Signed, len(list))
	for i := range list {
		signed[i] = signedCommit(&list[i])
	}
	badges, err := c.badges(signed...)
	if err != nil {
		return err
	}
	checks, err := c.checksOf(list...)
	if err != nil {
		return err
	}
	for d := range days {
		for i := range days[d].Commits {
			row := &days[d].Commits[i]
			row.Badge, badges = badges[0], badges[1:]
			row.Checks, checks = checks[0], checks[1:]
		}
	}
	return nil
}

// markLatest gives a folder's latest commit its badge and checks.
func (c *call) markLatest(l *listing, m *object.Commit) error {
	b, err := c.badges(signedCommit(m))
	if err != nil {
		return err
	}
	k, err := c.checksOf(*m)
	if err == nil {
		l.Latest.Badge, l.Latest.Checks = b[0], k[0]
	}
	return err
}

const tagsPerPage = 30

// showTags lists the tags of the repository.
func showTags(c *call) error {
	n := min(c.pageNumber(), maxCommitPage)
	list, more, err := c.door.o.Git.Repo(c.repo.ID).Tags(c.ctx(), (n-1)*tagsPerPage, tagsPerPage)
	if err != nil {
		return err
	}
	page := &tagsPage{RepoFrame: c.repoFrame("Tags", "tags"), Pager: pagerFor(c.repoPath("/tags"), n, more)}
	signed := make([]pubkey.Signed, len(list))
	for i := range list {
		page.Tags = append(page.Tags, c.tagRow(&list[i]))
		if list[i].Tag != nil {
			signed[i] = signedTag(list[i].Tag)
		}
	}
	badges, err := c.badges(signed...)
	if err != nil {
		return err
	}
	for i := range badges {
		page.Tags[i].Badge = badges[i]
	}
	return c.show("tags", page)
}

func (c *call) tagRow(t *gitstore.Tagged) tagRow {
	at := place{home: "/" + c.repo.FullName(), rev: t.Short()}
	row := tagRow{Name: line(t.Short())}
	if t.Tag != nil {
		row.Subject, row.Time = line(cut(t.Tag.Subject(), 200)), t.Tag.Tagger.When
	}
	if t.Commit != nil {
		row.TreeHref = at.to("tree", "")
		row.Short, row.Href = t.Commit.ID.Short(), href("%s/commit/%s", at.home, t.Commit.ID)
		if row.Time.IsZero() {
			row.Time = t.Commit.Committer.When
		}
	}
	return row
}
