package run

// DiffConfig is how two versions are compared and merged. It tells larger files apart without reading them: a line of a gigabyte
// must cost nothing.
func DiffConfig() []string {
	return []string{"core.bigFileThreshold", "2m", "diff.algorithm", "histogram"}
}
