package matrix

// gitRules are about Git and Git LFS.
var gitRules = []rule{
	// Git.
	about(`git \w+ .*upload-pack`, reader, "repo to read", false),
	about(`git GET .*/bundles/.*`, reader, "repo to read", false),
	about(`git \w+ .*receive-pack`, writer, "repo", false),

	// Git LFS.
	about(`lfs POST .*/objects/batch\?operation=download`, reader, "repo to read", false),
	about(`lfs GET .*`, reader, "repo to read", false),
	about(`lfs \w+ .*`, writer, "repo", false),
}
