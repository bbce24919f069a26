package right

// Budget is how often a token may be used, and for how many bytes of what is
// fetched and pushed. A narrowed token has its own beside those of every token that
// it was made from: all of them are used up together.
type Budget struct {
	Path  string // whose it is: empty for the token itself, else the numbers of the steps, with slashes between them
	Uses  int64  // 0: any number
	Bytes int64  // 0: any number
}

// Budget returns the budget that the limits hold, and false when they hold none.
func (l *Limits) Budget(path string) (Budget, bool) {
	if l == nil || l.Uses == 0 && l.Bytes == 0 {
		return Budget{}, false
	}
	return Budget{Path: path, Uses: l.Uses, Bytes: l.Bytes}, true
}

// Counted reports whether it is counted what the token does.
func (l *Limits) Counted() bool { return l != nil && len(l.Budgets) > 0 }
