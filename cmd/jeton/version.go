package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

const versionUsage = `Usage: jeton version [--json]

Say which program this is.
`

func version(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	v := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		System  string `json:"system"`
	}{programVersion(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	return c.print(v, func(w io.Writer) { _, _ = fmt.Fprintf(w, "jeton %s (%s, %s)\n", v.Version, v.Go, v.System) })
}

// programVersion is what the build knows of itself: the module's version, or
// the commit that it was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "development"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	if revision == "" {
		return "development"
	}
	return revision + changed
}
