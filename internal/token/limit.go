package token

import (
	"context"
	"encoding/json"
	"strings"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// checkLimits makes sure that limits mean something.
func checkLimits(limits []right.Limit) error {
	l, err := right.NewLimits(limits)
	if err != nil {
		return problem.Field("limits", err.Error())
	}
	if l != nil && !l.Until.IsZero() {
		return problem.Field("limits", "a token's end is its expiration, not a limit")
	}
	return nil
}

// within returns g within limits. Limits that this program does not understand
// leave nothing.
func within(g right.Grant, limits []right.Limit) right.Grant {
	l, err := right.NewLimits(limits)
	if err != nil {
		return right.Grant{}
	}
	if b, ok := l.Budget(""); ok {
		l.Budgets = []right.Budget{b}
	}
	g.Limits = l
	return g
}

// SetLimits changes what narrows a token that its owner made, beside its scopes
// or permissions. Requests under way are asked about again.
func (r *Room) SetLimits(ctx context.Context, actor right.Actor, account id.Account, tid id.Token, limits []right.Limit) (Token, error) {
	if err := checkLimits(limits); err != nil {
		return Token{}, err
	}
	var t Token
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if t, err = byID(ctx, tx, account, tid, made); err != nil {
			return err
		}
		was := t
		t.Limits = limits
		return r.updateAsked(ctx, tx, actor, was, t, t.Kind.deed("limit"), false, "")
	})
	return t, err
}

// limitsWords are limits in one line, for the log.
func limitsWords(limits []right.Limit) string {
	words := make([]string, len(limits))
	for i, l := range limits {
		words[i] = strings.TrimSuffix(l.Name+"="+strings.Join(l.Values, " "), "=")
	}
	return strings.Join(words, "; ")
}

func limitsText(limits []right.Limit) string {
	if len(limits) == 0 {
		return ""
	}
	texts := make([]string, len(limits))
	for i, l := range limits {
		texts[i] = l.String()
	}
	out, _ := json.Marshal(texts) // strings only
	return string(out)
}

// ParseLimits reads what limitsText wrote. What cannot be read becomes a limit
// that nobody understands, so that it denies.
func ParseLimits(text string) []right.Limit {
	if text == "" {
		return nil
	}
	var texts []string
	if err := json.Unmarshal([]byte(text), &texts); err != nil {
		return []right.Limit{{Name: "unreadable"}}
	}
	out := make([]right.Limit, len(texts))
	for i, one := range texts {
		out[i] = right.ParseLimit(one)
	}
	return out
}
