// Package house holds no code, only the rules of the house as tests: which
// package may import which, and what may stand nowhere. They read the source
// itself, so that the test cache notices every change.
package house
