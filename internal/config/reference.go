package config

import (
	"fmt"
	"strings"
)

// Reference returns the manual's table of settings, in Markdown. A test holds
// the manual and the program together.
func Reference() string {
	var b strings.Builder
	b.WriteString("| flag | variable | default | what it is for |\n|---|---|---|---|\n")
	for _, s := range settings {
		flag := "--" + s.Name
		if s.Value != "" {
			flag += " " + s.Value
		}
		variable := "`" + s.Variable() + "`"
		if s.Secret {
			variable += " or `" + s.Variable() + "_FILE`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", flag, variable, s.Default, s.Help)
	}
	return b.String()
}
