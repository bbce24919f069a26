package graphql

// What GitHub's repositories have and none here: clients ask for it, and are told
// that there is nothing.

// DeleteBranchOnMerge is false: there are no pull requests.
func (*repository) DeleteBranchOnMerge() bool { return false }

// HasDiscussionsEnabled is false.
func (*repository) HasDiscussionsEnabled() bool { return false }

// HasIssuesEnabled is false.
func (*repository) HasIssuesEnabled() bool { return false }

// HasProjectsEnabled is false.
func (*repository) HasProjectsEnabled() bool { return false }

// HasWikiEnabled is false.
func (*repository) HasWikiEnabled() bool { return false }

// IsBlankIssuesEnabled is false.
func (*repository) IsBlankIssuesEnabled() bool { return false }

// IsDisabled is false.
func (*repository) IsDisabled() bool { return false }

// IsLocked is false.
func (*repository) IsLocked() bool { return false }

// IsMirror is false.
func (*repository) IsMirror() bool { return false }

// IsUserConfigurationRepository is false.
func (*repository) IsUserConfigurationRepository() bool { return false }

// MergeCommitAllowed is false: there are no pull requests.
func (*repository) MergeCommitAllowed() bool { return false }

// RebaseMergeAllowed is false: there are no pull requests.
func (*repository) RebaseMergeAllowed() bool { return false }

// SquashMergeAllowed is false: there are no pull requests.
func (*repository) SquashMergeAllowed() bool { return false }

// UsesCustomOpenGraphImage is false.
func (*repository) UsesCustomOpenGraphImage() bool { return false }

// ViewerHasStarred is false.
func (*repository) ViewerHasStarred() bool { return false }

// StargazerCount is 0.
func (*repository) StargazerCount() int32 { return 0 }

// IsSecurityPolicyEnabled is unknown.
func (*repository) IsSecurityPolicyEnabled() *bool { return nil }

// MirrorURL is empty.
func (*repository) MirrorURL() *uri { return nil }

// SecurityPolicyURL is empty.
func (*repository) SecurityPolicyURL() *uri { return nil }
