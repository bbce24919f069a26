package right

// GitHubCLI is the client id of the GitHub CLI, the same on every host. It
// stands here because refusals that reach a person of it name its commands.
const GitHubCLI = "178c6fc778ccc68e1d6a"
