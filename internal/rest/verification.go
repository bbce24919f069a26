package rest

import (
	"jeton/internal/gitstore/object"
	"jeton/internal/pubkey"
	"jeton/internal/signature"
)

// verification is what GitHub tells of the signature of a commit or tag.
type verification struct {
	Verified   bool    `json:"verified"`
	Reason     string  `json:"reason"`
	Signature  *string `json:"signature"`
	Payload    *string `json:"payload"`
	VerifiedAt *string `json:"verified_at"`
}

// verifyCommits checks the signatures of all the commits of an answer at once,
// and returns what to say of each, in their order.
func (c *call) verifyCommits(list ...object.Commit) ([]verification, error) {
	signed := make([]pubkey.Signed, len(list))
	for i := range list {
		m := &list[i]
		signed[i] = signedBy(string(m.ID), m.Committer, m.Proof)
	}
	return c.verifications(signed)
}

// verifyTags is verifyCommits for annotated tags.
func (c *call) verifyTags(list ...object.Tag) ([]verification, error) {
	signed := make([]pubkey.Signed, len(list))
	for i := range list {
		t := &list[i]
		signed[i] = signedBy(string(t.ID), t.Tagger, t.Proof)
	}
	return c.verifications(signed)
}

func signedBy(id string, who object.Signature, p *object.Proof) pubkey.Signed {
	s := pubkey.Signed{ID: id, Email: who.Email, When: who.When}
	if p != nil {
		s.Text, s.Payload = p.Text, p.Payload
	}
	return s
}

func (c *call) verifications(signed []pubkey.Signed) ([]verification, error) {
	verdicts, err := c.door.o.PublicKeys.Verify(c.r.Context(), c.door.o.DB, signed)
	if err != nil {
		return nil, err
	}
	out := make([]verification, len(signed))
	for i, v := range verdicts {
		if out[i] = (verification{Verified: v.Verified(), Reason: githubReason(v.Reason), VerifiedAt: stamp(v.Since)}); v.Reason != signature.Unsigned {
			payload := string(signed[i].Payload)
			out[i].Signature, out[i].Payload = &signed[i].Text, &payload
		}
	}
	return out, nil
}

// githubReason says the reason in GitHub's words. It has none for a revoked key:
// one that has ended comes nearest.
func githubReason(r signature.Reason) string {
	if r == signature.RevokedKey {
		r = signature.ExpiredKey
	}
	return string(r)
}
