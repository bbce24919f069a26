package right

// Touching returns the scopes of the set that give anything on what is another's, a
// repository or an organisation: not those that are about the account itself, and
// not those that only add to others which are missing.
func (s ScopeSet) Touching() ScopeSet {
	var out, adds ScopeSet
	for i := range scopes {
		switch one := ScopeSet(1 << i); {
		case s&one == 0:
		case scopes[i].gives.touches():
			out |= one
		case scopes[i].Name == ScopeWorkflow:
			adds |= one
		}
	}
	if out == 0 {
		return 0
	}
	return (out | adds).Normal()
}

// touches reports whether g gives more, on what is another's, than everybody has.
func (g *Grant) touches() bool {
	for p := range permissions {
		if p == Workflows || !p.ofRepositories() && p != Members && p != OrgAdministration && p != OrganizationHooks && p != OrgTokens {
			continue
		}
		if g.Private[p] > None || g.Public[p] > publicRead[p] {
			return true
		}
	}
	return false
}
