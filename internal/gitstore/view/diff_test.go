package view

import (
	"strings"
	"testing"
)

// What git prints is known; the parser must not fall over anything else.
func FuzzParseDiff(f *testing.F) {
	f.Add(":100644 100644 1 2 M\x00a\x00\x00diff --git a/a b/a\n@@ -1,2 +1 @@ x\n a\n-b\n\\ No newline at end of file\n")
	f.Add(":100644 120000 1 2 T\x00a\x00:0 1 2 3 R100\x00b\x00c\x00\x00diff --git a/a b/a\n@@ -1 +0,0 @@\n-a\ndiff --git a/a b/a\n@@ -0,0 +1 @@\n+a\n")
	f.Add(":0 1 2 3 A\x00a\x00\x00@@ -1 +1 @@\n")
	f.Fuzz(func(t *testing.T, s string) {
		d, _ := parseDiff(strings.NewReader(s), DiffLimits{Files: 3, Lines: 5, LineBytes: 10, Bytes: 1000}.withDefaults())
		for _, file := range d.Files {
			n := 0
			for _, h := range file.Hunks {
				n += len(h.Lines)
			}
			if n > 5 || len(d.Files) > 3 {
				t.Errorf("past the limits: %d lines, %d files", n, len(d.Files))
			}
		}
	})
}
