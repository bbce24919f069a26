//go:build !race

package token

// raceEnabled: the race detector allocates on its own.
const raceEnabled = false
