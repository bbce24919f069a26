package main

import (
	"fmt"
	"strings"
)

// overview is what "jeton help" prints: each command with the first sentence of
// its help.
func overview() string {
	var b strings.Builder
	b.WriteString("Usage: jeton COMMAND [arguments]\n\nA Git host. \"jeton serve\" starts it; the other commands work while it runs, too.\nlogin, logout, whoami, credential, explain, \"token narrow\" and \"token rotate\" are for the people who use one.\n\n")
	for _, c := range commands() {
		_, text, _ := strings.Cut(c.usage, "\n\n")
		first, _, _ := strings.Cut(text, ".")
		fmt.Fprintf(&b, "  %-21s %s.\n", c.name, strings.Join(strings.Fields(first), " "))
	}
	b.WriteString(`
Every command takes --json and --help. Those for the server take --data DIR
(default ./data), the settings --keys, --database, --url and --git as "jeton
serve" does, variables such as JETON_DATA, and the file DATA/jeton.toml. Ends
with 0 when it did what it was asked to, 1 when not, 2 when the command line was
wrong.
`)
	return b.String()
}
