package web

import (
	"net/http"

	"jeton/internal/httpkit"
	"jeton/internal/right"
	"jeton/internal/token"
)

// around makes a page one of whose tokens it is about.
type around func(handler) handler

// own is around what is the person's own.
func own(h handler) handler { return h }

// tokenTable is the pages of one token of a kind, below base. look is the action of
// those that only show, deed of all others.
func tokenTable(base string, k token.Kind, look, deed right.Action, of around) []httpkit.Route[handler] {
	const get, post = http.MethodGet, http.MethodPost
	base += "/{token}"
	return []httpkit.Route[handler]{
		{Method: get, Path: base + "/regenerate", Action: deed, Handle: of(regenerateForm(k))},
		{Method: post, Path: base + "/regenerate", Action: deed, Handle: of(regenerateToken(k))},
		{Method: get, Path: base + "/explain", Action: look, Handle: of(explainToken(k))},
		{Method: get, Path: base + "/rotate", Action: deed, Handle: of(rotateForm(k))},
		{Method: post, Path: base + "/rotate", Action: deed, Handle: of(rotateToken(k))},
		{Method: post, Path: base + "/end_old", Action: deed, Handle: of(endOldSecret(k))},
		{Method: post, Path: base + "/unfreeze", Action: deed, Handle: of(unfreezeToken(k))},
		{Method: get, Path: base + "/delete", Action: look, Handle: of(deleteTokenForm(k))},
		{Method: post, Path: base + "/delete", Action: deed, Handle: of(deleteToken(k))},
		{Method: get, Path: base + "/limits", Action: look, Handle: of(limitsForm(k))},
		{Method: post, Path: base + "/limits", Action: deed, Handle: of(setLimits(k))},
		{Method: post, Path: base + "/nodes/{node}/revoke", Action: deed, Handle: of(revokeNode(k))},
	}
}

// usesTable is the pages of what one token did, whatever its kind, below base.
func usesTable(base string, look, deed right.Action, of around) []httpkit.Route[handler] {
	const get, post = http.MethodGet, http.MethodPost
	base += "/{token}"
	return []httpkit.Route[handler]{
		{Method: get, Path: base + "/uses", Action: look, Handle: of(showUses)},
		{Method: get, Path: base + "/uses/export", Action: look, Handle: of(exportUses)},
		{Method: post, Path: base + "/shrink", Action: deed, Handle: of(shrinkToken)},
	}
}
